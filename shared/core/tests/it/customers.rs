//! The rules of customers, subscriptions, tenants and payment methods, each by example.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    body::{self, PackedBody},
    ports::StripeObject,
    testing::{World, stripe},
};

use crate::support::{call, minutes, start};

fn world() -> World {
    World::new(start(), true)
}

/// An event of the n-th minute.
async fn at(world: &World, minute: u64, kind: &str, object: &Value, previous: Option<Value>) {
    let id = format!("evt_{}", world.events().len());
    let mut message = stripe(&id, kind, start() + minutes(minute), start() + minutes(minute), object);
    if let (Some(previous), sluice_core::envelope::InboundMessage::Event(envelope)) = (previous, &mut message) {
        let mut body: Value = serde_json::from_slice(&envelope.body.unpack().expect("readable")).expect("JSON");
        body["data"]["previous_attributes"] = previous;
        envelope.body = PackedBody::pack(&body::STRIPE, body.to_string().as_bytes());
    }
    world.enqueue(&message).await;
    while world.step().await {}
}

async fn put(world: &World, path: &str, body: Value) -> Value {
    let answer = call(world, Method::PUT, &format!("/api/v1/{path}"), Some(body)).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.json);
    answer.json
}

async fn get(world: &World, path: &str) -> Value {
    call(world, Method::GET, &format!("/api/v1/{path}"), None).await.json
}

