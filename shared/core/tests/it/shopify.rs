//! Shopify by example: orders, products, customers, shops, and what erases people.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    envelope::{Envelope, InboundMessage},
    event::{EventRecord, EventStatus},
    testing::{Sent, World},
    time::Timestamp,
};

use crate::support::{call, incompressible, minutes, shopify, start, with};

pub(crate) const ORDER: &str = "820982911946154613";
pub(crate) const CUSTOMER: &str = "820982911946154512";
pub(crate) const SHOP: &str = "acme.myshopify.com";

pub(crate) fn order(updated: Timestamp, changes: &Value) -> Value {
    let mut order = json!({
        "id": 820_982_911_946_154_613_u64, "admin_graphql_api_id": "gid://shopify/Order/820982911946154613", "name": "#1001", "currency": "USD",
        "total_price": "54.50", "financial_status": "pending", "fulfillment_status": null, "test": false, "cancelled_at": null,
        "email": "dana@example.com", "phone": null, "created_at": start(), "updated_at": updated,
        "customer": { "id": 820_982_911_946_154_512_u64, "first_name": "Dana", "last_name": "Whitfield", "phone": "+15035550142" },
    });
    for (name, value) in changes.as_object().expect("an object") {
        order[name] = value.clone();
    }
    order
}

pub(crate) fn customer(updated: Timestamp, name: &str) -> Value {
    json!({ "id": 820_982_911_946_154_512_u64, "first_name": name, "last_name": "Whitfield", "email": "dana@example.com", "phone": "+15035550142",
        "state": "enabled", "created_at": start(), "updated_at": updated })
}

pub(crate) fn product(updated: Timestamp, title: &str) -> Value {
    json!({ "id": 788_032_119_674_292_925_u64, "title": title, "handle": "mug", "vendor": "Acme", "product_type": "Mugs", "status": "active",
        "variants": [{ "id": 1 }, { "id": 2 }], "created_at": start(), "published_at": start(), "updated_at": updated })
}

pub(crate) fn shop(updated: Timestamp, name: &str) -> Value {
    json!({ "id": 690_933_842, "name": name, "email": "owner@example.com", "shop_owner": "Robin Alder", "currency": "USD", "country_code": "US",
        "plan_name": "basic", "myshopify_domain": SHOP, "updated_at": updated })
}

pub(crate) fn redact_customer(orders: &[u64]) -> Value {
    json!({ "shop_id": 690_933_842, "shop_domain": SHOP, "orders_to_redact": orders,
        "customer": { "id": 820_982_911_946_154_512_u64, "email": "dana@example.com", "phone": "+15035550142" } })
}

pub(crate) fn redact_shop() -> Value {
    json!({ "shop_id": 690_933_842, "shop_domain": SHOP })
}

fn data_request() -> Value {
    json!({ "shop_id": 690_933_842, "shop_domain": SHOP, "orders_requested": [820_982_911_946_154_613_u64], "data_request": { "id": 99914 },
        "customer": { "id": 820_982_911_946_154_512_u64, "email": "dana@example.com", "phone": "+15035550142" } })
}

fn world() -> World {
    World::new(start(), false)
}

async fn get(world: &World, path: &str) -> Value {
    call(world, Method::GET, &format!("/api/v1/{path}"), None).await.json
}

/// Everything that is stored, as text: what is erased stands nowhere in it.
pub(crate) fn everything(world: &World) -> String {
    let mut text = String::new();
    for stored in world.store.documents() {
        text.push_str(&stored.document.key.to_string());
        text.push_str(&String::from_utf8_lossy(&stored.document.data));
        if stored.document.key.kind == EventRecord::KIND {
            let event = EventRecord::from_stored(&stored).expect("can be read");
            if event.pieces == 0 {
                text.push_str(&String::from_utf8_lossy(&event.body().unpack().expect("unpacks")));
            }
        }
    }
    text
}

