//! Refunds of a booking's deposit, by example.

use axum::http::Method;
use serde_json::json;
use sluice_core::{
    event::EventStatus,
    records::Payment,
    testing::{Sent, World, stripe},
};

use crate::support::{call, minutes, paid, put, read, refunded, start, with};

fn world() -> World {
    World::new(start(), true)
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
async fn a_refund_that_failed_before_its_mail_left_is_not_mailed_and_rings_no_alarm() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    let before = world.sent.sent().len();
    world.sent.break_down(true);
    with(&world, refunded("evt_2", "pi_1", 6000, true, start() + minutes(1))).await;
    let failed = json!({ "id": "re_1", "object": "refund", "amount": 6000, "currency": "usd", "charge": "ch_pi_1", "payment_intent": "pi_1", "status": "failed" });
    with(&world, stripe("evt_3", "refund.failed", start() + minutes(2), start() + minutes(2), &failed)).await;
    world.sent.break_down(false);
    world.run_until_quiet().await;
    let sent = world.sent.sent().split_off(before);
    let [Sent::Mail(mail)] = &sent[..] else { panic!("support alone is told: {sent:?}") };
    assert_eq!(mail.to, "support@example.com");
    assert!(!mail.subject.contains("[Sluice]"), "{}", mail.subject);
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