fn subscription(status: &str) -> Value {
    let item = json!({ "id": "si_1", "current_period_start": 1_795_000_000, "current_period_end": 1_797_000_000 });
    json!({ "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status, "items": { "data": [item] } })
}

fn session(changes: &Value) -> Value {
    let mut session = json!({
        "id": "cs_1", "object": "checkout.session", "mode": "subscription", "payment_status": "paid", "subscription": "sub_1", "customer": "cus_1",
        "client_reference_id": "t1", "payment_intent": null,
    });
    changes.as_object().expect("an object").iter().for_each(|(name, value)| session[name] = value.clone());
    session
}

#[tokio::test]
async fn a_customers_mail_phone_and_name_are_facts_beside_the_owners_word() {
    for put_first in [false, true] {
        let world = world();
        let word = json!({ "stripe_customer_id": "cus_1", "name": "Ana Lima" });
        if put_first {
            put(&world, "customers/c1", word.clone()).await;
        }
        let told = json!({ "id": "cus_1", "name": "A. Lima", "email": "ana@example.com", "phone": "+1 (500) 555-0006" });
        at(&world, 0, "customer.created", &told, None).await;
        if !put_first {
            assert_eq!(get(&world, "customers?unmatched=true").await["items"][0]["email"], "ana@example.com");
            put(&world, "customers/c1", word).await;
        }
        let customer = get(&world, "customers/c1").await;
        assert_eq!(
            (&customer["name"], &customer["email"], &customer["phone"]),
            (&json!("Ana Lima"), &json!("ana@example.com"), &json!("+15005550006"))
        );
        assert_eq!(customer["stripe"], json!({ "name": "A. Lima", "email": "ana@example.com", "phone": "+15005550006" }));
        assert_eq!(get(&world, "customers?unmatched=true").await["items"], json!([]), "put first: {put_first}");
        assert_eq!(call(&world, Method::GET, "/api/v1/customers/cus_1", None).await.status, StatusCode::NOT_FOUND);
        at(&world, 1, "customer.updated", &json!({ "id": "cus_1", "name": "A. Lima", "email": "new@example.com" }), None).await;
        at(&world, 0, "customer.updated", &json!({ "id": "cus_1", "email": "older@example.com" }), None).await;
        let customer = get(&world, "customers/c1").await;
        assert_eq!((&customer["email"], &customer["phone"]), (&json!("new@example.com"), &Value::Null), "the latest stands, whole");
        assert_eq!(get(&world, "customers?email=new@example.com").await["items"][0]["id"], "c1");
    }
}

#[tokio::test]
async fn of_two_updates_in_one_second_the_one_that_came_after_stands() {
    for order in [[0, 1], [1, 0]] {
        let world = world();
        put(&world, "customers/cus_1", json!({})).await;
        for number in order {
            let (email, previous) = [("b@example.com", "a@example.com"), ("c@example.com", "b@example.com")][number];
            at(&world, 0, "customer.updated", &json!({ "id": "cus_1", "email": email }), Some(json!({ "email": previous }))).await;
        }
        assert_eq!(get(&world, "customers/cus_1").await["email"], "c@example.com", "{order:?}");
    }
}

#[tokio::test]
async fn a_subscription_shows_on_its_customer_and_its_tenant() {
    for put_first in [false, true] {
        let world = world();
        let puts = async || {
            put(&world, "customers/c1", json!({ "stripe_customer_id": "cus_1" })).await;
            put(&world, "tenants/t1", json!({ "name": "Alder Studio", "stripe_customer_id": "cus_1" })).await;
            put(&world, "tenants/t2", json!({ "name": "Birch Studio", "stripe_subscription_id": "sub_1" })).await;
        };
        if put_first {
            puts().await;
        }
        at(&world, 0, "customer.subscription.created", &subscription("trialing"), None).await;
        at(&world, 2, "customer.subscription.updated", &subscription("active"), None).await;
        at(&world, 1, "customer.subscription.updated", &subscription("past_due"), None).await;
        if !put_first {
            puts().await;
        }
        assert_eq!(get(&world, "customers/c1").await["billing_status"], "active");
        for tenant in ["t1", "t2"] {
            let tenant = get(&world, &format!("tenants/{tenant}")).await;
            assert_eq!(
                (&tenant["subscription_status"], &tenant["stripe_subscription_id"]),
                (&json!("active"), &json!("sub_1")),
                "{tenant}"
            );
            assert_eq!(tenant["period_end"], "2026-12-11T14:40:00Z");
        }
    }
}

#[tokio::test]
async fn the_period_is_the_items_or_the_subscriptions() {
    let world = world();
    put(&world, "tenants/t1", json!({ "name": "Alder Studio", "stripe_subscription_id": "sub_1" })).await;
    let old = json!({ "id": "sub_1", "customer": "cus_1", "status": "active", "current_period_start": 1_795_000_000, "current_period_end": 1_797_000_000 });
    at(&world, 0, "customer.subscription.updated", &old, None).await;
    let tenant = get(&world, "tenants/t1").await;
    assert_eq!((&tenant["period_start"], &tenant["period_end"]), (&json!("2026-11-18T11:06:40Z"), &json!("2026-12-11T14:40:00Z")));
}

#[tokio::test]
async fn deleted_is_canceled_and_final() {
    let world = world();
    put(&world, "customers/c1", json!({ "stripe_customer_id": "cus_1" })).await;
    at(&world, 1, "customer.subscription.deleted", &subscription("canceled"), None).await;
    at(&world, 2, "customer.subscription.updated", &subscription("active"), None).await;
    assert_eq!(get(&world, "customers/c1").await["billing_status"], "canceled");
}

#[tokio::test]
async fn created_and_updated_in_one_second_end_in_the_update() {
    for order in [[0, 1], [1, 0]] {
        let world = world();
        put(&world, "customers/cus_1", json!({})).await;
        for number in order {
            match number {
                0 => at(&world, 0, "customer.subscription.created", &subscription("incomplete"), None).await,
                _ => at(&world, 0, "customer.subscription.updated", &subscription("active"), Some(json!({ "status": "incomplete" }))).await,
            }
        }
        assert_eq!(get(&world, "customers/cus_1").await["billing_status"], "active", "{order:?}");
    }
}

#[tokio::test]
async fn a_paid_checkout_links_the_subscription_to_the_tenant() {
    for (named, session) in [
        ("client_reference_id", session(&json!({}))),
        ("metadata", session(&json!({ "client_reference_id": null, "metadata": { "tenant_id": "t1" } }))),
        ("free", session(&json!({ "payment_status": "no_payment_required" }))),
    ] {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
            let world = world();
            for step in order {
                match step {
                    0 => drop(put(&world, "tenants/t1", json!({ "name": "Alder Studio" })).await),
                    1 => at(&world, 0, "checkout.session.completed", &session, None).await,
                    _ => at(&world, 1, "customer.subscription.created", &subscription("active"), None).await,
                }
            }
            let tenant = get(&world, "tenants/t1").await;
            assert_eq!(
                (&tenant["subscription_status"], &tenant["stripe_customer_id"]),
                (&json!("active"), &json!("cus_1")),
                "{named} {order:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_unpaid_checkout_waits_for_its_payment() {
    let world = world();
    put(&world, "tenants/t1", json!({ "name": "Alder Studio" })).await;
    at(&world, 0, "checkout.session.completed", &session(&json!({ "payment_status": "unpaid" })), None).await;
    assert_eq!(get(&world, "tenants/t1").await["stripe_subscription_id"], Value::Null);
    at(&world, 1, "checkout.session.async_payment_failed", &session(&json!({ "payment_status": "unpaid" })), None).await;
    assert_eq!(get(&world, "tenants/t1").await["stripe_subscription_id"], Value::Null);
    at(&world, 2, "checkout.session.async_payment_succeeded", &session(&json!({})), None).await;
    assert_eq!(get(&world, "tenants/t1").await["stripe_subscription_id"], "sub_1");
}

#[tokio::test]
async fn a_tenant_that_is_not_put_waits() {
    let world = world();
    at(&world, 0, "checkout.session.completed", &session(&json!({})), None).await;
    assert_eq!(call(&world, Method::GET, "/api/v1/tenants/t1", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(&world, "tenants?unmatched=true").await["items"][0]["stripe_subscription_id"], "sub_1");
    assert_eq!(get(&world, "inbound?unmatched=true").await["items"][0]["type"], "checkout.session.completed");
}

fn setup(method: &str) -> Value {
    json!({ "id": "seti_1", "object": "setup_intent", "customer": "cus_1", "payment_method": method, "status": "succeeded" })
}

fn card(last4: &str) -> Value {
    json!({ "object": "payment_method", "type": "card", "card": { "brand": "visa", "last4": last4, "exp_month": 4, "exp_year": 2031 } })
}

#[tokio::test]
async fn a_payment_method_is_saved_and_the_first_one_is_the_default() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
        let world = world();
        world.stripe.put(StripeObject::PaymentMethod("pm_1".into()), card("4242"));
        world.stripe.put(StripeObject::PaymentMethod("pm_2".into()), card("1881"));
        for step in order {
            match step {
                0 => drop(put(&world, "customers/c1", json!({ "stripe_customer_id": "cus_1" })).await),
                1 => at(&world, 1, "setup_intent.succeeded", &setup("pm_1"), None).await,
                _ => at(&world, 2, "setup_intent.succeeded", &setup("pm_2"), None).await,
            }
        }
        let customer = get(&world, "customers/c1").await;
        let default = json!({ "id": "pm_1", "brand": "visa", "last4": "4242", "exp_month": 4, "exp_year": 2031 });
        assert_eq!(customer["default_payment_method"], default, "{order:?}");
        for (id, is_default) in [("pm_1", true), ("pm_2", false)] {
            let method = get(&world, &format!("payment-methods/{id}")).await;
            assert_eq!((&method["is_default"], &method["customer_id"]), (&json!(is_default), &json!("c1")), "{order:?} {id}");
        }
        let listed = get(&world, "payment-methods?customer_id=c1").await["items"].as_array().map(Vec::len);
        assert_eq!(listed, Some(2), "{order:?}");
    }
}

#[tokio::test]
async fn a_payment_method_waits_until_its_customer_is_put() {
    let waiting = async |world: &World| {
        let listed = get(world, "payment-methods?unmatched=true").await;
        listed["items"].as_array().expect("items").iter().map(|item| item["id"].clone()).collect::<Vec<_>>()
    };
    let known_as = [
        ("customers/c1", json!({ "stripe_customer_id": "cus_1" })),
        ("customers/cus_1", json!({ "name": "Ana Lima" })),
        ("tenants/t1", json!({ "name": "Alder Studio", "stripe_customer_id": "cus_1" })),
    ];
    for (path, word) in known_as {
        for put_first in [false, true] {
            let world = world();
            if put_first {
                put(&world, path, word.clone()).await;
            } else {
                // One whose customer Stripe has told of, and one of which nothing was heard.
                at(&world, 0, "customer.created", &json!({ "id": "cus_1", "name": "Ana Lima" }), None).await;
            }
            at(&world, 1, "setup_intent.succeeded", &setup("pm_1"), None).await;
            let mut other = setup("pm_2");
            other["customer"] = json!("cus_2");
            at(&world, 2, "setup_intent.succeeded", &other, None).await;
            let expected = if put_first { vec!["pm_2"] } else { vec!["pm_2", "pm_1"] };
            assert_eq!(waiting(&world).await, expected, "{path}, put first: {put_first}");
            if !put_first {
                put(&world, path, word.clone()).await;
                assert_eq!(waiting(&world).await, ["pm_2"], "{path}");
            }
            let all = get(&world, "payment-methods").await["items"].as_array().map(Vec::len);
            assert_eq!(all, Some(2), "each is read and listed all the same");
        }
    }
    // One that is put with another Stripe customer lets go of them.
    let world = world();
    put(&world, "customers/c1", json!({ "stripe_customer_id": "cus_1" })).await;
    at(&world, 1, "setup_intent.succeeded", &setup("pm_1"), None).await;
    put(&world, "customers/c1", json!({ "name": "Ana Lima" })).await;
    assert_eq!(waiting(&world).await, ["pm_1"]);
}

#[tokio::test]
async fn without_a_key_the_card_stays_empty_until_a_replay() {
    let world = world();
    at(&world, 1, "setup_intent.succeeded", &setup("pm_1"), None).await;
    assert_eq!(get(&world, "payment-methods/pm_1").await["brand"], Value::Null);
    world.stripe.put(StripeObject::PaymentMethod("pm_1".into()), card("4242"));
    let id = world.events()[0].id.clone();
    call(&world, Method::POST, &format!("/api/v1/inbound/{id}/replay"), None).await;
    while world.step().await {}
    assert_eq!(get(&world, "payment-methods/pm_1").await["last4"], "4242");
}

#[tokio::test]
async fn every_wrong_field_is_named_and_phones_are_normalised() {
    let world = world();
    let answer =
        call(&world, Method::PUT, "/api/v1/customers/c1", Some(json!({ "email": "ana@", "phone": "555", "sms_opt_out": true }))).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let fields: Vec<_> = answer.json["errors"].as_array().expect("errors").iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["sms_opt_out", "email", "phone"]);
    assert_eq!(put(&world, "customers/c1", json!({ "phone": "+1 500 555-0006" })).await["phone"], "+15005550006");
    let answer = call(&world, Method::PUT, "/api/v1/tenants/t1", Some(json!({}))).await;
    assert_eq!(answer.json["errors"][0]["field"], "name");
}