/// Records that an earlier Sluice has stored must be read by this one.
#[tokio::test]
async fn what_is_stored_keeps_its_names() {
    let world = World::new(start(), false);
    with(&world, shopify("w1", "orders/create", start(), &order(start(), &json!({})))).await;
    with(&world, shopify("w2", "customers/create", start(), &customer(start(), "Dana"))).await;
    with(&world, shopify("w3", "products/create", start(), &product(start(), "Mug"))).await;
    with(&world, shopify("w4", "products/delete", start(), &json!({ "id": 788_032_119_674_292_925_u64 }))).await;
    with(&world, shopify("w5", "app/uninstalled", start(), &shop(start(), "Alder"))).await;
    with(&world, shopify("w6", "customers/redact", start() + minutes(1), &redact_customer(&[820_982_911_946_154_613]))).await;
    world.run_until_quiet().await;
    for (kind, names) in [
        ("order", &["announcements", "heard", "history", "id", "latest", "made", "redacted_at"][..]),
        ("shop_customer", &["heard", "history", "id", "latest", "redacted_at"]),
        ("product", &["deleted_at", "heard", "history", "id", "latest"]),
        ("shop", &["closed_as_of", "closed_at", "heard", "history", "id", "latest"]),
    ] {
        let stored: Value = serde_json::from_slice(&world.documents(kind)[0].document.data).expect("JSON");
        let mut found: Vec<_> = stored.as_object().expect("an object").keys().collect();
        found.sort();
        assert_eq!(found, names, "{kind}");
        assert!(stored["latest"]["at"].is_string() || stored["latest"]["at"].is_number(), "{stored}");
        assert!(stored["latest"]["fact"].is_object(), "{stored}");
    }
}

