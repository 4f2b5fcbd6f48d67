//! The rules of invoices and payments, each by example.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    ports::StripeObject,
    testing::{Sent, World, stripe},
};

use crate::support::{booking, call, minutes, start};

pub(crate) fn world() -> World {
    World::new(start(), true)
}

pub(crate) async fn with(world: &World, id: &str, kind: &str, object: Value) {
    let now = start() + minutes(u64::try_from(world.events().len()).unwrap_or(0));
    world.enqueue(&stripe(id, kind, now, now, &object)).await;
    while world.step().await {}
}

pub(crate) async fn put(world: &World, path: &str, body: Value) -> Value {
    let answer = call(world, Method::PUT, &format!("/api/v1/{path}"), Some(body)).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.json);
    answer.json
}

pub(crate) async fn get(world: &World, path: &str) -> Value {
    call(world, Method::GET, &format!("/api/v1/{path}"), None).await.json
}

pub(crate) fn invoice(changes: Value) -> Value {
    let mut invoice = json!({ "customer_id": "c1", "stripe_customer_id": "cus_1", "amount": 4900, "currency": "usd" });
    changes.as_object().expect("an object").iter().for_each(|(name, value)| invoice[name] = value.clone());
    invoice
}

pub(crate) fn intent(changes: Value) -> Value {
    let mut intent = json!({ "id": "pi_1", "object": "payment_intent", "amount": 4900, "amount_received": 4900, "currency": "usd", "customer": "cus_1" });
    changes.as_object().expect("an object").iter().for_each(|(name, value)| intent[name] = value.clone());
    intent
}

pub(crate) fn stripe_invoice(changes: Value) -> Value {
    let mut invoice = json!({
        "id": "in_1", "object": "invoice", "amount_due": 4900, "amount_paid": 4900, "currency": "usd", "customer": "cus_1", "status": "paid",
        "status_transitions": { "paid_at": 1_795_325_000 },
    });
    changes.as_object().expect("an object").iter().for_each(|(name, value)| invoice[name] = value.clone());
    invoice
}

pub(crate) fn charge(refunded: i64) -> Value {
    json!({ "id": "ch_1", "amount": 4900, "amount_refunded": refunded, "currency": "usd", "payment_intent": "pi_1", "customer": "cus_1" })
}

fn failed_refund(amount: i64) -> Value {
    json!({ "id": "re_1", "object": "refund", "amount": amount, "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1", "status": "failed" })
}

#[tokio::test]
async fn invoice_paid_in_the_old_shape_finds_its_invoice_by_payment_intent() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1" }))).await;
    with(&world, "evt_1", "invoice.paid", stripe_invoice(json!({ "payment_intent": "pi_1" }))).await;
    let invoice = get(&world, "invoices/INV-1").await;
    assert_eq!((&invoice["status"], &invoice["paid_at"]), (&json!("paid"), &json!("2026-11-22T05:23:20Z")));
    let payment = get(&world, "payments/pi_1").await;
    assert_eq!((&payment["status"], &payment["invoice_id"], &payment["amount"]), (&json!("succeeded"), &json!("INV-1"), &json!(4900)));
    assert_eq!(payment["method"], "stripe_online");
}

#[tokio::test]
async fn invoice_paid_in_the_new_shape_asks_stripe_for_the_payment_intent() {
    let world = world();
    let payments = json!({ "data": [{ "invoice": "in_1", "amount_paid": 4900, "currency": "usd", "payment": { "type": "payment_intent", "payment_intent": "pi_1" } }] });
    world.stripe.put(StripeObject::InvoicePayments("in_1".into()), payments);
    let charge = json!({ "id": "ch_1", "receipt_url": "https://pay.stripe.com/r", "payment_method_details": { "type": "card", "card": { "brand": "visa", "last4": "4242" } } });
    world.stripe.put(StripeObject::PaymentIntent("pi_1".into()), json!({ "id": "pi_1", "latest_charge": charge }));
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1" }))).await;
    with(&world, "evt_1", "invoice.paid", stripe_invoice(json!({}))).await;
    assert_eq!(get(&world, "invoices/INV-1").await["status"], "paid");
    let payment = get(&world, "payments/pi_1").await;
    assert_eq!(payment["card"], json!({ "brand": "visa", "last4": "4242" }));
    assert_eq!((&payment["receipt_url"], &payment["stripe_invoice_id"]), (&json!("https://pay.stripe.com/r"), &json!("in_1")));
}

