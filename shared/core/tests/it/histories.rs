//! The history of a record that events know under another id: whole, whatever came first.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sluice_core::{
    ports::Clock,
    testing::{World, stripe},
};

use crate::{
    any_order::orders,
    histories_of_invoices::intent,
    support::{
        NUMBER, as_an_older_version_wrote_it, booking, call, confirmed, minutes, own_text, paid, put_message, refunded, send, start,
        text_status, with,
    },
};

pub(crate) fn world() -> World {
    World::new(start(), true)
}

pub(crate) async fn put(world: &World, path: &str, body: Value) -> StatusCode {
    world.clock.advance(minutes(1));
    call(world, Method::PUT, &format!("/api/v1/{path}"), Some(body)).await.status
}

/// An event of the n-th minute, which is handled a minute after whatever came before.
pub(crate) async fn told(world: &World, id: &str, kind: &str, minute: u64, object: Value) {
    world.clock.advance(minutes(1));
    with(world, stripe(id, kind, start() + minutes(minute), world.clock.now(), &object)).await;
}

pub(crate) async fn heard(world: &World, message: sluice_core::envelope::InboundMessage) {
    world.clock.advance(minutes(1));
    with(world, message).await;
}

/// All of a history, read in pages of `limit`: the keys of its events and the types of its puts, newest first.
async fn in_pages(world: &World, path: &str, limit: usize) -> Vec<String> {
    let keys: std::collections::BTreeMap<_, _> = world.events().into_iter().map(|event| (event.id, event.key)).collect();
    let (mut seen, mut times, mut query) = (Vec::new(), Vec::new(), format!("?limit={limit}"));
    loop {
        let page = call(world, Method::GET, &format!("/api/v1/{path}/history{query}"), None).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.json);
        for item in page.json["items"].as_array().expect("items") {
            times.push(item["at"].as_str().expect("a time").to_owned());
            let kind = item["type"].as_str().expect("a type");
            let event = item["event_id"].as_str().filter(|_| !kind.ends_with(".put"));
            seen.push(event.map_or(kind.to_owned(), |event| keys[event].clone()));
        }
        let Some(next) = page.json["next"].as_str() else { break };
        query = format!("?limit={limit}&cursor={next}");
    }
    assert!(times.is_sorted_by(|one, other| one >= other), "newest first: {times:?}");
    seen
}

pub(crate) async fn history(world: &World, path: &str) -> Vec<String> {
    let whole = in_pages(world, path, 1000).await;
    for limit in [1, 3] {
        assert_eq!(in_pages(world, path, limit).await, whole, "in pages of {limit}");
    }
    whole
}

/// The events of a history, in the order of their keys.
pub(crate) async fn events(world: &World, path: &str) -> Vec<String> {
    let mut events = history(world, path).await;
    events.retain(|kind| !kind.ends_with(".put"));
    events.sort();
    events
}

fn customer() -> Value {
    json!({ "name": "Ana Lima", "stripe_customer_id": "cus_1" })
}

pub(crate) fn contact(email: &str) -> Value {
    json!({ "id": "cus_1", "object": "customer", "email": email })
}