#[tokio::test]
async fn a_new_order_is_recorded_and_its_buyer_thanked_once() {
    let world = world();
    with(&world, shopify("w1", "orders/create", start(), &order(start(), &json!({})))).await;
    with(&world, shopify("w2", "orders/paid", start(), &order(start() + minutes(1), &json!({ "financial_status": "paid" })))).await;
    // The same action under another delivery id.
    with(&world, shopify("w3", "orders/create", start(), &order(start(), &json!({})))).await;
    let shown = get(&world, &format!("orders/{ORDER}")).await;
    assert_eq!((&shown["name"], &shown["total"], &shown["currency"]), (&json!("#1001"), &json!(5450), &json!("usd")));
    assert_eq!(
        (&shown["financial_status"], &shown["customer_email"], &shown["shop"]),
        (&json!("paid"), &json!("dana@example.com"), &json!(SHOP))
    );
    let sent = world.sent.sent();
    let [Sent::Mail(mail)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(mail.to, "dana@example.com");
    assert!(mail.subject.contains("#1001") && mail.text.contains("$54.50") && mail.text.contains("Dana Whitfield"), "{}", mail.text);
    let listed = get(&world, &format!("orders?shop={SHOP}&financial_status=paid")).await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(world.events()[0].status, EventStatus::Done);
}

#[tokio::test]
async fn the_newest_word_on_an_order_wins_whenever_it_arrives() {
    let world = world();
    with(&world, shopify("w3", "orders/fulfilled", start(), &order(start() + minutes(3), &json!({ "fulfillment_status": "fulfilled" }))))
        .await;
    with(&world, shopify("w1", "orders/updated", start(), &order(start() + minutes(1), &json!({ "total_price": "1.00" })))).await;
    let shown = get(&world, &format!("orders/{ORDER}")).await;
    assert_eq!((&shown["fulfillment_status"], &shown["total"]), (&json!("fulfilled"), &json!(5450)));
    assert!(world.sent.sent().is_empty(), "nobody is thanked for a change");
}

#[tokio::test]
async fn a_test_order_and_a_cancelled_one_thank_nobody() {
    for changes in [json!({ "test": true }), json!({ "cancelled_at": start() }), json!({ "email": "", "contact_email": null })] {
        let world = world();
        with(&world, shopify("w1", "orders/create", start(), &order(start(), &changes))).await;
        assert!(world.sent.sent().is_empty(), "{changes}");
    }
}

#[tokio::test]
async fn products_and_customers_are_recorded_and_deleted() {
    let world = world();
    with(&world, shopify("w1", "products/update", start(), &product(start() + minutes(1), "Stoneware mug"))).await;
    with(&world, shopify("w2", "products/create", start(), &product(start(), "Mug"))).await;
    with(&world, shopify("w3", "customers/create", start(), &customer(start(), "Dana"))).await;
    let product = get(&world, "products/788032119674292925").await;
    assert_eq!((&product["title"], &product["variants"], &product["deleted_at"]), (&json!("Stoneware mug"), &json!(2), &Value::Null));
    assert_eq!(get(&world, &format!("shop-customers/{CUSTOMER}")).await["name"], "Dana Whitfield");
    with(&world, shopify("w4", "products/delete", start() + minutes(2), &json!({ "id": 788_032_119_674_292_925_u64 }))).await;
    assert_eq!(get(&world, "products/788032119674292925").await["deleted_at"], "2026-11-22T06:02:00Z");
    assert_eq!(get(&world, "products?status=active").await["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn removing_the_app_closes_the_shop_and_a_later_change_opens_it() {
    let world = world();
    with(&world, shopify("w1", "app/uninstalled", start(), &shop(start(), "Alder Studio"))).await;
    let shown = get(&world, &format!("shops/{SHOP}")).await;
    assert_eq!((&shown["status"], &shown["owner"]), (&json!("closed"), &json!("Robin Alder")));
    with(&world, shopify("w2", "shop/update", start() + minutes(1), &shop(start() + minutes(1), "Alder"))).await;
    assert_eq!(get(&world, &format!("shops/{SHOP}")).await["status"], "open");
}

#[tokio::test]
async fn what_closes_or_erases_acts_only_if_the_signed_body_names_the_shop_and_has_the_topic_s_shape() {
    let elsewhere = |mut body: Value| {
        body["shop_domain"] = json!("other.myshopify.com");
        body["myshopify_domain"] = json!("other.myshopify.com");
        body
    };
    for (topic, body) in [
        ("app/uninstalled", elsewhere(shop(start(), "Alder"))),
        ("app/uninstalled", order(start(), &json!({}))),
        ("customers/redact", elsewhere(redact_customer(&[]))),
        ("customers/redact", data_request()),
        ("customers/redact", redact_shop()),
        ("shop/redact", elsewhere(redact_shop())),
        ("shop/redact", redact_customer(&[])),
        ("shop/redact", data_request()),
        ("shop/redact", shop(start(), "Alder")),
        ("customers/data_request", elsewhere(data_request())),
        ("customers/data_request", redact_customer(&[])),
    ] {
        let world = world();
        with(&world, shopify("w0", "orders/create", start(), &order(start(), &json!({})))).await;
        let before = get(&world, &format!("orders/{ORDER}")).await;
        with(&world, shopify("w1", topic, start(), &body)).await;
        let event = world.events().into_iter().find(|event| event.kind == topic).expect("is recorded");
        assert_eq!(event.status, EventStatus::Parked, "{topic} {body}");
        assert!(event.reason.as_deref().is_some_and(|reason| reason.contains("does not sign")), "{:?}", event.reason);
        assert_eq!(get(&world, &format!("orders/{ORDER}")).await, before);
        assert!(world.documents("shop").is_empty(), "{topic} {body}");
    }
}

#[tokio::test]
async fn redacting_a_customer_erases_records_and_stored_bodies_and_nobody_else_s() {
    let world = world();
    with(&world, shopify("w1", "orders/create", start(), &order(start(), &json!({})))).await;
    let other = json!({ "id": 7, "email": "eve@example.com", "customer": { "id": 8, "first_name": "Eve" } });
    with(&world, shopify("w2", "orders/create", start(), &order(start(), &other))).await;
    with(&world, shopify("w3", "customers/create", start(), &customer(start(), "Dana"))).await;
    // A topic without a rule tells of people, too.
    with(&world, shopify("w4", "checkouts/create", start(), &json!({ "email": "Dana@Example.com" }))).await;
    // And so does one whose body lies in pieces, and one that is parked.
    let large = order(start(), &json!({ "note": incompressible(480 * 1024) }));
    with(&world, shopify("w5", "orders/updated", start(), &large)).await;
    with(&world, shopify("w6", "orders/updated", start(), &json!({ "email": "dana@example.com" }))).await;
    assert_eq!(world.documents("piece").len(), 2);
    with(&world, shopify("w7", "customers/redact", start() + minutes(9), &redact_customer(&[820_982_911_946_154_613]))).await;
    world.run_until_quiet().await;

    let everything = everything(&world).to_lowercase();
    for erased in ["dana", "whitfield", "15035550142"] {
        assert!(!everything.contains(erased), "{erased} is still there");
    }
    assert!(everything.contains("eve@example.com"));
    assert!(world.documents("piece").is_empty());
    let shown = get(&world, &format!("orders/{ORDER}")).await;
    assert_eq!(
        (&shown["customer_email"], &shown["total"], &shown["redacted_at"]),
        (&Value::Null, &json!(5450), &json!("2026-11-22T06:09:00Z"))
    );
    assert_eq!(get(&world, &format!("shop-customers/{CUSTOMER}")).await["name"], Value::Null);
    let events = world.events();
    assert!(events.iter().all(|event| event.status != EventStatus::Parked && !event.unfinished()), "{events:?}");
    // What was erased can't be planned again, and says so.
    let erased = events.iter().find(|event| event.key.ends_with("w1")).expect("is recorded");
    assert!(erased.erased_at.is_some());
    let read = call(&world, Method::GET, &format!("/api/v1/inbound/{}", erased.id), None).await;
    assert_eq!((read.status, &read.json["body"]), (StatusCode::OK, &json!("")));
    let replay = call(&world, Method::POST, &format!("/api/v1/inbound/{}/replay", erased.id), None).await;
    assert_eq!(replay.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_arrives_after_the_redaction_is_erased_at_once() {
    let world = world();
    with(&world, shopify("w7", "customers/redact", start() + minutes(9), &redact_customer(&[820_982_911_946_154_613]))).await;
    with(&world, shopify("w1", "orders/create", start(), &order(start(), &json!({})))).await;
    with(&world, shopify("w3", "customers/update", start(), &customer(start() + minutes(20), "Dana"))).await;
    world.run_until_quiet().await;
    let everything = everything(&world).to_lowercase();
    assert!(!everything.contains("dana"), "{everything}");
    assert_eq!(get(&world, &format!("orders/{ORDER}")).await["total"], 5450);
    assert!(world.sent.sent().is_empty());
}

#[tokio::test]
async fn redacting_a_shop_erases_all_its_people() {
    let world = world();
    with(&world, shopify("w1", "orders/create", start(), &order(start(), &json!({})))).await;
    with(&world, shopify("w2", "customers/create", start(), &customer(start(), "Dana"))).await;
    with(&world, shopify("w3", "products/create", start(), &product(start(), "Mug"))).await;
    with(&world, shopify("w4", "app/uninstalled", start() + minutes(1), &shop(start() + minutes(1), "Alder Studio"))).await;
    with(&world, shopify("w5", "shop/redact", start() + minutes(60), &redact_shop())).await;
    // A retry that comes late is of the time before; an order of a shop that took the app again is not.
    with(&world, shopify("w6", "orders/updated", start() + minutes(61), &order(start() + minutes(2), &json!({ "id": 9 })))).await;
    let again = json!({ "id": 10, "email": "eve@example.com", "customer": { "first_name": "Eve" } });
    with(&world, shopify("w7", "orders/create", start() + minutes(90), &order(start() + minutes(90), &again))).await;
    world.run_until_quiet().await;
    let everything = everything(&world).to_lowercase();
    for erased in ["dana", "robin", "owner@example.com"] {
        assert!(!everything.contains(erased), "{erased} is still there");
    }
    assert!(everything.contains("eve@example.com"));
    assert_eq!(get(&world, &format!("shops/{SHOP}")).await["status"], "closed");
    assert_eq!(get(&world, "products/788032119674292925").await["title"], "Mug");
}

const ELSEWHERE: &str = "elsewhere.myshopify.com";

/// A webhook that is said to be of another shop, in its headers alone.
fn from_elsewhere(id: &str, topic: &str, at: Timestamp, body: &Value) -> InboundMessage {
    let InboundMessage::Event(own) = shopify(id, topic, at, body) else { panic!("a webhook is an event") };
    let (account, key) = (Some(ELSEWHERE.to_owned()), own.key.replace(SHOP, ELSEWHERE));
    InboundMessage::Event(Box::new(Envelope { account, key, ..*own }))
}

#[tokio::test]
async fn what_is_said_under_another_shop_s_name_changes_nothing() {
    let deleted = json!({ "id": 820_982_911_946_154_613_u64 });
    for (topic, body) in [
        ("orders/updated", order(start() + minutes(5), &json!({ "financial_status": "voided" }))),
        ("orders/delete", deleted),
        ("customers/update", customer(start() + minutes(5), "Eve")),
        ("products/update", product(start() + minutes(5), "Another mug")),
        ("shop/update", shop(start() + minutes(5), "Alder")),
    ] {
        let world = world();
        with(&world, shopify("w1", "orders/create", start(), &order(start(), &json!({})))).await;
        with(&world, shopify("w2", "customers/create", start(), &customer(start(), "Dana"))).await;
        with(&world, shopify("w3", "products/create", start(), &product(start(), "Mug"))).await;
        let paths = [&*format!("orders/{ORDER}"), &*format!("shop-customers/{CUSTOMER}"), "products/788032119674292925"];
        let mut before = Vec::new();
        for path in paths {
            before.push(get(&world, path).await);
        }
        with(&world, from_elsewhere("w4", topic, start() + minutes(5), &body)).await;
        for (path, before) in paths.into_iter().zip(before) {
            assert_eq!(get(&world, path).await, before, "{topic}");
        }
        let event = world.events().into_iter().find(|event| event.account.as_deref() == Some(ELSEWHERE)).expect("is recorded");
        assert_eq!(event.status, EventStatus::Parked, "{topic}");
    }
}

#[tokio::test]
async fn another_shop_can_neither_erase_people_nor_ask_for_them() {
    let own = |mut body: Value| {
        body["shop_domain"] = json!(ELSEWHERE);
        body
    };
    let world = world();
    with(&world, shopify("w1", "orders/create", start(), &order(start(), &json!({})))).await;
    with(&world, shopify("w2", "customers/create", start(), &customer(start(), "Dana"))).await;
    let before = get(&world, &format!("orders/{ORDER}")).await;
    let sent = world.sent.sent().len();

    with(&world, from_elsewhere("w3", "customers/redact", start(), &own(redact_customer(&[820_982_911_946_154_613])))).await;
    // One whose customer has no number: only the orders are named.
    let mut nameless = own(redact_customer(&[820_982_911_946_154_613]));
    nameless["customer"] = json!({ "email": "someone@example.com" });
    with(&world, from_elsewhere("w4", "customers/redact", start(), &nameless)).await;
    with(&world, from_elsewhere("w5", "customers/data_request", start(), &own(data_request()))).await;
    world.run_until_quiet().await;
    assert_eq!(get(&world, &format!("orders/{ORDER}")).await, before);
    assert_eq!(get(&world, &format!("shop-customers/{CUSTOMER}")).await["redacted_at"], Value::Null);
    let told: Vec<_> = world.sent.sent().split_off(sent);
    assert!(!format!("{told:?}").contains("Dana"), "{told:?}");
}

#[tokio::test]
async fn a_deletion_is_only_what_looks_like_one() {
    let world = world();
    with(&world, shopify("w1", "orders/create", start(), &order(start(), &json!({})))).await;
    with(&world, shopify("w2", "orders/delete", start() + minutes(1), &order(start(), &json!({})))).await;
    assert_eq!(get(&world, &format!("orders/{ORDER}")).await["deleted_at"], Value::Null);
    assert!(world.events().into_iter().any(|event| event.kind == "orders/delete" && event.status == EventStatus::Parked));
}

#[tokio::test]
async fn what_closed_a_shop_does_not_open_it_under_another_topic() {
    let world = world();
    let body = shop(start(), "Alder Studio");
    with(&world, shopify("w1", "app/uninstalled", start() + minutes(1), &body)).await;
    with(&world, shopify("w2", "shop/update", start() + minutes(9), &body)).await;
    assert_eq!(get(&world, &format!("shops/{SHOP}")).await["status"], "closed");
}

#[tokio::test]
async fn a_data_request_mails_the_owner_what_is_held() {
    for owner_known in [true, false] {
        let world = world();
        with(&world, shopify("w1", "orders/updated", start(), &order(start(), &json!({})))).await;
        with(&world, shopify("w2", "customers/create", start(), &customer(start(), "Dana"))).await;
        if owner_known {
            with(&world, shopify("w3", "shop/update", start(), &shop(start(), "Alder Studio"))).await;
        }
        with(&world, shopify("w4", "customers/data_request", start(), &data_request())).await;
        let sent = world.sent.sent();
        let [Sent::Mail(mail)] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(mail.to, if owner_known { "owner@example.com" } else { "support@example.com" });
        for held in ["Dana Whitfield", "dana@example.com", "#1001", "$54.50", "99914"] {
            assert!(mail.text.contains(held), "{held}: {}", mail.text);
        }
        assert_eq!(mail.text.contains("pass this on"), !owner_known);
    }
}