#[tokio::test]
async fn without_a_key_invoice_paid_waits_for_invoice_payment_paid_or_a_replay() {
    for replayed in [false, true] {
        let world = world();
        put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1" }))).await;
        with(&world, "evt_1", "invoice.paid", stripe_invoice(json!({}))).await;
        assert_eq!(get(&world, "invoices/INV-1").await["status"], "open");
        assert_eq!(get(&world, "invoices?unmatched=true").await["items"][0]["id"], "in_1");
        let payment = json!({ "type": "payment_intent", "payment_intent": "pi_1" });
        let payment = json!({ "id": "inpay_1", "invoice": "in_1", "amount_paid": 4900, "currency": "usd", "payment": payment });
        if replayed {
            world.stripe.put(StripeObject::InvoicePayments("in_1".into()), json!({ "data": [payment] }));
            let id = world.events()[0].id.clone();
            assert_eq!(call(&world, Method::POST, &format!("/api/v1/inbound/{id}/replay"), None).await.status, StatusCode::ACCEPTED);
            while world.step().await {}
        } else {
            with(&world, "evt_2", "invoice_payment.paid", payment).await;
        }
        let invoice = get(&world, "invoices/INV-1").await;
        assert_eq!((&invoice["status"], &invoice["paid_at"]), (&json!("paid"), &json!("2026-11-22T05:23:20Z")), "replayed: {replayed}");
    }
}

#[tokio::test]
async fn an_invoice_put_under_stripes_id_is_that_invoice() {
    for put_first in [false, true] {
        let world = world();
        if put_first {
            put(&world, "invoices/in_1", invoice(json!({}))).await;
        }
        with(&world, "evt_1", "invoice.paid", stripe_invoice(json!({ "payment_intent": "pi_1" }))).await;
        if !put_first {
            assert_eq!(call(&world, Method::GET, "/api/v1/invoices/in_1", None).await.status, StatusCode::NOT_FOUND);
            assert_eq!(get(&world, "payments/pi_1").await["stripe_invoice_id"], "in_1");
            put(&world, "invoices/in_1", invoice(json!({}))).await;
        }
        assert_eq!(get(&world, "invoices/in_1").await["status"], "paid");
        assert_eq!(get(&world, "payments/pi_1").await["invoice_id"], "in_1");
        assert_eq!(get(&world, "payments?unmatched=true").await["items"], json!([]));
        assert_eq!(get(&world, "payments?invoice_id=in_1").await["items"][0]["id"], "pi_1");
    }
}

#[tokio::test]
async fn several_payments_pay_an_invoice_together() {
    let world = world();
    put(&world, "invoices/in_1", invoice(json!({}))).await;
    for (number, amount) in [(1, 3000), (2, 1900)] {
        assert_eq!(get(&world, "invoices/in_1").await["status"], "open");
        let payment = json!({ "type": "payment_intent", "payment_intent": format!("pi_{number}") });
        let payment =
            json!({ "id": format!("inpay_{number}"), "invoice": "in_1", "amount_paid": amount, "currency": "usd", "payment": payment });
        with(&world, &format!("evt_{number}"), "invoice_payment.paid", payment).await;
    }
    let invoice = get(&world, "invoices/in_1").await;
    assert_eq!((&invoice["status"], &invoice["payments"]), (&json!("paid"), &json!(["pi_1", "pi_2"])));
    with(
        &world,
        "evt_3",
        "charge.refunded",
        json!({ "id": "ch_1", "amount": 3000, "amount_refunded": 3000, "currency": "usd", "payment_intent": "pi_1" }),
    )
    .await;
    let invoice = get(&world, "invoices/in_1").await;
    assert_eq!((&invoice["status"], &invoice["refunded_amount"]), (&json!("paid"), &json!(3000)), "only one of two was given back");
}

#[tokio::test]
async fn invoice_payment_failed_is_overdue_unless_paid() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1" }))).await;
    with(&world, "evt_1", "invoice.payment_failed", stripe_invoice(json!({ "payment_intent": "pi_1", "status": "open" }))).await;
    assert_eq!(get(&world, "invoices/INV-1").await["status"], "overdue");
    assert_eq!(get(&world, "invoices?status=overdue").await["items"][0]["id"], "INV-1");
    with(&world, "evt_2", "invoice.paid", stripe_invoice(json!({ "payment_intent": "pi_1" }))).await;
    assert_eq!(get(&world, "invoices/INV-1").await["status"], "paid");
    with(&world, "evt_3", "invoice.payment_failed", stripe_invoice(json!({ "payment_intent": "pi_1", "status": "open" }))).await;
    assert_eq!(get(&world, "invoices/INV-1").await["status"], "paid");
}

