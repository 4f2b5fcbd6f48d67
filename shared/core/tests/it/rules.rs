//! Each rule by example.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    event::EventStatus,
    ports::Clock,
    records::Payment,
    testing::{Sent, World, stripe},
};

use crate::support::{call, failed, headlines, minutes, paid, put, read, refunded, start};

fn world() -> World {
    World::new(start(), true)
}

async fn with(world: &World, message: sluice_core::envelope::InboundMessage) {
    world.enqueue(&message).await;
    while world.step().await {}
}

#[tokio::test]
async fn a_payment_confirms_the_booking_and_logs_a_transaction() {
    let world = world();
    assert_eq!(put(&world, json!({})).await.status, StatusCode::CREATED);
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    let booking = read(&world).await;
    assert_eq!(booking["status"], "confirmed");
    assert_eq!(booking["deposit_paid"], true);
    assert_eq!(booking["deposit_paid_at"], "2026-11-22T06:00:00Z");
    let transaction = call(&world, Method::GET, "/api/v1/transactions/pi_1", None).await.json;
    assert_eq!(
        transaction,
        json!({
            "id": "pi_1", "stripe_payment_intent_id": "pi_1", "booking_id": "12345", "amount": 6000, "currency": "usd",
            "at": "2026-11-22T06:00:00Z", "tenant": null, "version": 1,
        })
    );
    let sent = world.sent.sent();
    assert!(matches!(&sent[..], [Sent::Text(text)] if text.to == "+15005550006"), "{sent:?}");
}

#[tokio::test]
async fn a_second_delivery_changes_nothing() {
    let world = world();
    put(&world, json!({})).await;
    let event = paid("evt_1", "pi_1", start(), start());
    with(&world, event.clone()).await;
    let before = world.store.documents();
    with(&world, event).await;
    assert_eq!(world.store.documents(), before);
    assert_eq!(world.sent.sent().len(), 1);
}

#[tokio::test]
async fn both_duplicates_in_one_batch_apply_once() {
    let world = world();
    put(&world, json!({})).await;
    let event = paid("evt_1", "pi_1", start(), start());
    world.enqueue(&event).await;
    world.enqueue(&event).await;
    world.batch(10).await;
    world.run_until_quiet().await;
    assert_eq!(world.sent.sent().len(), 1);
    assert_eq!(read(&world).await["version"], 2);
}

#[tokio::test]
async fn confirmation_goes_by_mail_where_text_messages_are_off() {
    let world = World::new(start(), false);
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    assert!(matches!(&world.sent.sent()[..], [Sent::Mail(mail)] if mail.to == "ana@example.com"));
}

#[tokio::test]
async fn confirmation_goes_by_mail_where_no_phone_is_known() {
    let world = world();
    put(&world, json!({ "customer_phone": null })).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    assert!(matches!(&world.sent.sent()[..], [Sent::Mail(mail)] if mail.to == "ana@example.com"));
}

#[tokio::test]
async fn confirmation_goes_by_mail_where_the_number_is_refused() {
    let world = world();
    world.sent.refuse("+15005550006");
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    let sent = world.sent.sent();
    let [Sent::Mail(customer), Sent::Mail(support)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((customer.to.as_str(), support.to.as_str()), ("ana@example.com", "support@example.com"));
    let event = &world.events()[0];
    assert_eq!(event.status, EventStatus::Done);
    assert_eq!(event.effects.len(), 3, "{event:?}");
}

#[tokio::test]
async fn a_refused_address_fails_that_effect_alone_and_alerts() {
    let world = World::new(start(), false);
    world.sent.refuse("ana@example.com");
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    let sent = world.sent.sent();
    assert!(matches!(&sent[..], [Sent::Mail(mail)] if mail.to == "alerts@example.com"), "{sent:?}");
    assert_eq!(read(&world).await["status"], "confirmed");
    assert_eq!(world.events()[0].status, EventStatus::Done);
    let failed = call(&world, Method::GET, "/api/v1/inbound?effect=failed", None).await.json;
    assert_eq!(failed["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_failed_payment_holds_the_booking_and_tells_the_customer() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, failed("evt_1", "pi_1", "insufficient_funds", start(), start())).await;
    let booking = read(&world).await;
    assert_eq!(booking["status"], "payment_pending");
    assert_eq!(booking["hold_until"], "2026-11-22T08:00:00Z");
    let sent = world.sent.sent();
    let [Sent::Mail(mail)] = &sent[..] else { panic!("{sent:?}") };
    assert!(mail.text.contains("Your payment failed. Please update your card."), "{}", mail.text);
}

#[tokio::test]
async fn a_hold_that_ends_cancels_the_booking_and_tells_the_customer() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, failed("evt_1", "pi_1", "insufficient_funds", start(), start())).await;
    world.run_until_quiet().await;
    let now = world.clock.now();
    assert!(now >= start() + minutes(120) && now < start() + minutes(123), "{now}");
    assert_eq!(read(&world).await["status"], "cancelled");
    assert_eq!(headlines(&world).len(), 2);
}

#[tokio::test]
async fn later_failures_neither_extend_nor_restart_the_hold() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, failed("evt_1", "pi_1", "insufficient_funds", start(), start())).await;
    with(&world, failed("evt_2", "pi_1", "insufficient_funds", start() + minutes(30), start() + minutes(30))).await;
    assert_eq!(read(&world).await["hold_until"], "2026-11-22T08:00:00Z");
    assert_eq!(headlines(&world).len(), 1, "the same intent and reason is told once");
    with(&world, failed("evt_3", "pi_1", "expired_card", start() + minutes(40), start() + minutes(40))).await;
    with(&world, failed("evt_4", "pi_2", "expired_card", start() + minutes(50), start() + minutes(50))).await;
    assert_eq!(headlines(&world).len(), 3, "a new reason and a new intent are told");
}

