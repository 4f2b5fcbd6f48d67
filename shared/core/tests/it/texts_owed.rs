//! Confirmations that were not true when they were to leave, by example: the customer is told once they are true again.

use axum::http::Method;
use serde_json::{Value, json};
use sluice_core::testing::{Fault, Sent, World, stripe};

use crate::{
    support::{NUMBER, call, headlines, message, minutes, own_text, paid, put, refunded, start, with},
    texts_failed::{CONFIRMED, replay},
};

fn world() -> World {
    World::new(start(), true)
}

const TEXT: &str = "Harbour Boats: Ana Lima, your booking is confirmed. We received your $60.00 deposit. Thank you!";

/// What confirms booking 12345, by text or by mail.
fn confirmation(by_text: bool) -> &'static str {
    if by_text { TEXT } else { CONFIRMED }
}

/// What the customer was told, by text or by mail.
fn told(world: &World) -> Vec<String> {
    let to_customer = |sent: &Sent| !matches!(sent, Sent::Mail(mail) if mail.to != "ana@example.com");
    world.sent.sent().iter().filter(|sent| to_customer(sent)).map(|sent| sent.headline().to_owned()).collect()
}

/// A text, or with no number a mail, that confirms a booking waits for the other side; meanwhile `over` happens, and then the other side is back.
async fn overtaken(by_text: bool, over: impl AsyncFn(&World)) -> World {
    let world = world();
    let phone = if by_text { json!(NUMBER) } else { json!(null) };
    put(&world, json!({ "customer_phone": phone })).await;
    world.sent.break_down(true);
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    world.clock.advance(minutes(1));
    over(&world).await;
    world.sent.break_down(false);
    world.run_until_quiet().await;
    world
}

#[tokio::test]
async fn nothing_confirms_a_booking_that_was_cancelled_while_it_waited_until_it_holds_again() {
    for phone in [json!(NUMBER), json!(null)] {
        let by_text = !phone.is_null();
        let world = overtaken(by_text, async |world| {
            put(world, json!({ "customer_phone": phone, "status": "cancelled" })).await;
        })
        .await;
        assert_eq!(headlines(&world), [""; 0], "{phone}");
        if by_text {
            let shown = message(&world, &own_text(&world)).await;
            assert_eq!((&shown["status"], &shown["error_text"]), (&json!("failed"), &json!("there is nothing to confirm any more")));
        }
        // Nothing went wrong with it, whichever way it was to go.
        let inbound = call(&world, Method::GET, "/api/v1/inbound?provider=stripe&key=evt_1", None).await.json;
        let effect = &inbound["items"][0]["effects"][0];
        assert_eq!((&effect["state"], &effect["reason"]), (&json!("superseded"), &json!(null)), "{phone}");
        for _ in 0..2 {
            put(&world, json!({ "customer_phone": phone })).await;
            world.run_until_quiet().await;
            assert_eq!(headlines(&world), [confirmation(by_text)], "{phone}");
        }
    }
}

#[tokio::test]
async fn nothing_confirms_a_booking_whose_deposit_was_given_back_while_it_waited_until_the_refund_fails() {
    for by_text in [true, false] {
        let world = overtaken(by_text, async |world| {
            with(world, refunded("evt_2", "pi_1", 6000, true, start() + minutes(1))).await;
        })
        .await;
        assert_eq!(headlines(&world), ["Your $60.00 deposit has been refunded"], "{by_text}");
        let failed =
            json!({ "id": "re_1", "amount": 6000, "currency": "usd", "charge": "ch_pi_1", "payment_intent": "pi_1", "status": "failed" });
        with(&world, stripe("evt_3", "refund.failed", start() + minutes(3), start() + minutes(3), &failed)).await;
        world.run_until_quiet().await;
        assert_eq!(told(&world)[1..], [confirmation(by_text)], "{by_text}");
    }
}

#[tokio::test]
async fn a_confirmation_that_waited_is_told_once_though_it_is_paid_for_once_more() {
    let world = overtaken(true, async |world| {
        put(world, json!({ "status": "cancelled" })).await;
    })
    .await;
    // Paid once more, and confirmed again: it is told once.
    put(&world, json!({})).await;
    with(&world, paid("evt_2", "pi_2", start() + minutes(9), start() + minutes(9))).await;
    world.run_until_quiet().await;
    assert_eq!(headlines(&world), [TEXT]);
}