#[tokio::test]
async fn a_payment_is_its_invoices_by_payment_intent_whichever_comes_first() {
    for put_first in [false, true] {
        let world = world();
        let word = invoice(json!({ "stripe_payment_intent_id": "pi_1", "stripe_customer_id": null }));
        if put_first {
            put(&world, "invoices/INV-1", word.clone()).await;
            assert_eq!(call(&world, Method::GET, "/api/v1/payments/pi_1", None).await.status, StatusCode::NOT_FOUND);
        }
        with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
        if !put_first {
            assert_eq!(get(&world, "payments?unmatched=true").await["items"][0]["id"], "pi_1");
            put(&world, "invoices/INV-1", word).await;
        }
        assert_eq!(get(&world, "invoices/INV-1").await["status"], "paid", "put first: {put_first}");
        assert_eq!(get(&world, "payments/pi_1").await["invoice_id"], "INV-1");
        assert_eq!(get(&world, "payments?unmatched=true").await["items"], json!([]));
    }
}

#[tokio::test]
async fn else_it_is_the_customers_oldest_open_invoice_of_that_amount_and_currency() {
    let world = world();
    for (id, changes) in [
        ("another_customer", json!({ "stripe_customer_id": "cus_2" })),
        ("another_amount", json!({ "amount": 4901 })),
        ("another_currency", json!({ "currency": "eur" })),
        ("named_for_another", json!({ "stripe_payment_intent_id": "pi_9" })),
        ("paid_in_cash", json!({ "status": "paid" })),
        ("oldest", json!({})),
        ("younger", json!({})),
    ] {
        put(&world, &format!("invoices/{id}"), invoice(changes)).await;
        world.clock.advance(minutes(1));
    }
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    assert_eq!(get(&world, "payments/pi_1").await["invoice_id"], "oldest");
    assert_eq!(get(&world, "invoices/oldest").await["status"], "paid");
    assert_eq!(get(&world, "invoices/younger").await["status"], "open");
    with(&world, "evt_2", "payment_intent.succeeded", intent(json!({ "id": "pi_2" }))).await;
    assert_eq!(get(&world, "payments/pi_2").await["invoice_id"], "younger");
}

#[tokio::test]
async fn else_it_waits_unmatched_and_is_joined_later() {
    let world = world();
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    assert_eq!(get(&world, "payments?unmatched=true").await["items"][0]["id"], "pi_1");
    assert_eq!(get(&world, "payments/pi_1").await["invoice_id"], Value::Null);
    put(&world, "invoices/INV-1", invoice(json!({}))).await;
    assert_eq!(get(&world, "invoices/INV-1").await["status"], "paid");
    assert_eq!(get(&world, "payments?unmatched=true").await["items"], json!([]));
}

#[tokio::test]
async fn an_invoice_is_found_by_its_customers_stripe_id_also_when_that_comes_last() {
    let word = invoice(json!({ "stripe_customer_id": null }));
    for order in [
        ["invoice", "customer", "payment"],
        ["payment", "invoice", "customer"],
        ["customer", "payment", "invoice"],
        ["invoice", "payment", "customer"],
    ] {
        let world = world();
        for step in order {
            match step {
                "invoice" => drop(put(&world, "invoices/INV-1", word.clone()).await),
                "customer" => drop(put(&world, "customers/c1", json!({ "name": "Ana", "stripe_customer_id": "cus_1" })).await),
                _ => with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await,
            }
        }
        assert_eq!(get(&world, "invoices/INV-1").await["status"], "paid", "{order:?}");
    }
}

#[tokio::test]
async fn an_authoritative_link_replaces_a_match_by_likeness() {
    let world = world();
    put(&world, "invoices/like", invoice(json!({}))).await;
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    assert_eq!(get(&world, "invoices/like").await["status"], "paid");
    put(&world, "invoices/named", invoice(json!({ "stripe_payment_intent_id": "pi_1" }))).await;
    assert_eq!(get(&world, "invoices/named").await["status"], "paid");
    assert_eq!(get(&world, "payments/pi_1").await["invoice_id"], "named");
    let released = get(&world, "invoices/like").await;
    assert_eq!((&released["status"], &released["payments"]), (&json!("open"), &json!([])));
    with(&world, "evt_2", "payment_intent.succeeded", intent(json!({ "id": "pi_2" }))).await;
    assert_eq!(get(&world, "payments/pi_2").await["invoice_id"], "like", "and it is found again");
}

