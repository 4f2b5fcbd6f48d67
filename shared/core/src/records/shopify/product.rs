use serde::{Deserialize, Serialize};

use super::{Said, ShopifyFact, places};
use crate::{
    kind::{Filter, Served, served_record},
    ports::{Index, Place},
    record::Record,
    records::{Heard, History},
    schema::described,
    time::Timestamp,
};

/// A product of a shop: <https://shopify.dev/docs/api/admin-rest/latest/resources/product>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Shopify's id.
    pub id: String,
    /// What is said of it.
    #[serde(flatten)]
    pub said: Said<ProductFact>,
    /// When it was heard of.
    pub heard: Heard,
    /// Which events changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

/// What an event says of a product.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProductFact {
    /// The shop's domain.
    pub shop: String,
    /// The title.
    pub title: Option<String>,
    /// The name in the shop's URLs.
    pub handle: Option<String>,
    /// Who makes it.
    pub vendor: Option<String>,
    /// What sort of thing it is, in the shop's words.
    pub product_type: Option<String>,
    /// Shopify's word for its state: `active`, `archived`, `draft`.
    pub status: Option<String>,
    /// How many variants it has.
    pub variants: usize,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
}

impl Product {
    /// Of the product `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self { id: id.to_owned(), said: Said::default(), heard: Heard::at(at), history: History::default() }
    }
}

impl ShopifyFact for ProductFact {
    fn shop(&self) -> Option<&str> {
        Some(&self.shop)
    }
}

described! {
    /// A product as the API shows it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct ShownProduct as "Product" {
        id: String,
        shop: Option<String>,
        title: Option<String>,
        handle: Option<String>,
        vendor: Option<String>,
        product_type: Option<String>,
        status: Option<String>,
        variants: Option<usize>,
        published_at: Option<Timestamp>,
        deleted_at: Option<Timestamp>,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

impl Served for Product {
    const NAME: &'static str = "product";
    const LIST: &'static str = Self::KIND;
    const UNMATCHED: &'static str = "product/unmatched";
    const FILTERS: &'static [Filter] = &[Filter::group("shop", Index::Group), Filter::state("status", &[])];
    type Shown = ShownProduct;

    fn shown(&self) -> ShownProduct {
        let fact = self.said.fact();
        ShownProduct {
            id: self.id.clone(),
            shop: fact.map(|fact| fact.shop.clone()),
            title: fact.and_then(|fact| fact.title.clone()),
            handle: fact.and_then(|fact| fact.handle.clone()),
            vendor: fact.and_then(|fact| fact.vendor.clone()),
            product_type: fact.and_then(|fact| fact.product_type.clone()),
            status: fact.and_then(|fact| fact.status.clone()),
            variants: fact.map(|fact| fact.variants),
            published_at: fact.and_then(|fact| fact.published_at),
            deleted_at: self.said.deleted_at,
            created_at: self.heard.first,
            updated_at: self.heard.last,
        }
    }

    fn group(&self, field: &str) -> Option<&str> {
        self.said.fact().filter(|_| field == "shop").map(|fact| fact.shop.as_str())
    }

    fn is_served(&self) -> bool {
        self.said.latest.is_some()
    }
}

impl Record for Product {
    const KIND: &'static str = "product";
    const STATES: &'static [&'static str] = &["status", "deleted_at"];

    served_record!();

    fn places(&self) -> Vec<Place> {
        places(self, self.heard.first)
    }
}
