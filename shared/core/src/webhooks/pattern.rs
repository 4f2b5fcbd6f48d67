//! Types of events, and the patterns by which subscribers choose among them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::schema::{Described, Named};

/// The longest type, bytes.
const LONGEST: usize = 128;

/// Whether a text can be a type of events: words of letters, digits, `_`, `-`, `/` and `:`, separated by full stops
/// (Standard Webhooks, "Event types"; slashes and colons come from providers that name theirs so).
#[must_use]
pub fn is_event_type(text: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-/:".contains(&byte));
    text.len() <= LONGEST && text.split('.').all(word)
}

/// Whether a text can be a type that somebody is told of: one that can be published, or one of a provider's with brackets in a word
/// (`stripe.v2.core.account[requirements].updated`).
fn is_told_type(text: &str) -> bool {
    // Nobody publishes brackets, so that a type without them is the same by both rules.
    is_event_type(&text.replace(['[', ']'], "_"))
}

/// What Sluice tells of deliveries and subscriptions. It must be asked for by name: whoever wants all events wants those of the business.
pub(crate) const OWN_NEWS: [&str; 3] = ["delivery.", "subscription.", "webhook."];

fn is_own_news(event_type: &str) -> bool {
    OWN_NEWS.iter().any(|prefix| event_type.starts_with(prefix))
}

/// What a subscriber wants: one type (`booking.refunded`), all below one (`booking.*`), or all
/// but Sluice's own news (`*`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Described for Pattern {
    fn schema(_: &mut Named) -> Value {
        json!({ "type": "string" })
    }
}

impl Pattern {
    /// All types.
    pub const ALL: &'static str = "*";

    /// Reads a pattern; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text == Self::ALL || is_told_type(text.strip_suffix(".*").unwrap_or(text));
        fits.then(|| Self(text.to_owned()))
    }

    /// The pattern as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it covers a type.
    #[must_use]
    pub fn matches(&self, event_type: &str) -> bool {
        match self.0.strip_suffix('*') {
            None => self.0 == event_type,
            Some("") => !is_own_news(event_type),
            Some(prefix) => event_type.len() > prefix.len() && event_type.starts_with(prefix),
        }
    }

    /// Every pattern that covers a type: the type itself, each of its prefixes, and all if that does.
    pub fn covering(event_type: &str) -> impl Iterator<Item = Self> {
        let prefixes = event_type.match_indices('.').map(|(at, _)| format!("{}.*", &event_type[..at]));
        let all = (!is_own_news(event_type)).then(|| Self::ALL.to_owned());
        all.into_iter().chain([event_type.to_owned()]).chain(prefixes.collect::<Vec<_>>()).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_a_pattern() {
        for right in [
            "*",
            "booking.*",
            "booking.refunded",
            "stripe.v2.core.event",
            "shopify.orders/create",
            "stripe.v2.core.account[requirements].updated",
            "a",
        ] {
            assert!(Pattern::parse(right).is_some(), "{right}");
        }
        for wrong in ["", ".", "booking.", ".booking", "book*", "*.refunded", "booking.*.x", "**", "booking..x", "a b", "é"] {
            assert!(Pattern::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn brackets_are_a_providers() {
        let accounts = "stripe.v2.core.account[requirements].updated";
        assert!(Pattern::parse(accounts).unwrap().matches(accounts));
        assert!(Pattern::covering(accounts).any(|pattern| pattern.as_str() == accounts));
        assert!(!is_event_type(accounts));
    }

    #[test]
    fn what_it_covers() {
        let covers = |pattern: &str, event_type: &str| Pattern::parse(pattern).unwrap().matches(event_type);
        assert!(covers("*", "booking.refunded") && covers("booking.*", "booking.refunded") && covers("booking.*", "booking.a.b"));
        assert!(covers("booking.refunded", "booking.refunded"));
        assert!(covers("delivery.*", "delivery.failed") && covers("delivery.failed", "delivery.failed") && !covers("*", "delivery.failed"));
        assert!(Pattern::covering("delivery.failed").all(|pattern| pattern.as_str() != Pattern::ALL));
        assert!(
            !covers("booking.*", "booking")
                && !covers("booking.*", "bookings.refunded")
                && !covers("booking.refunded", "booking.refunded.x")
        );
    }

    proptest! {
        #[test]
        fn a_pattern_covers_a_type_if_and_only_if_it_is_one_of_those_covering_it(
            event_type in "[a-c]{1,2}(\\.[a-c]{1,2}){0,3}",
            pattern in "\\*|[a-c]{1,2}(\\.[a-c]{1,2}){0,3}(\\.\\*)?",
        ) {
            let pattern = Pattern::parse(&pattern).unwrap();
            prop_assert_eq!(Pattern::covering(&event_type).any(|covering| covering == pattern), pattern.matches(&event_type));
        }
    }
}