#[tokio::test]
async fn a_payment_within_the_hold_confirms() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, failed("evt_1", "pi_1", "insufficient_funds", start(), start())).await;
    with(&world, paid("evt_2", "pi_1", start() + minutes(30), start() + minutes(30))).await;
    world.run_until_quiet().await;
    assert_eq!(read(&world).await["status"], "confirmed");
    assert_eq!(headlines(&world).len(), 2);
}

#[tokio::test]
async fn a_failure_heard_of_after_the_payment_changes_nothing() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, paid("evt_2", "pi_1", start() + minutes(5), start() + minutes(5))).await;
    with(&world, failed("evt_1", "pi_1", "insufficient_funds", start(), start() + minutes(6))).await;
    world.run_until_quiet().await;
    assert_eq!(read(&world).await["status"], "confirmed");
    assert_eq!(headlines(&world).len(), 1);
}

#[tokio::test]
async fn a_payment_in_time_but_heard_of_late_takes_the_cancellation_back() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, failed("evt_1", "pi_1", "insufficient_funds", start(), start())).await;
    world.run_until_quiet().await;
    assert_eq!(read(&world).await["status"], "cancelled");
    with(&world, paid("evt_2", "pi_1", start() + minutes(119), world.clock.now())).await;
    assert_eq!(read(&world).await["status"], "confirmed");
    let told = headlines(&world);
    assert_eq!(told.len(), 3, "{told:?}");
}

#[tokio::test]
async fn a_payment_after_the_hold_revives_nothing_and_support_is_told() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, failed("evt_1", "pi_1", "insufficient_funds", start(), start())).await;
    world.run_until_quiet().await;
    with(&world, paid("evt_2", "pi_1", start() + minutes(130), world.clock.now())).await;
    let booking = read(&world).await;
    assert_eq!(booking["status"], "cancelled");
    assert_eq!(booking["deposit_paid"], true);
    assert!(matches!(world.sent.sent().last(), Some(Sent::Mail(mail)) if mail.to == "support@example.com"));
    assert_eq!(world.sent.sent().len(), 3);
}

#[tokio::test]
async fn the_end_of_a_hold_is_a_change_of_its_booking() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, failed("evt_1", "pi_1", "insufficient_funds", start(), start())).await;
    assert_eq!(read(&world).await["updated_at"], "2026-11-22T06:00:00Z");
    world.run_until_quiet().await;
    let booking = read(&world).await;
    assert_eq!((&booking["status"], &booking["updated_at"]), (&json!("cancelled"), &json!("2026-11-22T08:00:00Z")));
}

/// The subjects of the mails to support.
fn to_support(world: &World) -> Vec<String> {
    let sent = world.sent.sent().into_iter();
    sent.filter_map(|sent| if let Sent::Mail(mail) = sent { (mail.to == "support@example.com").then_some(mail.subject) } else { None })
        .collect()
}

/// A payment of booking 12345.
fn paid_so_much(id: &str, intent: &str, amount: i64, currency: &str) -> sluice_core::envelope::InboundMessage {
    let intent = json!({ "id": intent, "amount": amount, "currency": currency, "metadata": { "booking_id": "12345" } });
    stripe(id, "payment_intent.succeeded", start(), start(), &intent)
}

