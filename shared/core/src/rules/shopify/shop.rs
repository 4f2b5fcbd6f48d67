//! <https://shopify.dev/docs/api/admin-rest/latest/resources/shop>

use super::{Read, insist};
use crate::{
    plan::{Stop, View},
    records::{Shop, ShopFact},
};

/// Something about the shop has changed, so the app is there.
pub(super) fn updated(read: &Read<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    insist_shop(read)?;
    let mut shop = heard_of(read, view)?;
    tell(read, &mut shop);
    shop.join_open(read.changed_at());
    view.summarize(format!("shop {} changed", read.shop));
    if shop.has_redacted(read.changed_at()) {
        view.erase_body();
    }
    view.write(&shop)
}

/// The app was removed from the shop.
pub(super) fn uninstalled(read: &Read<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    insist_shop(read)?;
    let mut shop = heard_of(read, view)?;
    tell(read, &mut shop);
    shop.join_closed(read.happened_at(), read.changed_at());
    view.summarize(format!("the app was removed from {}", read.shop));
    if shop.has_redacted(read.changed_at()) {
        view.erase_body();
    }
    view.write(&shop)
}

fn insist_shop(read: &Read<'_>) -> Result<(), Stop> {
    insist(read, "myshopify_domain", read.body.id("id").is_some() && read.body.has("name"))
}

pub(super) fn heard_of(read: &Read<'_>, view: &mut View<'_>) -> Result<Shop, Stop> {
    let received_at = read.event.received_at;
    let mut shop = view.read::<Shop>(read.shop)?.unwrap_or_else(|| Shop::first_heard(read.shop, received_at));
    shop.heard.join(received_at);
    view.tell::<Shop>(read.shop);
    Ok(shop)
}

fn tell(read: &Read<'_>, shop: &mut Shop) {
    shop.said.join(
        read.changed_at(),
        ShopFact {
            name: read.body.owned("name"),
            currency: read.body.text("currency").map(str::to_lowercase),
            country: read.body.owned("country_code"),
            plan: read.body.owned("plan_name"),
            owner: read.body.owned("shop_owner"),
            email: read.body.owned("email"),
        },
    );
}