#[tokio::test]
async fn a_customer_s_history_has_what_stripe_said_of_it_before_it_was_put_and_since() {
    for order in orders(4) {
        let world = world();
        for step in &order {
            match step {
                0 => assert_eq!(put(&world, "customers/c1", customer()).await, StatusCode::CREATED),
                1 => told(&world, "evt_1", "customer.created", 1, contact("a@example.com")).await,
                2 => told(&world, "evt_2", "customer.updated", 2, contact("b@example.com")).await,
                _ => {
                    let active = json!({ "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active" });
                    told(&world, "evt_3", "customer.subscription.created", 3, active).await;
                }
            }
        }
        assert_eq!(events(&world, "customers/c1").await, ["evt_1", "evt_2", "evt_3"], "{order:?}");
        let whole = history(&world, "customers/c1").await;
        let expected: Vec<_> =
            order.iter().rev().map(|step| if *step == 0 { "customer.put".to_owned() } else { format!("evt_{step}") }).collect();
        assert_eq!(whole, expected, "newest first, and the puts of others are not its");
        let page = call(&world, Method::GET, "/api/v1/customers/c1/history", None).await.json;
        let items = page["items"].as_array().expect("items");
        let active = items.iter().find(|item| item["type"] == "customer.subscription.created").expect("is there");
        let status = json!({ "field": "billing_status", "to": "active" });
        assert!(active["changed"].as_array().is_some_and(|changed| changed.contains(&status)), "{order:?}: {active}");
        let link = active["event"].as_str().expect("a link");
        assert_eq!(call(&world, Method::GET, link, None).await.json["key"], "evt_3");
    }
}

#[tokio::test]
async fn what_was_said_of_another_stripe_customer_leaves_a_history_with_it() {
    // Heard of before the first put, or between both.
    for put_first in [false, true] {
        let world = world();
        for step in [put_first, !put_first] {
            if step {
                put(&world, "customers/c1", customer()).await;
            } else {
                told(&world, "evt_1", "customer.created", 1, contact("a@example.com")).await;
            }
        }
        assert_eq!(events(&world, "customers/c1").await, ["evt_1"]);
        told(&world, "evt_2", "customer.created", 1, json!({ "id": "cus_2", "object": "customer", "name": "Ben" })).await;
        put(&world, "customers/c1", json!({ "stripe_customer_id": "cus_2" })).await;
        assert_eq!(events(&world, "customers/c1").await, ["evt_2"], "put first: {put_first}");
        put(&world, "customers/c1", json!({ "name": "Ana" })).await;
        assert_eq!(events(&world, "customers/c1").await, [""; 0], "put first: {put_first}");
        put(&world, "customers/c1", customer()).await;
        assert_eq!(events(&world, "customers/c1").await, ["evt_1"], "as it is known under that id: {put_first}");
    }
}

#[tokio::test]
async fn a_long_history_under_two_ids_is_whole_in_pages_of_whatever_size() {
    let world = world();
    let mut expected = Vec::new();
    for number in 0..60 {
        if number % 3 == 0 && number > 10 {
            put(&world, "customers/c1", json!({ "name": format!("Ana {number}"), "stripe_customer_id": "cus_1" })).await;
            expected.push("customer.put".to_owned());
        } else {
            told(&world, &format!("evt_{number}"), "customer.updated", number, contact(&format!("{number}@example.com"))).await;
            expected.push(format!("evt_{number}"));
        }
    }
    expected.reverse();
    assert_eq!(history(&world, "customers/c1").await, expected);
    // What comes meanwhile is on no later page.
    let page = call(&world, Method::GET, "/api/v1/customers/c1/history?limit=5", None).await.json;
    for number in 60..75 {
        told(&world, &format!("evt_{number}"), "customer.updated", number, contact(&format!("{number}@example.com"))).await;
    }
    let next = page["next"].as_str().expect("there is more");
    let page = call(&world, Method::GET, &format!("/api/v1/customers/c1/history?limit=5&cursor={next}"), None).await.json;
    let ids: Vec<_> = page["items"].as_array().into_iter().flatten().map(|item| item["event_id"].clone()).collect();
    let keys: Vec<_> = world.events().into_iter().map(|event| (json!(event.id), event.key)).collect();
    let seen: Vec<_> = ids.iter().map(|id| keys.iter().find(|(known, _)| known == id).map_or("customer.put", |(_, key)| key)).collect();
    assert_eq!(seen, expected[5..10], "each once");
}