#[tokio::test]
async fn a_payment_that_is_not_the_deposit_confirms_the_booking_and_support_is_told_once() {
    let cases = [
        (5999, "usd", Some("Payment of $59.99 for booking 12345, whose deposit is $60.00")),
        (6000, "eur", Some("Payment of €60.00 for booking 12345, whose deposit is $60.00")),
        (6000, "usd", None),
        (9000, "usd", None),
    ];
    for (amount, currency, told) in cases {
        for put_first in [true, false] {
            let world = world();
            for step in [put_first, !put_first] {
                if step {
                    put(&world, json!({})).await;
                } else {
                    with(&world, paid_so_much("evt_1", "pi_1", amount, currency)).await;
                }
                world.run_until_quiet().await;
            }
            // Said once more, put once more.
            with(&world, paid_so_much("evt_2", "pi_1", amount, currency)).await;
            put(&world, json!({ "customer_name": "Ana M. Lima" })).await;
            world.run_until_quiet().await;
            assert_eq!(read(&world).await["status"], "confirmed");
            assert_eq!(to_support(&world), Vec::from_iter(told), "put first: {put_first}");
        }
    }
}

#[tokio::test]
async fn each_payment_that_is_not_the_deposit_is_told_and_none_where_no_deposit_is_asked_for() {
    let world = world();
    put(&world, json!({ "deposit_amount": 0 })).await;
    for (event, intent, amount) in [("evt_1", "pi_1", 2000), ("evt_2", "pi_2", 3000)] {
        with(&world, paid_so_much(event, intent, amount, "usd")).await;
    }
    assert_eq!(to_support(&world), [""; 0]);
    put(&world, json!({ "deposit_amount": 3000 })).await;
    world.run_until_quiet().await;
    assert_eq!(to_support(&world), ["Payment of $20.00 for booking 12345, whose deposit is $30.00"]);
    put(&world, json!({ "deposit_amount": 6000 })).await;
    world.run_until_quiet().await;
    assert_eq!(to_support(&world)[1..], ["Payment of $30.00 for booking 12345, whose deposit is $60.00"]);
}

#[tokio::test]
async fn a_deposit_that_was_put_right_before_support_was_told_is_not_told() {
    let world = world();
    put(&world, json!({})).await;
    world.sent.break_down(true);
    with(&world, paid_so_much("evt_1", "pi_1", 5000, "usd")).await;
    put(&world, json!({ "deposit_amount": 5000 })).await;
    world.sent.break_down(false);
    world.run_until_quiet().await;
    assert_eq!(to_support(&world), [""; 0]);
}

#[tokio::test]
async fn a_deposit_that_was_put_otherwise_and_back_before_support_was_told_is_told_once() {
    for back_before_it_is_sent in [true, false] {
        let world = world();
        put(&world, json!({})).await;
        world.sent.break_down(true);
        with(&world, paid_so_much("evt_1", "pi_1", 5000, "usd")).await;
        put(&world, json!({ "deposit_amount": 5000 })).await;
        if back_before_it_is_sent {
            put(&world, json!({})).await;
        }
        world.sent.break_down(false);
        world.run_until_quiet().await;
        for _ in 0..2 {
            put(&world, json!({})).await;
            world.run_until_quiet().await;
            assert_eq!(to_support(&world), ["Payment of $50.00 for booking 12345, whose deposit is $60.00"], "{back_before_it_is_sent}");
        }
    }
}

#[tokio::test]
async fn a_payment_for_a_booking_its_owner_cancelled_is_told_to_support() {
    let world = world();
    put(&world, json!({ "status": "cancelled" })).await;
    with(&world, paid("evt_1", "pi_1", start() + minutes(1), start() + minutes(1))).await;
    assert_eq!(read(&world).await["status"], "cancelled");
    assert!(matches!(&world.sent.sent()[..], [Sent::Mail(mail)] if mail.to == "support@example.com"));
}

#[tokio::test]
async fn money_that_is_heard_of_after_the_cancellation_is_never_kept_from_support() {
    for paid_at in [start(), start() + minutes(10)] {
        let world = world();
        put(&world, json!({})).await;
        world.clock.set(start() + minutes(10) + std::time::Duration::from_millis(500));
        put(&world, json!({ "status": "cancelled" })).await;
        for event in ["evt_1", "evt_2"] {
            with(&world, paid(event, "pi_1", paid_at, start() + minutes(11))).await;
        }
        let booking = read(&world).await;
        assert_eq!((&booking["status"], &booking["deposit_paid"]), (&json!("cancelled"), &json!(true)));
        let sent = world.sent.sent();
        assert!(matches!(&sent[..], [Sent::Mail(mail)] if mail.to == "support@example.com"), "paid at {paid_at}: {sent:?}");
    }
}

#[tokio::test]
async fn cancelling_a_paid_booking_is_not_a_late_payment() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    world.clock.advance(minutes(10));
    put(&world, json!({ "status": "cancelled" })).await;
    world.run_until_quiet().await;
    assert_eq!(read(&world).await["status"], "cancelled");
    assert_eq!(world.sent.sent().len(), 1);
}

