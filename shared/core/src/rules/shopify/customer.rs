//! <https://shopify.dev/docs/api/admin-rest/latest/resources/customer>

use super::{Read, insist_deletion, insist_own};
use crate::{
    plan::{Stop, View},
    records::{Shop, ShopCustomer, ShopCustomerFact},
};

/// A customer is new, or has changed.
pub(super) fn told(read: &Read<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let (id, at) = (read.id()?, read.changed_at());
    let mut customer = heard_of(read, &id, view)?;
    let names = ["first_name", "last_name"].map(|name| read.body.text(name));
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    customer.said.join(
        at,
        ShopCustomerFact {
            shop: read.shop.to_owned(),
            state: read.body.owned("state"),
            created_at: read.body.time("created_at"),
            name: Some(name).filter(|name| !name.is_empty()),
            email: read.body.owned("email"),
            phone: read.body.owned("phone"),
        },
    );
    // As for orders.
    if let Some(redacted_at) = view.peek::<Shop>(read.shop)?.and_then(|shop| shop.said.redacted_at).filter(|redacted_at| at <= *redacted_at)
    {
        customer.said.redact(redacted_at);
    }
    if customer.said.is_redacted() {
        view.erase_body();
    }
    view.summarize(format!("customer {id} of {}", read.shop));
    view.write(&customer)
}

pub(super) fn heard_of(read: &Read<'_>, id: &str, view: &mut View<'_>) -> Result<ShopCustomer, Stop> {
    let received_at = read.event.received_at;
    let mut customer = view.read::<ShopCustomer>(id)?.unwrap_or_else(|| ShopCustomer::first_heard(id, received_at));
    insist_own(read, &mut customer.said)?;
    customer.heard.join(received_at);
    view.tell::<ShopCustomer>(id);
    Ok(customer)
}

/// A customer was deleted.
pub(super) fn deleted(read: &Read<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    insist_deletion(read)?;
    let id = read.id()?;
    let mut customer = heard_of(read, &id, view)?;
    customer.said.join_deleted(read.happened_at());
    view.summarize(format!("customer {id} of {} deleted", read.shop));
    view.write(&customer)
}
