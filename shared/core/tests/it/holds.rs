//! A payment that fails, by example: the hold of its booking, and what ends it.

use serde_json::json;
use sluice_core::{
    ports::Clock,
    testing::{Sent, World},
};

use crate::support::{failed, headlines, minutes, paid, put, read, start, with};

fn world() -> World {
    World::new(start(), true)
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
async fn the_end_of_a_hold_is_a_change_of_its_booking() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, failed("evt_1", "pi_1", "insufficient_funds", start(), start())).await;
    assert_eq!(read(&world).await["updated_at"], "2026-11-22T06:00:00Z");
    world.run_until_quiet().await;
    let booking = read(&world).await;
    assert_eq!((&booking["status"], &booking["updated_at"]), (&json!("cancelled"), &json!("2026-11-22T08:00:00Z")));
}
