//! What shops say, and what is erased of their people.

use super::*;
use crate::shopify::{CUSTOMER, ORDER, SHOP, customer, everything, order, product, redact_customer, redact_shop, shop};

#[tokio::test]
async fn orders_in_every_order() {
    let paid = json!({ "financial_status": "paid" });
    let fulfilled = json!({ "financial_status": "paid", "fulfillment_status": "fulfilled" });
    let steps = [
        event(shopify("w1", "orders/create", start(), &order(start(), &json!({})))),
        event(shopify("w2", "orders/updated", start(), &order(start(), &json!({ "total_price": "60.00" })))),
        event(shopify("w3", "orders/paid", start(), &order(start() + minutes(1), &paid))),
        event(shopify("w4", "orders/updated", start(), &order(start() + minutes(2), &paid))),
        event(shopify("w5", "orders/fulfilled", start(), &order(start() + minutes(3), &fulfilled))),
    ];
    every_order(&steps, &[&format!("orders/{ORDER}")], Mails::Same, false, |_| ()).await;
}

pub(super) fn nobody_is_left(world: &World) {
    let everything = everything(world).to_lowercase();
    for erased in ["dana", "15035550142"] {
        assert!(!everything.contains(erased), "{erased} is still there");
    }
}

#[tokio::test]
async fn redactions_in_every_order() {
    let steps = [
        event(shopify("w1", "orders/create", start(), &order(start(), &json!({})))),
        event(shopify("w2", "orders/updated", start(), &order(start() + minutes(1), &json!({ "financial_status": "paid" })))),
        event(shopify("w3", "customers/create", start(), &customer(start(), "Dana"))),
        event(shopify("w4", "customers/update", start(), &customer(start() + minutes(1), "Dana"))),
        event(shopify("w5", "customers/redact", start() + minutes(9), &redact_customer(&[820_982_911_946_154_613]))),
        event(shopify("w6", "customers/redact", start() + minutes(9), &redact_customer(&[]))),
    ];
    let paths = [&*format!("orders/{ORDER}"), &*format!("shop-customers/{CUSTOMER}")];
    every_order(&steps, &paths, Mails::May, false, nobody_is_left).await;
}

#[tokio::test]
async fn shops_in_every_order() {
    let steps = [
        event(shopify("w1", "shop/update", start(), &shop(start(), "Alder"))),
        event(shopify("w2", "shop/update", start() + minutes(2), &shop(start() + minutes(2), "Dana's"))),
        event(shopify("w3", "app/uninstalled", start() + minutes(3), &shop(start() + minutes(3), "Alder"))),
        event(shopify("w4", "orders/updated", start() + minutes(2), &order(start() + minutes(2), &json!({})))),
        event(shopify("w5", "shop/redact", start() + minutes(60), &redact_shop())),
    ];
    let paths = [&*format!("orders/{ORDER}"), &*format!("shops/{SHOP}")];
    every_order(&steps, &paths, Mails::Same, false, nobody_is_left).await;
}

#[tokio::test]
async fn products_in_every_order() {
    let steps = [
        event(shopify("w1", "products/create", start(), &product(start(), "Mug"))),
        event(shopify("w2", "products/update", start(), &product(start() + minutes(1), "Moss mug"))),
        event(shopify("w3", "products/update", start(), &product(start() + minutes(1), "Stone mug"))),
        event(shopify("w4", "products/delete", start() + minutes(2), &json!({ "id": 788_032_119_674_292_925_u64 }))),
    ];
    every_order(&steps, &["products/788032119674292925"], Mails::Same, false, |_| ()).await;
}
