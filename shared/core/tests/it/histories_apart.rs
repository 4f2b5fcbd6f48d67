//! What is in no history: what was said of others, and what a correction has left to them.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::testing::World;

use crate::{
    any_order::orders,
    histories::{events, put, told, world},
    histories_of_invoices::{intent, invoice},
    support::call,
};

/// A subscription of Stripe's customer cus_1.
fn subscription(id: &str, status: &str) -> Value {
    json!({ "id": id, "object": "subscription", "customer": "cus_1", "status": status })
}

/// The subscription with that number came to be, or was changed so that nobody shows it.
async fn subscribed(world: &World, number: usize, changed: bool) {
    let (event, object) = match changed {
        false => (format!("evt_{number}"), subscription(&format!("sub_{number}"), "active")),
        true => (format!("evt_{number}_changed"), subscription(&format!("sub_{number}"), "active")),
    };
    let kind = if changed { "customer.subscription.updated" } else { "customer.subscription.created" };
    told(world, &event, kind, number as u64 + if changed { 5 } else { 0 }, object).await;
}

#[tokio::test]
async fn a_tenant_whose_stripe_customer_pays_for_another_one_has_nothing_of_the_other_s_in_its_history() {
    for put_with_customer in [true, false] {
        for order in orders(4) {
            let world = world();
            for step in &order {
                let number = step % 2 + 1;
                match step {
                    0 | 1 if put_with_customer => {
                        let word = json!({ "name": "A", "stripe_customer_id": "cus_1", "stripe_subscription_id": format!("sub_{number}") });
                        assert_eq!(put(&world, &format!("tenants/t{number}"), word).await, StatusCode::CREATED);
                    }
                    0 | 1 => {
                        assert_eq!(put(&world, &format!("tenants/t{number}"), json!({ "name": "A" })).await, StatusCode::CREATED);
                        let session = json!({ "id": format!("cs_{number}"), "object": "checkout.session", "client_reference_id": format!("t{number}"),
                            "subscription": format!("sub_{number}"), "customer": "cus_1", "payment_status": "paid" });
                        told(&world, &format!("evt_{number}_bought"), "checkout.session.completed", number as u64, session).await;
                    }
                    _ => subscribed(&world, number, false).await,
                }
            }
            for number in [1, 2] {
                subscribed(&world, number, true).await;
            }
            for (number, other) in [(1, 2), (2, 1)] {
                let events = events(&world, &format!("tenants/t{number}")).await;
                assert!(events.iter().all(|event| !event.starts_with(&format!("evt_{other}"))), "{order:?}: {events:?}");
                // What changed it while it was there is in it.
                let position = |step| order.iter().position(|at| *at == step);
                assert_eq!(events.contains(&format!("evt_{number}")), position(number - 1) < position(number + 1), "{order:?}: {events:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_tenant_that_alone_pays_with_its_stripe_customer_has_all_that_was_said_of_its_subscriptions() {
    for known_as in [json!({ "stripe_customer_id": "cus_1" }), json!({ "stripe_customer_id": "cus_1", "stripe_subscription_id": "sub_2" })]
    {
        let world = world();
        for number in [1, 2] {
            subscribed(&world, number, false).await;
        }
        let mut word = known_as.clone();
        word["name"] = json!("Alder Studio");
        assert_eq!(put(&world, "tenants/t1", word).await, StatusCode::CREATED);
        for number in [1, 2] {
            subscribed(&world, number, true).await;
        }
        assert_eq!(events(&world, "tenants/t1").await, ["evt_1", "evt_1_changed", "evt_2", "evt_2_changed"], "{known_as}");
        let shown = call(&world, Method::GET, "/api/v1/tenants/t1", None).await.json;
        assert_eq!(shown["subscription_status"], "active");
    }
}

/// The n-th event on the only subscription of a customer of Stripe's.
async fn said_of(world: &World, event: &str, customer: &str, status: &str) {
    let object = json!({ "id": format!("sub_of_{customer}"), "object": "subscription", "customer": customer, "status": status });
    told(world, event, "customer.subscription.updated", world.events().len() as u64, object).await;
}

#[tokio::test]
async fn a_corrected_stripe_customer_takes_its_history_along_whether_it_was_told_before_the_put_or_since() {
    let paying_as = |customer: Value| json!({ "name": "Alder Studio", "stripe_customer_id": customer });
    for order in orders(3) {
        // Also where what was said lies on full pages by then.
        for puts in [1, 12] {
            let world = world();
            for step in &order {
                match step {
                    0 => {
                        for number in 0..puts {
                            let mut word = paying_as(json!("cus_1"));
                            word["metadata"] = json!({ "put": number.to_string() });
                            assert!(put(&world, "tenants/t1", word).await.is_success());
                        }
                    }
                    1 => said_of(&world, "evt_1", "cus_1", "active").await,
                    _ => said_of(&world, "evt_2", "cus_2", "past_due").await,
                }
            }
            let bought = json!({ "id": "cs_3", "object": "checkout.session", "client_reference_id": "t1", "subscription": "sub_3", "payment_status": "paid" });
            told(&world, "evt_3", "checkout.session.completed", 9, bought).await;
            for (customer, expected) in [
                (json!("cus_1"), vec!["evt_1", "evt_3"]),
                (json!("cus_2"), vec!["evt_2", "evt_3"]),
                (json!(null), vec!["evt_3"]),
                (json!("cus_1"), vec!["evt_1", "evt_3"]),
            ] {
                for _ in 0..puts {
                    put(&world, "tenants/t1", paying_as(customer.clone())).await;
                }
                assert_eq!(events(&world, "tenants/t1").await, expected, "{customer} {order:?}, {puts} puts");
            }
        }
    }
}

#[tokio::test]
async fn what_was_said_of_a_subscription_that_a_tenant_has_no_more_stays_if_it_bought_it() {
    let world = world();
    assert_eq!(put(&world, "tenants/t1", json!({ "name": "Alder Studio" })).await, StatusCode::CREATED);
    for customer in ["cus_1", "cus_2"] {
        let bought = json!({ "id": format!("cs_{customer}"), "object": "checkout.session", "client_reference_id": "t1", "customer": customer,
            "subscription": format!("sub_of_{customer}"), "payment_status": "paid" });
        told(&world, &format!("evt_{customer}_bought"), "checkout.session.completed", world.events().len() as u64, bought).await;
        said_of(&world, &format!("evt_{customer}_said"), customer, "active").await;
    }
    let expected = ["evt_cus_1_bought", "evt_cus_1_said", "evt_cus_2_bought", "evt_cus_2_said"];
    assert_eq!(events(&world, "tenants/t1").await, expected);
}

#[tokio::test]
async fn a_payment_that_is_an_invoice_s_no_more_leaves_its_history_from_full_pages_too() {
    let charge =
        |amount: i64| json!({ "id": "ch_1", "amount": 6000, "amount_refunded": amount, "currency": "usd", "payment_intent": "pi_1" });
    for named in [json!("pi_1"), json!(null)] {
        let world = world();
        let word = |intent: &Value| invoice(json!({ "stripe_payment_intent_id": intent }));
        assert_eq!(put(&world, "invoices/INV-1", word(&named)).await, StatusCode::CREATED);
        told(&world, "evt_00", "payment_intent.succeeded", 1, intent()).await;
        let mut expected = vec!["evt_00".to_owned()];
        for number in 1..20 {
            told(&world, &format!("evt_{number:02}"), "charge.refunded", 30 + number, charge(100 * i64::try_from(number).expect("a few")))
                .await;
            expected.push(format!("evt_{number:02}"));
        }
        assert_eq!(events(&world, "invoices/INV-1").await, expected, "{named}");
        // By a put of the invoice, or by one of another.
        if named.is_null() {
            assert_eq!(put(&world, "invoices/INV-2", word(&json!("pi_1"))).await, StatusCode::CREATED);
        } else {
            put(&world, "invoices/INV-1", word(&json!("pi_2"))).await;
            assert_eq!(put(&world, "invoices/INV-2", word(&named)).await, StatusCode::CREATED);
        }
        assert_eq!(events(&world, "invoices/INV-1").await, [""; 0], "{named}");
        assert_eq!(events(&world, "invoices/INV-2").await, expected, "{named}");
    }
}

#[tokio::test]
async fn an_invoice_s_history_is_the_same_whether_its_payment_was_taken_for_another_one_s_or_not() {
    let paid = json!({ "invoice": "in_1", "amount_paid": 6000, "currency": "usd", "payment": { "payment_intent": "pi_1" } });
    for order in orders(2) {
        let world = world();
        for id in ["INV-1", "in_1"] {
            assert_eq!(put(&world, &format!("invoices/{id}"), invoice(json!({}))).await, StatusCode::CREATED);
        }
        for step in &order {
            match step {
                // By likeness it is taken for the first one's.
                0 => told(&world, "evt_1", "payment_intent.succeeded", 1, intent()).await,
                _ => told(&world, "evt_2", "invoice_payment.paid", 2, paid.clone()).await,
            }
        }
        let shown = call(&world, Method::GET, "/api/v1/invoices/in_1", None).await.json;
        assert_eq!(shown["status"], "paid", "{order:?}");
        assert_eq!(events(&world, "invoices/INV-1").await, [""; 0], "{order:?}");
        assert_eq!(events(&world, "invoices/in_1").await, ["evt_1", "evt_2"], "{order:?}");
    }
}
