use serde::{Deserialize, Serialize};

use crate::{
    records::{
        Latest,
        latest::{first, last},
    },
    time::Timestamp,
};

/// What one event says of a thing of a shop's.
pub trait ShopifyFact: Ord {
    /// Whether what is said after people were erased is forgotten, too. If not, it is of a new time.
    const FOR_GOOD: bool = true;

    /// The shop that it is said to be of. `None` of a shop itself.
    fn shop(&self) -> Option<&str> {
        None
    }

    /// Forgets all that says who somebody is.
    fn forget(&mut self) {}
}

/// What is said of a thing of a shop's: the newest word, and since when the thing is gone or its people are erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said<T> {
    /// What was said last. Without it only marks are known, and the thing is not served.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub latest: Option<Latest<T>>,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// When all that says who somebody is was erased: first if that is for good, else last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted_at: Option<Timestamp>,
    /// The shop that the marks are of, as long as nothing else is known that says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shop: Option<String>,
}

impl<T> Default for Said<T> {
    fn default() -> Self {
        Self { latest: None, deleted_at: None, redacted_at: None, shop: None }
    }
}

impl<T: ShopifyFact> Said<T> {
    /// Joins what an event says.
    pub fn join(&mut self, at: Timestamp, fact: T) {
        Latest::join(&mut self.latest, at, fact);
        self.shop = None;
        self.scrub();
    }

    /// Whether the thing is this shop's. The first shop that is heard to have it is: it never changes hands.
    pub fn belongs_to(&mut self, shop: &str) -> bool {
        if let Some(known) = self.fact().and_then(T::shop).or(self.shop.as_deref()) {
            return known == shop;
        }
        self.shop = Some(shop.to_owned());
        true
    }

    /// Whether what is known of it was said of this shop's.
    #[must_use]
    pub fn is_known_of(&self, shop: &str) -> bool {
        self.fact().and_then(T::shop) == Some(shop)
    }

    /// Joins that it was deleted.
    pub fn join_deleted(&mut self, at: Timestamp) {
        first(&mut self.deleted_at, at);
    }

    /// Forgets all that says who somebody is.
    pub fn redact(&mut self, at: Timestamp) {
        if T::FOR_GOOD {
            first(&mut self.redacted_at, at)
        } else {
            last(&mut self.redacted_at, at)
        }
        self.scrub();
    }

    /// Whether that was done.
    #[must_use]
    pub fn is_redacted(&self) -> bool {
        self.redacted_at.is_some()
    }

    /// What was said last.
    #[must_use]
    pub fn fact(&self) -> Option<&T> {
        self.latest.as_ref().map(|latest| &latest.fact)
    }

    /// When it was last changed, by Shopify.
    #[must_use]
    pub fn changed_at(&self) -> Option<Timestamp> {
        self.latest.as_ref().map(|latest| latest.at)
    }

    fn scrub(&mut self) {
        if let (Some(redacted_at), Some(latest)) = (self.redacted_at, &mut self.latest)
            && (T::FOR_GOOD || latest.at <= redacted_at)
        {
            latest.fact.forget();
        }
    }
}