#[tokio::test]
async fn a_tenant_s_key_reads_the_history_of_its_own_without_links_or_other_tenants_puts() {
    let world = world();
    told(&world, "evt_1", "customer.created", 1, contact("a@example.com")).await;
    for tenant in ["a", "b"] {
        put(&world, &format!("customers/{tenant}-1"), json!({ "tenant": tenant, "stripe_customer_id": "cus_1" })).await;
    }
    told(&world, "evt_2", "customer.updated", 2, contact("b@example.com")).await;
    for (tenant, other) in [("a", "b"), ("b", "a")] {
        let asked = json!({ "scopes": ["read"], "tenant": tenant });
        let key = call(&world, Method::POST, "/api/v1/keys", Some(asked)).await.json["key"].as_str().expect("once").to_owned();
        let read = async |id: &str| {
            let request = Request::get(format!("/api/v1/customers/{id}/history")).header(header::AUTHORIZATION, format!("Bearer {key}"));
            send(&world, request.body(Body::empty()).expect("a request")).await
        };
        let answer = read(&format!("{tenant}-1")).await;
        let items = answer.json["items"].as_array().cloned().unwrap_or_default();
        let types: Vec<_> = items.iter().map(|item| item["type"].clone()).collect();
        assert_eq!(types, ["customer.updated", "customer.put", "customer.created"], "{tenant}");
        assert!(items.iter().all(|item| item["event"].is_null()), "{tenant}: {items:?}");
        assert_eq!(read(&format!("{other}-1")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(read("cus_1").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_tenant_s_history_has_what_stripe_said_of_its_subscription_before_it_was_put_and_since() {
    let known_as = [json!({ "stripe_customer_id": "cus_1" }), json!({ "stripe_subscription_id": "sub_1" })];
    for known_as in known_as {
        for order in orders(3) {
            let world = world();
            for step in &order {
                let state = |status: &str| json!({ "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status });
                match step {
                    0 => {
                        let mut word = known_as.clone();
                        word["name"] = json!("Alder Studio");
                        assert_eq!(put(&world, "tenants/t1", word).await, StatusCode::CREATED);
                    }
                    1 => told(&world, "evt_1", "customer.subscription.created", 1, state("trialing")).await,
                    _ => told(&world, "evt_2", "customer.subscription.updated", 2, state("active")).await,
                }
            }
            told(&world, "evt_3", "customer.updated", 3, contact("a@example.com")).await;
            assert_eq!(events(&world, "tenants/t1").await, ["evt_1", "evt_2"], "{known_as} {order:?}");
        }
    }
}

#[tokio::test]
async fn a_replay_adds_nothing_to_what_was_heard_under_another_id_first() {
    let world = world();
    assert_eq!(put(&world, "bookings/12345", booking(json!({}))).await, StatusCode::CREATED);
    let refund = |status: &str| json!({ "id": "re_1", "object": "refund", "amount": 1000, "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1", "status": status });
    told(&world, "evt_1", "refund.failed", 3, refund("failed")).await;
    let charge = json!({ "id": "ch_1", "amount": 6000, "amount_refunded": 2000, "currency": "usd", "payment_intent": "pi_1" });
    told(&world, "evt_2", "charge.refunded", 2, charge).await;
    let mut intent = intent();
    intent["metadata"] = json!({ "booking_id": "12345" });
    told(&world, "evt_3", "payment_intent.succeeded", 1, intent).await;
    let before = history(&world, "bookings/12345").await;
    assert_eq!(events(&world, "bookings/12345").await, ["evt_1", "evt_2", "evt_3"]);
    world.clock.advance(minutes(5));
    let ids: Vec<_> = world.events().into_iter().filter(|event| event.provider == "stripe").map(|event| event.id).collect();
    for id in ids {
        call(&world, Method::POST, &format!("/api/v1/inbound/{id}/replay"), None).await;
        world.run_until_quiet().await;
    }
    assert_eq!(history(&world, "bookings/12345").await, before);
}

#[tokio::test]
async fn a_booking_s_history_has_a_refund_that_was_heard_before_its_payment_named_it() {
    for order in orders(3) {
        let world = world();
        for step in &order {
            match step {
                0 => assert_eq!(put(&world, "bookings/12345", booking(json!({}))).await, StatusCode::CREATED),
                1 => heard(&world, paid("evt_1", "pi_1", start(), start())).await,
                _ => heard(&world, refunded("evt_2", "pi_1", 1000, false, start() + minutes(1))).await,
            }
        }
        assert_eq!(events(&world, "bookings/12345").await, ["evt_1", "evt_2"], "{order:?}");
    }
}

fn sent_as(external_id: &str) -> Value {
    json!({ "external_id": external_id, "channel": "sms", "direction": "outbound", "to": "+15005550099" })
}

fn status(sid: &str, status: &str, minute: u64) -> sluice_core::envelope::InboundMessage {
    text_status(sid, status, "+15005550099", None, start() + minutes(minute))
}

#[tokio::test]
async fn a_message_s_history_has_what_was_said_under_the_provider_s_id_before_it_was_put_and_since() {
    for id in ["reminder", "SM9"] {
        for order in orders(3) {
            let world = world();
            for step in &order {
                match step {
                    0 => assert_eq!(put_message(&world, id, sent_as("SM9")).await, StatusCode::CREATED),
                    1 => heard(&world, status("SM9", "sent", 1)).await,
                    _ => heard(&world, status("SM9", "delivered", 2)).await,
                }
            }
            assert_eq!(events(&world, &format!("messages/{id}")).await, ["SM9:delivered", "SM9:sent"], "{id} {order:?}");
        }
    }
}

#[tokio::test]
async fn a_corrected_external_id_takes_its_history_along() {
    // Of the events before the first put, between both, and after the correction.
    for heard_at in 0..3 {
        let world = world();
        for step in 0..3 {
            if step == heard_at {
                heard(&world, status("SM8", "sent", 1)).await;
                heard(&world, status("SM8", "undelivered", 1)).await;
                heard(&world, status("SM9", "sent", 1)).await;
                heard(&world, status("SM9", "delivered", 2)).await;
            }
            match step {
                0 => assert_eq!(put_message(&world, "reminder", sent_as("SM8")).await, StatusCode::CREATED),
                1 => assert_eq!(put_message(&world, "reminder", sent_as("SM9")).await, StatusCode::OK),
                _ => {}
            }
        }
        assert_eq!(events(&world, "messages/reminder").await, ["SM9:delivered", "SM9:sent"], "heard at {heard_at}");
        assert_eq!(put_message(&world, "other", sent_as("SM8")).await, StatusCode::CREATED);
        assert_eq!(events(&world, "messages/other").await, ["SM8:sent", "SM8:undelivered"], "heard at {heard_at}");
        // And back.
        assert_eq!(put_message(&world, "other", json!({ "channel": "sms", "direction": "outbound" })).await, StatusCode::OK);
        assert_eq!(put_message(&world, "reminder", sent_as("SM8")).await, StatusCode::OK);
        assert_eq!(events(&world, "messages/reminder").await, ["SM8:sent", "SM8:undelivered"], "heard at {heard_at}");
        assert_eq!(events(&world, "messages/other").await, [""; 0], "heard at {heard_at}");
    }
}

#[tokio::test]
async fn what_lies_on_full_pages_goes_with_the_id_that_it_was_said_under() {
    let world = world();
    let again = async |id: &str, times: usize| {
        for number in 0..times {
            put_message(
                &world,
                "reminder",
                json!({ "external_id": id, "channel": "sms", "direction": "outbound", "from": format!("Boats {number}") }),
            )
            .await;
        }
    };
    for sid in ["SM8", "SM9"] {
        again(sid, 7).await;
        heard(&world, status(sid, "sent", 1)).await;
        again(sid, 14).await;
        heard(&world, status(sid, "delivered", 2)).await;
        again(sid, 7).await;
        assert_eq!(events(&world, "messages/reminder").await, [format!("{sid}:delivered"), format!("{sid}:sent")]);
    }
    again("SM7", 1).await;
    assert_eq!(events(&world, "messages/reminder").await, [""; 0]);
    assert_eq!(history(&world, "messages/reminder").await.len(), 57, "the puts stay");
    for sid in ["SM8", "SM9"] {
        let id = format!("mine-{sid}");
        assert_eq!(put_message(&world, &id, sent_as(sid)).await, StatusCode::CREATED);
        assert_eq!(events(&world, &format!("messages/{id}")).await, [format!("{sid}:delivered"), format!("{sid}:sent")]);
    }
}

#[tokio::test]
async fn a_text_of_sluice_s_own_has_the_history_of_its_id_wherever_that_was_before() {
    for id in ["mine", "SM1"] {
        let world = world();
        assert_eq!(
            put_message(&world, id, json!({ "external_id": "SM1", "channel": "sms", "direction": "outbound" })).await,
            StatusCode::CREATED
        );
        heard(&world, text_status("SM1", "delivered", NUMBER, None, start())).await;
        assert_eq!(events(&world, &format!("messages/{id}")).await, ["SM1:delivered"]);
        world.sent.name_texts("SM");
        confirmed(&world).await;
        let own = own_text(&world);
        assert_eq!(
            events(&world, &format!("messages/{own}")).await,
            ["SM1:delivered", "evt_1", "evt_1"],
            "planned, delivered, found to be it: {id}"
        );
        let left = events(&world, &format!("messages/{id}")).await;
        assert!(!left.contains(&"SM1:delivered".to_owned()), "only that the payment took it away stays: {left:?}");
    }
}

#[tokio::test]
async fn a_store_of_an_older_version_has_whole_histories_too() {
    let world = world();
    told(&world, "evt_1", "customer.created", 1, contact("a@example.com")).await;
    heard(&world, status("SM9", "sent", 1)).await;
    put(&world, "customers/c1", customer()).await;
    put_message(&world, "reminder", sent_as("SM9")).await;
    heard(&world, status("SM9", "delivered", 2)).await;
    // Nothing but what older versions have written, too, is needed for it.
    for (kind, id) in [("customer", "c1"), ("customer", "cus_1"), ("message", "reminder"), ("message", "SM9")] {
        as_an_older_version_wrote_it(&world, kind, id, |data| {
            let history = data["history"].as_object().expect("is there");
            assert!(history.keys().all(|field| ["n", "p"].contains(&field.as_str())), "{kind}/{id}: {history:?}");
        })
        .await;
    }
    assert_eq!(events(&world, "customers/c1").await, ["evt_1"]);
    assert_eq!(events(&world, "messages/reminder").await, ["SM9:delivered", "SM9:sent"]);
}

#[tokio::test]
async fn a_cursor_leads_to_pages_of_that_history_alone() {
    let world = world();
    for number in 0..30 {
        put(&world, "customers/c1", json!({ "name": format!("Ana {number}") })).await;
        put(&world, "customers/c2", json!({ "name": format!("Ben {number}") })).await;
    }
    let next = async |id: &str| {
        let page = call(&world, Method::GET, &format!("/api/v1/customers/{id}/history?limit=20"), None).await.json;
        page["next"].as_str().expect("there is more").to_owned()
    };
    let own = next("c1").await;
    let path = |cursor: &str| format!("/api/v1/customers/c2/history?cursor={cursor}");
    assert_eq!(call(&world, Method::GET, &path(&own), None).await.status, StatusCode::BAD_REQUEST);
    // Nor one that was made of two.
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&own).expect("base64")).expect("a text");
    let forged = text.replace(r#""of":"customer/c1""#, r#""of":"customer/c2""#).replace(r#""customer/c1":"#, r#""customer/c2":"#);
    assert!(forged.contains("customer/c1/"), "{forged}");
    let answer = call(&world, Method::GET, &path(&URL_SAFE_NO_PAD.encode(forged)), None).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.json);
}
