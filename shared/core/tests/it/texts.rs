//! Texts by example: how far those that Sluice sends came, and which booking those of others are about.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    effect::EffectState,
    records::{Booking, Message, MessageStatus, Phone},
    testing::{Fault, Sent, World},
};

use crate::support::{
    NUMBER, call, confirmed, message, minutes, own_text, paid, put, put_message, read, start, text_status, unmatched, with,
};

fn world() -> World {
    World::new(start(), true)
}

#[tokio::test]
async fn a_text_that_sluice_sends_is_a_message_from_the_commit_on() {
    let world = world();
    let id = confirmed(&world).await;
    let shown = message(&world, &id).await;
    assert_eq!((&shown["status"], &shown["booking_id"], &shown["to"]), (&json!("pending"), &json!("12345"), &json!(NUMBER)));
    assert_eq!((&shown["channel"], &shown["direction"]), (&json!("sms"), &json!("outbound")));
    let sent = world.sent.sent();
    assert!(matches!(&sent[..], [Sent::Text(text)] if text.message == id), "{sent:?}");
    assert_eq!(read(&world).await["sms_status"], "pending");
}

#[tokio::test]
async fn a_status_callback_joins_by_its_reference_and_moves_the_booking() {
    let world = world();
    let id = confirmed(&world).await;
    with(&world, text_status("SM1", "sent", NUMBER, Some(&id), start() + minutes(1))).await;
    assert_eq!(read(&world).await["sms_status"], "sent");
    with(&world, text_status("SM1", "delivered", NUMBER, Some(&id), start() + minutes(2))).await;
    let booking = read(&world).await;
    assert_eq!((&booking["sms_status"], &booking["sms_delivered"]), (&json!("delivered"), &json!(true)));
    assert_eq!(booking["sms_delivered_at"], "2026-11-22T06:02:00Z");
    let shown = message(&world, &id).await;
    assert_eq!((&shown["external_id"], &shown["status"]), (&json!("SM1"), &json!("delivered")));
    // The provider's id leads there, and is no message of its own.
    assert_eq!(world.record::<Message>("SM1").await.and_then(|lead| lead.same_as), Some(id));
    assert_eq!(call(&world, Method::GET, "/api/v1/messages/SM1", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.sent.sent().len(), 1);
}

#[tokio::test]
async fn a_status_only_moves_up() {
    let world = world();
    let id = confirmed(&world).await;
    for (status, shown) in
        [("delivered", "delivered"), ("queued", "delivered"), ("sent", "delivered"), ("undelivered", "delivered"), ("read", "delivered")]
    {
        with(&world, text_status("SM1", status, NUMBER, Some(&id), start() + minutes(1))).await;
        assert_eq!(message(&world, &id).await["status"], shown, "after {status}");
    }
    assert_eq!(world.sent.sent().len(), 1, "nobody is told of a failure after it arrived");
}

#[tokio::test]
async fn a_callback_marks_the_effect_whose_answer_was_lost() {
    // The call to Twilio is the last but one of the payment's handling: its answer is lost, then the effect is marked.
    let whole = world();
    confirmed(&whole).await;
    let calls = whole.faults.calls();
    let mut marked = 0;
    for call in 0..calls {
        let world = world();
        world.faults.plan(call, Fault::LoseAnswer);
        put(&world, json!({})).await;
        world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
        world.step().await;
        let effect = |world: &World| {
            world.events().iter().find(|event| event.key == "evt_1").and_then(|event| event.effects.first().map(|effect| effect.state))
        };
        if world.sent.sent().len() != 1 || effect(&world) != Some(EffectState::Pending) {
            continue;
        }
        marked += 1;
        let id = own_text(&world);
        world.enqueue(&text_status("SM1", "delivered", NUMBER, Some(&id), start() + minutes(1))).await;
        world.step().await;
        assert_eq!(effect(&world), Some(EffectState::Done), "call {call}");
        world.run_until_quiet().await;
        assert_eq!(world.sent.sent().len(), 1, "call {call}: sent once");
        assert_eq!(read(&world).await["sms_delivered"], true);
    }
    assert!(marked > 0, "the answer of the sending itself was lost in none of {calls} calls");
}

/// The two texts of a booking, by when they were sent: Sluice's own, and one of its owner's.
async fn two_texts(world: &World) -> String {
    let id = confirmed(world).await;
    let later = json!({
        "external_id": "SM2", "channel": "sms", "direction": "outbound", "to": NUMBER, "booking_id": "12345", "sent_at": start() + minutes(60),
    });
    assert_eq!(put_message(world, "reminder", later).await, StatusCode::CREATED);
    id
}

#[tokio::test]
async fn a_booking_shows_the_text_that_was_sent_last_whatever_is_heard_first() {
    // Of the text, with its SID: the status. They are heard in the order of the list, each a minute after the other.
    let first = [("SM1", "sent"), ("SM1", "undelivered")];
    let last = [("SM2", "sent"), ("SM2", "delivered")];
    let orders = [
        [first[0], first[1], last[0], last[1]],
        [last[0], last[1], first[0], first[1]],
        [last[1], first[1], first[0], last[0]],
        [first[1], last[1], last[0], first[0]],
    ];
    for put_first in [true, false] {
        for order in orders {
            let world = world();
            let own = if put_first { two_texts(&world).await } else { confirmed(&world).await };
            for ((sid, status), minute) in order.into_iter().zip(1..) {
                let reference = (sid == "SM1").then_some(own.as_str());
                with(&world, text_status(sid, status, NUMBER, reference, start() + minutes(minute))).await;
            }
            if !put_first {
                two_texts(&world).await;
            }
            let booking = read(&world).await;
            assert_eq!((&booking["sms_status"], &booking["sms_delivered"]), (&json!("delivered"), &json!(true)), "{order:?}, {put_first}");
            let delivered = message(&world, "reminder").await["delivered_at"].clone();
            assert_eq!(booking["sms_delivered_at"], delivered, "{order:?}, {put_first}");
            assert!(delivered.is_string());
        }
    }
}

#[tokio::test]
async fn another_s_text_belongs_to_the_recipient_s_newest_confirmed_booking() {
    let world = world();
    let confirmed = json!({ "status": "confirmed" });
    for (id, changes) in [
        ("old", &confirmed),
        ("new", &confirmed),
        ("open", &json!({})),
        ("other", &json!({ "status": "confirmed", "customer_phone": "+15005550007" })),
    ] {
        let body = crate::support::booking(changes.clone());
        call(&world, Method::PUT, &format!("/api/v1/bookings/{id}"), Some(body)).await;
        world.clock.advance(minutes(1));
    }
    with(&world, text_status("SM9", "delivered", NUMBER, None, start())).await;
    assert_eq!(message(&world, "SM9").await["booking_id"], "new");
    let status = async |id: &str| call(&world, Method::GET, &format!("/api/v1/bookings/{id}"), None).await.json["sms_status"].clone();
    assert_eq!([status("old").await, status("new").await, status("open").await], [Value::Null, json!("delivered"), Value::Null]);
    // The match is made once.
    call(&world, Method::PUT, "/api/v1/bookings/new", Some(crate::support::booking(json!({ "status": "cancelled" })))).await;
    with(&world, text_status("SM9", "read", NUMBER, None, start())).await;
    assert_eq!(message(&world, "SM9").await["booking_id"], "new");
}

#[tokio::test]
async fn another_s_text_waits_for_a_booking_that_is_put_or_paid_later() {
    for paid_later in [false, true] {
        let world = world();
        with(&world, text_status("SM9", "delivered", NUMBER, None, start())).await;
        if paid_later {
            put(&world, json!({})).await;
            assert_eq!(unmatched(&world).await, ["SM9"]);
            with(&world, paid("evt_1", "pi_1", start(), start())).await;
        } else {
            put(&world, json!({ "status": "confirmed" })).await;
        }
        assert!(unmatched(&world).await.is_empty());
        assert_eq!(message(&world, "SM9").await["booking_id"], "12345");
        let phone = world.record::<Phone>(NUMBER).await.expect("is known");
        assert!(phone.waiting.is_empty());
        let booking = world.record::<Booking>("12345").await.expect("was put");
        assert!(booking.latest_text().is_some());
    }
}

#[tokio::test]
async fn another_s_text_that_came_between_the_put_and_the_payment_is_taken_over_when_it_is_paid() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, text_status("SM9", "undelivered", NUMBER, None, start())).await;
    assert_eq!(unmatched(&world).await, ["SM9"]);
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    assert_eq!(message(&world, "SM9").await["booking_id"], "12345");
}