#[tokio::test]
async fn a_confirmation_that_waited_is_told_once_also_where_a_call_goes_wrong() {
    for phone in [json!(NUMBER), json!(null)] {
        let story = async |world: &World| {
            let path = "/api/v1/bookings/12345";
            let say = |status: &str| crate::support::booking(json!({ "customer_phone": phone, "status": status }));
            crate::support::put_until_done(world, path, &say("pending")).await;
            world.sent.break_down(true);
            world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
            while world.step().await {}
            crate::support::put_until_done(world, path, &say("cancelled")).await;
            world.sent.break_down(false);
            world.run_until_quiet().await;
            let before = told(world).len();
            crate::support::put_until_done(world, path, &say("pending")).await;
            world.run_until_quiet().await;
            before
        };
        let whole = world();
        assert_eq!((story(&whole).await, told(&whole)), (0, vec![confirmation(!phone.is_null()).to_owned()]));
        for call in 0..whole.faults.calls() {
            for fault in Fault::ALL {
                let world = world();
                world.faults.plan(call, fault);
                assert_eq!(story(&world).await, 0, "{phone}, {fault:?} at call {call}");
                // What had its answer lost is sent again.
                let told = told(&world);
                assert!(
                    (1..3).contains(&told.len()) && told.iter().all(|told| told.contains("booking is confirmed")),
                    "{call}, {fault:?}: {told:?}"
                );
            }
        }
    }
}

/// The booking is put so, and what follows from that is done.
async fn put_so(world: &World, status: &str, email: &Value) {
    put(world, json!({ "status": status, "customer_email": email })).await;
    world.run_until_quiet().await;
}

#[tokio::test]
async fn a_confirmation_that_no_mail_can_tell_is_told_once_by_text_when_the_booking_holds_again() {
    let no_mail: [(fn() -> World, Value); 2] = [(|| world().without_mail(), json!("ana@example.com")), (world, json!(null))];
    for (world, email) in no_mail {
        for replay_when_cancelled in [true, false] {
            let world = world();
            put_so(&world, "pending", &email).await;
            world.sent.break_down(true);
            with(&world, paid("evt_1", "pi_1", start(), start())).await;
            put(&world, json!({ "status": "cancelled", "customer_email": email })).await;
            world.sent.break_down(false);
            world.run_until_quiet().await;
            if replay_when_cancelled {
                replay(&world).await;
            }
            assert_eq!(told(&world), [""; 0], "{email}");
            for _ in 0..2 {
                put_so(&world, "pending", &email).await;
                replay(&world).await;
                assert_eq!(told(&world), [TEXT], "{email}");
            }
            // Nor is it told again when it was cancelled in between.
            put_so(&world, "cancelled", &email).await;
            replay(&world).await;
            put_so(&world, "pending", &email).await;
            assert_eq!(told(&world), [TEXT], "{email}");
        }
    }
}

#[tokio::test]
async fn a_text_that_was_refused_and_is_replayed_while_there_is_nothing_to_confirm_is_told_once_there_is() {
    let world = world().without_mail();
    let email = json!("ana@example.com");
    world.sent.refuse_with(NUMBER, "21211");
    put_so(&world, "pending", &email).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    world.sent.accept_all();
    put_so(&world, "cancelled", &email).await;
    replay(&world).await;
    assert_eq!(told(&world), [""; 0]);
    for _ in 0..2 {
        put_so(&world, "pending", &email).await;
        replay(&world).await;
        assert_eq!(told(&world), [TEXT]);
    }
}

#[tokio::test]
async fn a_confirmation_that_waited_is_told_by_text_when_the_deposit_is_paid_once_more() {
    let world = world().without_mail();
    put(&world, json!({})).await;
    world.sent.break_down(true);
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    with(&world, refunded("evt_2", "pi_1", 6000, true, start() + minutes(1))).await;
    world.sent.break_down(false);
    world.run_until_quiet().await;
    assert_eq!(told(&world), [""; 0]);
    for (event, intent) in [("evt_3", "pi_2"), ("evt_4", "pi_3")] {
        with(&world, paid(event, intent, start() + minutes(9), start() + minutes(9))).await;
        replay(&world).await;
        assert_eq!(told(&world), [TEXT]);
    }
}
