//! Stripe's events by example: what is kept of those that change nothing, can't be read, or come again.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    event::EventStatus,
    ports::Clock,
    testing::{Sent, World, stripe},
};

use crate::support::{call, headlines, minutes, paid, put, read, start, with};

fn world() -> World {
    World::new(start(), true)
}

#[tokio::test]
async fn no_booking_and_no_known_intent_is_listed_as_unmatched() {
    let world = world();
    let charge = json!({ "id": "ch_1", "amount": 6000, "amount_refunded": 6000, "currency": "usd", "payment_intent": null });
    with(&world, stripe("evt_1", "charge.refunded", start(), start(), &charge)).await;
    let unmatched = call(&world, Method::GET, "/api/v1/inbound?unmatched=true", None).await.json;
    assert_eq!(unmatched["items"][0]["key"], "evt_1");
    assert_eq!(unmatched["items"][0]["status"], "done");
}

#[tokio::test]
async fn an_unknown_type_is_recorded() {
    let world = world();
    with(&world, stripe("evt_1", "reporting.report_type.updated", start(), start(), &json!({}))).await;
    assert_eq!(world.events()[0].status, EventStatus::Done);
}

#[tokio::test]
async fn an_unexpected_shape_is_parked_and_alerted_once_an_hour() {
    let world = world();
    for id in ["evt_1", "evt_2"] {
        with(&world, stripe(id, "payment_intent.succeeded", start(), start(), &json!({ "id": "pi_1" }))).await;
    }
    let parked = call(&world, Method::GET, "/api/v1/inbound?status=parked", None).await.json;
    assert_eq!(parked["items"].as_array().map(Vec::len), Some(2));
    let reason = parked["items"][0]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("amount"), "{reason}");
    let sent = world.sent.sent();
    assert!(matches!(&sent[..], [Sent::Mail(mail)] if mail.to == "alerts@example.com"), "{sent:?}");
    world.clock.advance(minutes(61));
    for id in ["evt_3", "evt_4"] {
        with(&world, stripe(id, "payment_intent.succeeded", world.clock.now(), world.clock.now(), &json!({ "id": "pi_1" }))).await;
    }
    world.clock.advance(minutes(61));
    with(&world, stripe("evt_5", "payment_intent.succeeded", world.clock.now(), world.clock.now(), &json!({ "id": "pi_1" }))).await;
    let told = headlines(&world);
    assert_eq!(told.len(), 3);
    assert!(told[2].starts_with("[Sluice] 3 events parked"), "those of the silent hour are counted: {told:?}");
}