#[tokio::test]
async fn the_owner_s_word_replaces_a_match_by_likeness() {
    let world = world();
    put(&world, json!({ "status": "confirmed" })).await;
    with(&world, text_status("SM9", "delivered", NUMBER, None, start())).await;
    assert_eq!(read(&world).await["sms_status"], "delivered");
    let body = json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": NUMBER, "booking_id": "other" });
    assert_eq!(put_message(&world, "SM9", body).await, StatusCode::CREATED);
    assert_eq!(read(&world).await["sms_status"], Value::Null);
    let other = world.record::<Booking>("other").await.expect("was heard of");
    assert_eq!(other.latest_text().map(|text| text.status), Some(MessageStatus::Delivered));
}

#[tokio::test]
async fn a_text_has_twilio_s_id_as_soon_as_twilio_has_answered() {
    let world = world();
    world.sent.name_texts("SM");
    let id = confirmed(&world).await;
    assert_eq!(message(&world, &id).await["external_id"], "SM1");
    let event = world.events().into_iter().find(|event| event.key == "evt_1").expect("is recorded");
    assert_eq!(event.effects[0].state, EffectState::Done);
    // So a callback that brings nothing but Twilio's id finds it.
    with(&world, text_status("SM1", "delivered", NUMBER, None, start() + minutes(1))).await;
    assert_eq!(message(&world, &id).await["status"], "delivered");
    assert_eq!(read(&world).await["sms_delivered"], true);
    assert_eq!(world.documents("message").len(), 2, "and it is no message of its own");
    assert!(unmatched(&world).await.is_empty());
}