#[tokio::test]
async fn a_refund_is_recorded_and_mailed() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    with(&world, refunded("evt_2", "pi_1", 6000, true, start() + minutes(1))).await;
    let booking = read(&world).await;
    assert_eq!(booking["status"], "confirmed", "a refund changes no status");
    assert_eq!(booking["deposit_refunded"], true);
    assert_eq!(booking["refunded_amount"], 6000);
    assert_eq!(booking["refunded_at"], "2026-11-22T06:01:00Z");
    let sent = world.sent.sent();
    let Some(Sent::Mail(mail)) = sent.last() else { panic!("{sent:?}") };
    assert_eq!(mail.subject, "Your $60.00 deposit has been refunded");
}

#[tokio::test]
async fn a_partial_refund_says_which_part() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    with(&world, refunded("evt_2", "pi_1", 2000, true, start() + minutes(1))).await;
    assert_eq!(read(&world).await["refunded_amount"], 2000);
    let sent = world.sent.sent();
    let Some(Sent::Mail(mail)) = sent.last() else { panic!("{sent:?}") };
    assert!(mail.text.contains("$20.00 of your $60.00 deposit"), "{}", mail.text);
    // An older, smaller sum that is heard of late is no news.
    with(&world, refunded("evt_3", "pi_1", 1000, true, start())).await;
    assert_eq!(read(&world).await["refunded_amount"], 2000);
    assert_eq!(world.sent.sent().len(), 2);
}

#[tokio::test]
async fn a_refund_finds_its_booking_by_the_transaction_whichever_comes_first() {
    for refund_first in [false, true] {
        let world = world();
        put(&world, json!({})).await;
        let refund = refunded("evt_2", "pi_1", 6000, false, start() + minutes(1));
        if refund_first {
            with(&world, refund.clone()).await;
            assert_eq!(call(&world, Method::GET, "/api/v1/transactions?unmatched=true", None).await.json["items"][0]["id"], "pi_1");
            assert_eq!(call(&world, Method::GET, "/api/v1/inbound?unmatched=true", None).await.json["items"][0]["key"], "evt_2");
        }
        with(&world, paid("evt_1", "pi_1", start(), start())).await;
        if !refund_first {
            with(&world, refund).await;
        }
        assert_eq!(read(&world).await["refunded_amount"], 6000, "refund first: {refund_first}");
        assert_eq!(world.record::<Payment>("pi_1").await.expect("is there").booking_id(), Some("12345"));
        assert_eq!(call(&world, Method::GET, "/api/v1/transactions?unmatched=true", None).await.json["items"], json!([]));
    }
}

#[tokio::test]
async fn events_before_their_booking_are_kept_and_joined() {
    let world = world();
    with(&world, failed("evt_1", "pi_1", "expired_card", start(), start())).await;
    with(&world, paid("evt_2", "pi_1", start() + minutes(1), start() + minutes(1))).await;
    assert_eq!(call(&world, Method::GET, "/api/v1/bookings/12345", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(call(&world, Method::GET, "/api/v1/bookings?unmatched=true", None).await.json["items"][0]["id"], "12345");
    assert!(world.sent.sent().is_empty(), "nobody is known who could be told");
    assert_eq!(put(&world, json!({})).await.status, StatusCode::CREATED);
    world.run_until_quiet().await;
    assert_eq!(read(&world).await["status"], "confirmed");
    assert_eq!(world.sent.sent().len(), 1, "only the last state is told");
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
async fn more_than_was_authorized_can_be_given_back_where_more_was_captured() {
    let world = world();
    put(&world, json!({})).await;
    let charge = json!({
        "id": "ch_1", "object": "charge", "amount": 6000, "amount_captured": 7000, "amount_refunded": 7000, "currency": "usd",
        "metadata": { "booking_id": "12345" },
    });
    with(&world, stripe("evt_1", "charge.refunded", start(), start(), &charge)).await;
    assert_eq!(world.events()[0].status, EventStatus::Done);
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
    let cause = sluice_core::records::Cause { event: "in_1".to_owned(), kind: "payment_intent.succeeded".to_owned(), recorded: true };
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
async fn amounts_are_in_the_currencys_own_decimals() {
    for (currency, amount, shown) in [("jpy", 6000, "¥6,000"), ("kwd", 3500, "KWD 3.500")] {
        let world = world();
        put(&world, json!({ "currency": currency, "deposit_amount": amount })).await;
        let charge = json!({ "id": "ch_1", "amount": amount, "amount_refunded": amount, "currency": currency, "metadata": { "booking_id": "12345" } });
        with(&world, stripe("evt_1", "charge.refunded", start(), start(), &charge)).await;
        let sent = world.sent.sent();
        let [Sent::Mail(mail)] = &sent[..] else { panic!("{sent:?}") };
        assert!(mail.text.contains(shown), "{}", mail.text);
    }
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