#[tokio::test]
async fn what_cannot_be_is_parked_and_neither_kept_nor_told() {
    let booking = json!({ "booking_id": "12345" });
    let intent = json!({ "id": "pi_1", "object": "payment_intent", "amount": 6000, "currency": "usd", "metadata": booking });
    let charge =
        json!({ "id": "ch_1", "object": "charge", "amount": 6000, "amount_refunded": 1000, "currency": "usd", "metadata": booking });
    let refund = json!({ "id": "re_1", "object": "refund", "amount": 6000, "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1" });
    let invoice = json!({ "id": "in_1", "object": "invoice", "amount_due": 6000, "amount_paid": 6000, "currency": "usd" });
    let payment = json!({ "id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "amount_paid": 6000, "currency": "usd" });
    for (kind, object, field, value, said) in [
        ("payment_intent.succeeded", &intent, "amount_received", json!(-5), "-5"),
        ("payment_intent.succeeded", &intent, "amount", json!(-1), "-1"),
        ("payment_intent.succeeded", &intent, "object", json!("charge"), "payment_intent"),
        ("payment_intent.payment_failed", &intent, "amount", json!(-5), "-5"),
        ("charge.refunded", &charge, "amount_refunded", json!(9000), "9000 of 6000"),
        ("charge.refunded", &charge, "amount_refunded", json!(-1000), "-1000"),
        ("charge.refunded", &charge, "object", json!("refund"), "charge"),
        ("refund.failed", &refund, "amount", json!(-6000), "-6000"),
        ("refund.failed", &refund, "object", json!("charge"), "refund"),
        ("invoice.paid", &invoice, "amount_paid", json!(-6000), "-6000"),
        ("invoice.payment_failed", &invoice, "amount_due", json!(-6000), "-6000"),
        ("invoice.paid", &invoice, "object", json!("invoice_payment"), "invoice"),
        ("invoice_payment.paid", &payment, "amount_paid", json!(-6000), "-6000"),
        ("customer.updated", &json!({ "id": "cus_1" }), "object", json!("account"), "customer"),
        ("customer.subscription.created", &json!({ "id": "sub_1" }), "object", json!("customer"), "subscription"),
        ("checkout.session.completed", &json!({ "id": "cs_1" }), "object", json!("payment_link"), "checkout.session"),
        ("setup_intent.succeeded", &json!({ "id": "seti_1" }), "object", json!("payment_intent"), "setup_intent"),
    ] {
        let world = world();
        put(&world, json!({})).await;
        let before = read(&world).await;
        let mut object = object.clone();
        object[field] = value;
        with(&world, stripe("evt_1", kind, start(), start(), &object)).await;
        let event = &world.events()[0];
        assert_eq!(event.status, EventStatus::Parked, "{kind} {object}");
        let reason = event.reason.as_deref().unwrap_or_default();
        assert!(reason.contains("is not what") && reason.contains(said), "{reason}");
        assert_eq!(read(&world).await, before, "{kind} {object}");
        assert!(world.sent.sent().iter().all(|sent| matches!(sent, Sent::Mail(mail) if mail.to == "alerts@example.com")));
    }
}

#[tokio::test]
async fn a_replay_of_a_done_event_repeats_nothing() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    let before = read(&world).await;
    let id = world.events()[0].id.clone();
    assert_eq!(call(&world, Method::POST, &format!("/api/v1/inbound/{id}/replay"), None).await.status, StatusCode::ACCEPTED);
    world.run_until_quiet().await;
    assert_eq!(read(&world).await, before);
    assert_eq!(world.sent.sent().len(), 1);
    assert_eq!(world.events()[0].attempts, 2);
}

#[tokio::test]
async fn test_mode_changes_nothing_unless_it_is_on() {
    let body = json!({ "id": "evt_1", "type": "payment_intent.succeeded", "created": 1, "livemode": false, "data": { "object": {} } });
    let policy = sluice_core::plan::Policy { hold: minutes(120), stripe_test_mode: false, mail: true, sms: true };
    let loaded = sluice_core::plan::Loaded::default();
    let cause = sluice_core::records::Cause {
        event: "in_1".to_owned(),
        kind: "payment_intent.succeeded".to_owned(),
        recorded: true,
        told: Vec::new(),
    };
    let mut view = sluice_core::plan::View::new(cause, &loaded, &policy, start());
    let text = body.to_string();
    let event = sluice_core::plan::Event {
        id: "in_1",
        provider: "stripe",
        source: "default",
        kind: "payment_intent.succeeded",
        occurred_at: Some(start()),
        received_at: start(),
        account: None,
        query: "",
        body: text.as_bytes(),
    };
    assert!(
        matches!(sluice_core::rules::plan(&event, &mut view), Err(sluice_core::plan::Stop::Ignore { reason, .. }) if reason.contains("SLUICE_STRIPE_TEST_MODE"))
    );
}

#[tokio::test]
async fn an_event_shows_its_headers_body_effects_and_changes() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    let id = world.events()[0].id.clone();
    let event = call(&world, Method::GET, &format!("/api/v1/inbound/{id}"), None).await.json;
    assert_eq!(event["status"], "done");
    let text = world.documents("message")[0].document.key.id.clone();
    let changes = json!([{ "kind": "booking", "id": "12345" }, { "kind": "message", "id": text }, { "kind": "transaction", "id": "pi_1" }]);
    assert_eq!(event["changes"], changes);
    assert_eq!(event["effects"][0]["kind"], "sms");
    assert_eq!(event["effects"][0]["state"], "done");
    let body: Value = serde_json::from_str(event["body"].as_str().unwrap_or_default()).expect("the body as it came");
    assert_eq!(body["id"], "evt_1");
    let found = call(&world, Method::GET, "/api/v1/inbound?provider=stripe&key=evt_1", None).await.json;
    assert_eq!(found["items"][0]["id"], id.as_str());
}
