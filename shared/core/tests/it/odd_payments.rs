//! Payments that are not what a booking waits for, by example: less than its deposit, or too late. Support is told.

use serde_json::json;
use sluice_core::{
    ports::Clock,
    testing::{Sent, World, stripe},
};

use crate::support::{failed, minutes, paid, put, read, start, with};

fn world() -> World {
    World::new(start(), true)
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

/// So much of a payment of booking 12345 was given back in all, in the n-th minute.
fn given_back(id: &str, intent: &str, paid: i64, in_all: i64, minute: u64) -> sluice_core::envelope::InboundMessage {
    let charge =
        json!({ "id": format!("ch_{intent}"), "amount": paid, "amount_refunded": in_all, "currency": "usd", "payment_intent": intent });
    stripe(id, "charge.refunded", start() + minutes(minute), start() + minutes(minute), &charge)
}

const DIFFERS: &str = "Payment of $50.00 for booking 12345, whose deposit is $60.00";

#[tokio::test]
async fn a_payment_that_was_given_back_in_full_is_not_told_to_support_and_one_that_was_in_part_is() {
    for (in_all, told) in [(5000, None), (4000, Some(DIFFERS))] {
        for order in crate::any_order::orders(3) {
            let world = world();
            let position = |step| order.iter().position(|at| *at == step);
            for step in &order {
                match step {
                    0 => drop(put(&world, json!({})).await),
                    1 => with(&world, paid_so_much("evt_1", "pi_1", 5000, "usd")).await,
                    _ => with(&world, given_back("evt_2", "pi_1", 5000, in_all, 1)).await,
                }
                world.run_until_quiet().await;
            }
            // Where it was there for a while without its refund, that was told.
            let was_there = position(2) == Some(2);
            assert_eq!(to_support(&world), Vec::from_iter(told.or(was_there.then_some(DIFFERS))), "{in_all} {order:?}");
        }
    }
}

#[tokio::test]
async fn a_payment_that_was_given_back_is_told_once_whether_its_refund_fails_before_support_was_told_or_since() {
    let failed =
        json!({ "id": "re_1", "amount": 5000, "currency": "usd", "charge": "ch_pi_1", "payment_intent": "pi_1", "status": "failed" });
    for heard_of_without_refund in [true, false] {
        for told_before in [true, false] {
            let world = world();
            put(&world, json!({})).await;
            world.sent.break_down(!told_before);
            let paid = paid_so_much("evt_1", "pi_1", 5000, "usd");
            let refunded = given_back("evt_2", "pi_1", 5000, 5000, 1);
            for event in if heard_of_without_refund { [paid, refunded] } else { [refunded, paid] } {
                with(&world, event).await;
            }
            let told = to_support(&world);
            assert_eq!(told, Vec::from_iter((heard_of_without_refund && told_before).then_some(DIFFERS)));
            with(&world, stripe("evt_3", "refund.failed", start() + minutes(2), start() + minutes(2), &failed)).await;
            world.sent.break_down(false);
            world.run_until_quiet().await;
            let mut told = to_support(&world);
            told.sort();
            assert_eq!(told, ["A refund of $50.00 for booking 12345 failed", DIFFERS], "{heard_of_without_refund}, {told_before}");
        }
    }
}

#[tokio::test]
async fn of_two_payments_the_one_that_was_given_back_is_not_told() {
    for named_by_charge in [true, false] {
        let world = world();
        for (event, intent) in [("evt_1", "pi_1"), ("evt_2", "pi_2")] {
            with(&world, paid_so_much(event, intent, 5000, "usd")).await;
        }
        let mut charge = json!({ "id": "ch_1", "amount": 5000, "amount_refunded": 5000, "currency": "usd", "payment_intent": "pi_1" });
        if named_by_charge {
            charge["metadata"] = json!({ "booking_id": "12345" });
        }
        with(&world, stripe("evt_3", "charge.refunded", start(), start(), &charge)).await;
        put(&world, json!({})).await;
        world.run_until_quiet().await;
        let told = world.sent.sent().into_iter().find_map(|sent| match sent {
            Sent::Mail(mail) if mail.to == "support@example.com" => Some(mail.text),
            _ => None,
        });
        assert_eq!(to_support(&world), [DIFFERS], "{named_by_charge}");
        assert!(told.is_some_and(|text| text.contains("pi_2")), "{named_by_charge}");
    }
}

/// The texts of the mails to support.
fn texts_to_support(world: &World) -> Vec<String> {
    let sent = world.sent.sent().into_iter();
    sent.filter_map(|sent| if let Sent::Mail(mail) = sent { (mail.to == "support@example.com").then_some(mail.text) } else { None })
        .collect()
}

#[tokio::test]
async fn a_payment_that_is_late_and_not_the_deposit_is_told_once_with_both() {
    for (currency, differs) in [("usd", "It is less than the deposit"), ("eur", "It came in another currency")] {
        for order in crate::any_order::orders(3) {
            let world = world();
            for step in &order {
                match step {
                    0 => drop(put(&world, json!({})).await),
                    1 => with(&world, failed("evt_1", "pi_1", "expired_card", start() - minutes(300), start() - minutes(300))).await,
                    _ => with(&world, paid_so_much("evt_2", "pi_2", 5000, currency)).await,
                }
                world.run_until_quiet().await;
            }
            assert_eq!(read(&world).await["status"], "cancelled");
            let (late, told) = (to_support(&world).pop().expect("is told that it is late"), texts_to_support(&world));
            assert!(late.starts_with("Late payment of "), "{late}");
            let was_confirmed = order == [0, 2, 1] || order == [2, 0, 1];
            assert_eq!(told.len(), 1 + usize::from(was_confirmed), "{order:?}: {told:?}");
            // Before the put nobody knows of a deposit.
            if order.last() != Some(&0) {
                assert!(late.ends_with(", whose deposit is $60.00"), "{order:?}: {late}");
                assert!(told.last().is_some_and(|text| text.contains("after the hold") && text.contains(differs)), "{order:?}: {told:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_late_payment_that_is_not_the_deposit_is_told_as_that_once_the_booking_holds_again() {
    let world = world();
    put(&world, json!({ "status": "cancelled" })).await;
    with(&world, paid_so_much("evt_1", "pi_1", 5000, "usd")).await;
    assert_eq!(to_support(&world), ["Late payment of $50.00 for booking 12345, whose deposit is $60.00"]);
    for _ in 0..2 {
        put(&world, json!({})).await;
        world.run_until_quiet().await;
        assert_eq!(to_support(&world)[1..], [DIFFERS]);
    }
}
