//! What is known of Shopify's shops, their orders, products and customers.

mod customer;
mod order;
mod product;
mod said;
mod shop;

pub use customer::{ShopCustomer, ShopCustomerFact, ShownShopCustomer};
pub use order::{Buyer, Order, OrderFact, ShownOrder};
pub use product::{Product, ProductFact, ShownProduct};
pub use said::{Said, ShopifyFact};
pub use shop::{Shop, ShopFact, ShopStatus, ShownShop};

use crate::{
    kind::{Served, group_places},
    ports::{Index, Place},
    record::{Record, place},
    time::Timestamp,
};

/// A record that holds data of people, and belongs to a shop.
pub trait Personal: Record {
    /// What an event says of it.
    type Fact: ShopifyFact;

    /// What is said of it.
    fn said(&mut self) -> &mut Said<Self::Fact>;
}

/// Where a thing of a shop's stands: in the list of all of its kind, in the shop's own, and where else its kind can be asked for.
fn places<K: Served>(record: &K, at: Timestamp) -> Vec<Place> {
    let list = record.is_served().then(|| place(Index::List, K::KIND, at, record.id()));
    list.into_iter().chain(group_places(record, at)).collect()
}