#[tokio::test]
async fn a_put_that_names_another_payment_intent_gives_the_first_one_up() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1", "stripe_customer_id": null }))).await;
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_2", "stripe_customer_id": null }))).await;
    assert_eq!(get(&world, "invoices/INV-1").await["status"], "open");
    assert_eq!(get(&world, "payments?unmatched=true").await["items"][0]["id"], "pi_1");
    with(&world, "evt_2", "payment_intent.succeeded", intent(json!({ "id": "pi_2" }))).await;
    assert_eq!(get(&world, "invoices/INV-1").await["payments"], json!(["pi_2"]));
}

#[tokio::test]
async fn a_booking_s_payment_is_no_invoices() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({}))).await;
    put(&world, "bookings/12345", booking(json!({}))).await;
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({ "metadata": { "booking_id": "12345" } }))).await;
    assert_eq!(get(&world, "invoices/INV-1").await["status"], "open");
    let payment = get(&world, "payments/pi_1").await;
    assert_eq!((&payment["booking_id"], &payment["invoice_id"]), (&json!("12345"), &Value::Null));
    assert_eq!(get(&world, "payments?booking_id=12345").await["items"][0]["id"], "pi_1");
}

#[tokio::test]
async fn a_charge_that_is_null_says_nothing_of_the_card() {
    let world = world();
    let charge = json!({ "payment_method_details": { "type": "card_present", "card_present": { "brand": "visa", "last4": "4242" } } });
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({ "latest_charge": charge }))).await;
    let failed = json!({ "latest_charge": null, "last_payment_error": { "code": "card_declined" } });
    with(&world, "evt_2", "payment_intent.payment_failed", intent(failed)).await;
    let tapped = json!({ "id": "pi_2", "latest_charge": null, "payment_method_types": ["card_present"] });
    with(&world, "evt_3", "payment_intent.succeeded", intent(tapped)).await;
    let kept = get(&world, "payments/pi_1").await;
    assert_eq!((&kept["method"], &kept["card"]["last4"]), (&json!("tap_to_pay"), &json!("4242")));
    assert_eq!(get(&world, "payments/pi_2").await["method"], "tap_to_pay");
}

#[tokio::test]
async fn card_and_method_come_from_the_charge_inline_or_looked_up() {
    let present = json!({ "type": "card_present", "card_present": { "brand": "mastercard", "last4": "4444" } });
    let charge = json!({ "id": "ch_1", "receipt_url": "https://pay.stripe.com/r", "payment_method_details": present });
    for (how, changes) in [
        ("old", json!({ "charges": { "data": [charge] } })),
        ("expanded", json!({ "latest_charge": charge })),
        ("looked up", json!({ "latest_charge": "ch_1" })),
    ] {
        let world = world();
        world.stripe.put(StripeObject::Charge("ch_1".into()), charge.clone());
        with(&world, "evt_1", "payment_intent.succeeded", intent(changes)).await;
        let payment = get(&world, "payments/pi_1").await;
        assert_eq!(
            (&payment["method"], &payment["card"]["last4"], &payment["card"]["brand"]),
            (&json!("tap_to_pay"), &json!("4444"), &json!("mastercard")),
            "{how}"
        );
        assert_eq!(payment["receipt_url"], "https://pay.stripe.com/r", "{how}");
    }
}