#[tokio::test]
async fn what_twilio_says_of_a_text_before_its_answer_is_noted_down_belongs_to_the_text() {
    for status in ["delivered", "undelivered"] {
        let world = world();
        world.sent.name_texts("SM");
        with(&world, text_status("SM1", status, NUMBER, None, start())).await;
        let id = confirmed(&world).await;
        let shown = message(&world, &id).await;
        assert_eq!((&shown["external_id"], shown["status"] == "delivered"), (&json!("SM1"), status == "delivered"));
        assert_eq!(read(&world).await["sms_delivered"], status == "delivered");
        assert!(unmatched(&world).await.is_empty());
        let phone = world.record::<Phone>(NUMBER).await.expect("is known");
        assert!(phone.waiting.is_empty(), "{phone:?}");
        let mails = world.sent.sent().into_iter().filter(|sent| matches!(sent, Sent::Mail(_))).count();
        assert_eq!(mails, if status == "delivered" { 0 } else { 2 }, "the customer is told, and support, once");
    }
}

#[tokio::test]
async fn twilio_s_answer_and_its_callback_meet_at_whatever_call_one_of_them_goes_wrong() {
    let story = async |world: &World| {
        crate::support::put_until_done(world, "/api/v1/bookings/12345", &crate::support::booking(json!({}))).await;
        world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
        world.run_until_quiet().await;
        let id = own_text(world);
        with(world, text_status("SM1", "delivered", NUMBER, Some(&id), start() + minutes(1))).await;
        world.run_until_quiet().await;
        id
    };
    let whole = world();
    whole.sent.name_texts("SM");
    story(&whole).await;
    for call in 0..whole.faults.calls() {
        for fault in Fault::ALL {
            let world = world();
            world.sent.name_texts("SM");
            world.faults.plan(call, fault);
            let id = story(&world).await;
            let shown = message(&world, &id).await;
            assert_eq!((&shown["external_id"], &shown["status"]), (&json!("SM1"), &json!("delivered")), "{fault:?} at call {call}");
            assert_eq!(read(&world).await["sms_delivered"], true, "{fault:?} at call {call}");
            assert!(world.sent.sent().len() <= 2, "{fault:?} at call {call}");
        }
    }
}
