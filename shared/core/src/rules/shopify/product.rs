//! <https://shopify.dev/docs/api/admin-rest/latest/resources/product>

use super::{Read, insist_deletion, insist_own};
use crate::{
    plan::{Stop, View},
    records::{Product, ProductFact},
};

/// A product is new, or has changed.
pub(super) fn told(read: &Read<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let id = read.id()?;
    let mut product = heard_of(read, &id, view)?;
    product.said.join(
        read.changed_at(),
        ProductFact {
            shop: read.shop.to_owned(),
            title: read.body.owned("title"),
            handle: read.body.owned("handle"),
            vendor: read.body.owned("vendor"),
            product_type: read.body.owned("product_type"),
            status: read.body.owned("status"),
            variants: read.body.count("variants"),
            created_at: read.body.time("created_at"),
            published_at: read.body.time("published_at"),
        },
    );
    view.summarize(format!("product {} of {}", read.body.text("title").unwrap_or(&id), read.shop));
    view.write(&product)
}

fn heard_of(read: &Read<'_>, id: &str, view: &mut View<'_>) -> Result<Product, Stop> {
    let received_at = read.event.received_at;
    let mut product = view.read::<Product>(id)?.unwrap_or_else(|| Product::first_heard(id, received_at));
    insist_own(read, &mut product.said)?;
    product.heard.join(received_at);
    view.tell::<Product>(id);
    Ok(product)
}

/// A product was deleted.
pub(super) fn deleted(read: &Read<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    insist_deletion(read)?;
    let id = read.id()?;
    let mut product = heard_of(read, &id, view)?;
    product.said.join_deleted(read.happened_at());
    view.summarize(format!("product {id} of {} deleted", read.shop));
    view.write(&product)
}
