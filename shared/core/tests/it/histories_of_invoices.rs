//! The history of an invoice, and of a payment of one: whole, whatever came first.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    any_order::orders,
    histories::{events, put, told, world},
    support::call,
};

pub(crate) fn invoice(changes: Value) -> Value {
    let mut invoice = json!({ "customer_id": "c1", "stripe_customer_id": "cus_1", "amount": 6000, "currency": "usd" });
    changes.as_object().expect("an object").iter().for_each(|(name, value)| invoice[name] = value.clone());
    invoice
}

/// Payment intent pi_1 was paid, for no booking.
pub(crate) fn intent() -> Value {
    json!({ "id": "pi_1", "object": "payment_intent", "amount": 6000, "amount_received": 6000, "currency": "usd", "customer": "cus_1" })
}

#[tokio::test]
async fn an_invoice_s_history_has_what_became_of_its_payment_before_it_was_put_and_since() {
    let known_as = [
        // By its payment intent, and by likeness.
        ("INV-1", json!({ "stripe_payment_intent_id": "pi_1" })),
        ("INV-1", json!({})),
        // Under Stripe's own id.
        ("in_1", json!({})),
    ];
    for (id, named) in known_as {
        for order in orders(5) {
            let world = world();
            // A match by likeness needs an invoice that asks before the refund.
            let (by_likeness, position) = (id == "INV-1" && named == json!({}), |step| order.iter().position(|at| *at == step));
            if by_likeness && position(0) > position(3) {
                continue;
            }
            for step in &order {
                match step {
                    0 => assert_eq!(put(&world, &format!("invoices/{id}"), invoice(named.clone())).await, StatusCode::CREATED),
                    1 => told(&world, "evt_1", "payment_intent.payment_failed", 1, intent()).await,
                    2 => told(&world, "evt_2", "payment_intent.succeeded", 2, intent()).await,
                    3 => {
                        let charge =
                            json!({ "id": "ch_1", "amount": 6000, "amount_refunded": 1000, "currency": "usd", "payment_intent": "pi_1" });
                        told(&world, "evt_3", "charge.refunded", 30, charge).await;
                    }
                    _ => {
                        let paid = json!({ "id": "in_1", "object": "invoice", "amount_due": 6000, "amount_paid": 6000, "currency": "usd", "customer": "cus_1", "payment_intent": "pi_1" });
                        told(&world, "evt_4", "invoice.paid", 3, paid).await;
                    }
                }
            }
            let path = format!("invoices/{id}");
            let shown = call(&world, Method::GET, &format!("/api/v1/{path}"), None).await.json;
            assert_eq!((&shown["status"], &shown["refunded_amount"]), (&json!("paid"), &json!(1000)), "{id} {named} {order:?}: {shown}");
            assert_eq!(events(&world, &path).await, ["evt_2", "evt_3", "evt_4"], "{id} {named} {order:?}");
        }
    }
}

#[tokio::test]
async fn an_invoice_s_history_has_what_stripe_said_of_its_own_before_it_named_the_payment() {
    for order in orders(4) {
        let world = world();
        for step in &order {
            match step {
                0 => {
                    let named = json!({ "stripe_payment_intent_id": "pi_1" });
                    assert_eq!(put(&world, "invoices/INV-1", invoice(named)).await, StatusCode::CREATED);
                }
                1 => told(&world, "evt_1", "payment_intent.succeeded", 2, intent()).await,
                2 => {
                    let paid = json!({ "id": "in_1", "object": "invoice", "amount_due": 6000, "amount_paid": 6000, "currency": "usd", "customer": "cus_1" });
                    told(&world, "evt_2", "invoice.paid", 3, paid).await;
                }
                _ => {
                    let paying = json!({
                        "id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "amount_paid": 6000, "currency": "usd", "status": "paid",
                        "payment": { "type": "payment_intent", "payment_intent": "pi_1" },
                    });
                    told(&world, "evt_3", "invoice_payment.paid", 4, paying).await;
                }
            }
        }
        assert_eq!(events(&world, "invoices/INV-1").await, ["evt_1", "evt_2", "evt_3"], "{order:?}");
    }
}

#[tokio::test]
async fn a_payment_s_history_has_what_stripe_said_of_its_invoice_before_it_named_the_payment() {
    let of_stripe =
        json!({ "id": "in_1", "object": "invoice", "amount_due": 6000, "amount_paid": 6000, "currency": "usd", "customer": "cus_1" });
    let paying = json!({
        "id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "amount_paid": 6000, "currency": "usd", "status": "paid",
        "payment": { "type": "payment_intent", "payment_intent": "pi_1" },
    });
    // As its owner has it: an own invoice, Stripe's, or none.
    for put_as in [Some("INV-1"), Some("in_1"), None] {
        for order in orders(5) {
            let world = world();
            for step in &order {
                match step {
                    0 => {
                        let named = json!({ "stripe_payment_intent_id": "pi_1" });
                        if let Some(id) = put_as {
                            assert_eq!(put(&world, &format!("invoices/{id}"), invoice(named)).await, StatusCode::CREATED);
                        }
                    }
                    1 => told(&world, "evt_1", "invoice.payment_failed", 1, of_stripe.clone()).await,
                    2 => told(&world, "evt_2", "payment_intent.succeeded", 2, intent()).await,
                    3 => told(&world, "evt_3", "invoice.paid", 3, of_stripe.clone()).await,
                    _ => told(&world, "evt_4", "invoice_payment.paid", 4, paying.clone()).await,
                }
            }
            for path in ["payments/pi_1", "transactions/pi_1"] {
                assert_eq!(events(&world, path).await, ["evt_1", "evt_2", "evt_3", "evt_4"], "{path} {put_as:?} {order:?}");
            }
            // What is replayed is known.
            let ids: Vec<_> = world.events().into_iter().filter(|event| event.provider == "stripe").map(|event| event.id).collect();
            for id in ids {
                call(&world, Method::POST, &format!("/api/v1/inbound/{id}/replay"), None).await;
            }
            world.run_until_quiet().await;
            assert_eq!(events(&world, "payments/pi_1").await, ["evt_1", "evt_2", "evt_3", "evt_4"], "replayed: {put_as:?} {order:?}");
        }
    }
}

#[tokio::test]
async fn a_payment_that_a_put_takes_away_leaves_the_invoice_s_history() {
    for put_first in [false, true] {
        let world = world();
        let named = invoice(json!({ "stripe_payment_intent_id": "pi_1" }));
        for step in [put_first, !put_first] {
            if step {
                put(&world, "invoices/INV-1", named.clone()).await;
            } else {
                told(&world, "evt_1", "payment_intent.succeeded", 1, intent()).await;
            }
        }
        assert_eq!(events(&world, "invoices/INV-1").await, ["evt_1"]);
        put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_2", "amount": 100 }))).await;
        assert_eq!(events(&world, "invoices/INV-1").await, [""; 0], "put first: {put_first}");
        put(&world, "invoices/INV-2", named).await;
        assert_eq!(events(&world, "invoices/INV-2").await, ["evt_1"], "put first: {put_first}");
    }
}