#[tokio::test]
async fn a_failed_payment_says_why() {
    let world = world();
    let error = json!({ "code": "card_declined", "decline_code": "insufficient_funds" });
    with(&world, "evt_1", "payment_intent.payment_failed", intent(json!({ "amount_received": 0, "last_payment_error": error }))).await;
    let payment = get(&world, "payments/pi_1").await;
    assert_eq!((&payment["status"], &payment["decline_code"]), (&json!("failed"), &json!("insufficient_funds")));
    assert_eq!(payment["failure_reason"], "The card doesn't have enough money available.");
    assert_eq!(get(&world, "transactions?unmatched=true").await["items"], json!([]), "what failed is no transaction");
    assert_eq!(call(&world, Method::GET, "/api/v1/transactions/pi_1", None).await.status, StatusCode::NOT_FOUND);
    with(&world, "evt_2", "payment_intent.succeeded", intent(json!({}))).await;
    let payment = get(&world, "payments/pi_1").await;
    assert_eq!(
        (&payment["status"], &payment["decline_code"], &payment["failure_reason"]),
        (&json!("succeeded"), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_refund_shows_on_payment_and_invoice_and_a_failed_one_is_taken_back() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1" }))).await;
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    let state = async || {
        let (payment, invoice) = (get(&world, "payments/pi_1").await, get(&world, "invoices/INV-1").await);
        assert_eq!(payment["refunded_amount"], invoice["refunded_amount"]);
        json!([payment["status"], payment["refunded_amount"], invoice["status"]])
    };
    with(&world, "evt_2", "charge.refunded", charge(900)).await;
    assert_eq!(state().await, json!(["partially_refunded", 900, "paid"]));
    with(&world, "evt_3", "charge.refunded", charge(4900)).await;
    assert_eq!(state().await, json!(["refunded", 4900, "refunded"]));
    with(&world, "evt_4", "refund.failed", failed_refund(4000)).await;
    assert_eq!(state().await, json!(["partially_refunded", 900, "paid"]));
    with(&world, "evt_5", "charge.refunded", charge(2000)).await;
    assert_eq!(state().await, json!(["partially_refunded", 2000, "paid"]), "what is refunded after that counts without it");
}

#[tokio::test]
async fn a_failed_refund_is_taken_back_from_the_booking_too() {
    let world = world();
    put(&world, "bookings/12345", booking(json!({}))).await;
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({ "metadata": { "booking_id": "12345" } }))).await;
    with(&world, "evt_2", "charge.refunded", charge(4900)).await;
    assert_eq!(get(&world, "bookings/12345").await["refunded_amount"], 4900);
    with(&world, "evt_3", "refund.failed", failed_refund(4900)).await;
    let booking = get(&world, "bookings/12345").await;
    assert_eq!((&booking["refunded_amount"], &booking["deposit_refunded"]), (&json!(0), &json!(false)));
    let sent = world.sent.sent();
    let Some(Sent::Mail(mail)) = sent.last() else { panic!("{sent:?}") };
    assert_eq!((mail.to.as_str(), &*mail.subject), ("support@example.com", "A refund of $49.00 for booking 12345 failed"));
    // Told once, however often it is heard.
    with(&world, "evt_4", "refund.updated", failed_refund(4900)).await;
    assert_eq!(world.sent.sent().len(), sent.len());
}

#[tokio::test]
async fn a_refund_that_is_under_way_changes_nothing() {
    let world = world();
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    let before = get(&world, "payments/pi_1").await;
    for kind in ["refund.created", "refund.updated", "charge.refund.updated"] {
        let mut refund = failed_refund(4900);
        refund["status"] = json!("pending");
        with(&world, kind, kind, refund).await;
    }
    assert_eq!(get(&world, "payments/pi_1").await, before);
}

#[tokio::test]
async fn an_owners_word_that_it_is_paid_stands_and_keeps_its_time() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({ "status": "paid" }))).await;
    let paid_at = get(&world, "invoices/INV-1").await["paid_at"].clone();
    world.clock.advance(minutes(5));
    put(&world, "invoices/INV-1", invoice(json!({ "status": "paid", "metadata": { "by": "cash" } }))).await;
    assert_eq!(get(&world, "invoices/INV-1").await["paid_at"], paid_at);
}

#[tokio::test]
async fn an_event_changes_no_word_of_the_owners() {
    let world = world();
    put(&world, "invoices/in_1", invoice(json!({ "amount": 5000 }))).await;
    with(&world, "evt_1", "invoice.paid", stripe_invoice(json!({ "payment_intent": "pi_1" }))).await;
    let invoice = get(&world, "invoices/in_1").await;
    assert_eq!((&invoice["amount"], &invoice["customer_id"]), (&json!(5000), &json!("c1")));
    let told = get(&world, "invoices/in_1/history").await;
    assert_eq!(told["items"][0]["type"], "invoice.paid");
    let event = world.events()[0].clone();
    let changed: Vec<_> = event.changes.iter().map(|change| (change.kind.as_str(), change.id.as_str())).collect();
    assert_eq!(changed, [("invoice", "in_1"), ("transaction", "pi_1")]);
}

#[tokio::test]
async fn every_wrong_field_of_an_invoice_is_named() {
    let world = world();
    let wrong = json!({ "id": "INV-2", "customer_id": "a/b", "amount": -1, "currency": "dollar", "due_at": "soon", "status": "late", "paid_at": null, "total": 1 });
    let answer = call(&world, Method::PUT, "/api/v1/invoices/INV-1", Some(wrong)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut fields: Vec<_> =
        answer.json["errors"].as_array().expect("errors").iter().map(|error| error["field"].as_str().expect("a field")).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["amount", "currency", "customer_id", "due_at", "id", "paid_at", "status", "total"]);
}
