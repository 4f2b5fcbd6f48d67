//! What an operator is told of, how often, and what becomes of it while no mail goes out.

use axum::http::Method;
use serde_json::json;
use sluice_core::{
    effect::EffectState,
    event::EventStatus,
    ports::Clock,
    testing::{Fault, Sent, World, stripe},
};

use crate::{
    operator::{forged, only_event, pass},
    support::{booking, call, minutes, paid, put, start},
};

/// A booking whose customer is reached by mail alone is put and paid for.
async fn pay(world: &World, number: u32) {
    let path = format!("/api/v1/bookings/{number}");
    let by_mail = booking(json!({ "customer_phone": null }));
    assert!(call(world, Method::PUT, &path, Some(by_mail)).await.status.is_success());
    let intent = json!({
        "id": format!("pi_{number}"), "amount": 6000, "amount_received": 6000, "currency": "usd",
        "metadata": { "booking_id": number.to_string() },
    });
    world.enqueue(&stripe(&format!("evt_{number}"), "payment_intent.succeeded", world.clock.now(), world.clock.now(), &intent)).await;
    world.run_until_quiet().await;
}

#[tokio::test]
async fn an_alarm_that_a_replay_has_made_pointless_is_not_sent() {
    let world = World::new(start(), false);
    put(&world, json!({})).await;
    for address in ["ana@example.com", "alerts@example.com"] {
        world.sent.refuse(address);
    }
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
    assert!(world.sent.sent().is_empty());

    world.sent.accept_all();
    let id = only_event(&world);
    call(&world, Method::POST, &format!("/api/v1/inbound/{id}/replay"), None).await;
    world.run_until_quiet().await;
    let sent = world.sent.sent();
    assert!(matches!(&sent[..], [Sent::Mail(mail)] if mail.to == "ana@example.com"), "{sent:?}");
}

#[tokio::test]
async fn an_alarm_that_nobody_got_silences_nothing() {
    let world = World::new(start(), true);
    world.sent.refuse("alerts@example.com");
    world.enqueue(&forged("evt_1", &json!({}))).await;
    world.clock.advance(minutes(1));
    world.run_until_quiet().await;
    assert!(world.sent.sent().is_empty());
    world.sent.accept_all();
    for event in ["evt_2", "evt_3"] {
        world.enqueue(&forged(event, &json!({}))).await;
        world.run_until_quiet().await;
    }
    let counts: Vec<_> = world.sent.sent().iter().filter_map(how_many).collect();
    assert_eq!(
        counts,
        ["2 since 22 November 2026, 06:01 UTC"],
        "the next one rings, tells of that one, too, and silences the one after it"
    );
}

#[tokio::test]
async fn an_alarm_that_nobody_got_is_told_of_by_the_next_one() {
    let world = World::new(start(), true);
    world.sent.refuse("ana@example.com");
    world.sent.refuse("alerts@example.com");
    pay(&world, 1).await;
    world.clock.advance(minutes(5));
    pay(&world, 2).await;
    world.sent.accept_all();
    world.sent.refuse("ana@example.com");
    world.clock.advance(minutes(5));
    for number in 3..=5 {
        pay(&world, number).await;
    }
    world.clock.advance(minutes(61));
    pay(&world, 6).await;
    let counts: Vec<_> = world.sent.sent().iter().filter_map(how_many).collect();
    assert_eq!(counts, ["3 since 22 November 2026, 06:00 UTC", "3 since 22 November 2026, 06:10 UTC"]);
}

#[tokio::test]
async fn an_alarm_says_how_many_it_was_silent_about() {
    let world = World::new(start(), true);
    world.sent.refuse("ana@example.com");
    for number in 1..=3 {
        pay(&world, number).await;
    }
    world.clock.advance(minutes(61));
    pay(&world, 4).await;
    let counts: Vec<_> = world.sent.sent().iter().filter_map(how_many).collect();
    assert_eq!(counts, ["1", "3 since 22 November 2026, 06:00 UTC"]);
}

#[tokio::test]
async fn an_alarm_counts_all_whose_effects_failed_at_the_same_moment() {
    let world = World::new(start(), true);
    let pay = async |numbers: std::ops::RangeInclusive<u32>| {
        for number in numbers {
            let by_mail = booking(json!({ "customer_phone": null, "customer_email": format!("ana{number}@example.com") }));
            world.sent.refuse(&format!("ana{number}@example.com"));
            assert!(call(&world, Method::PUT, &format!("/api/v1/bookings/{number}"), Some(by_mail)).await.status.is_success());
            let intent = json!({
                "id": format!("pi_{number}"), "amount": 6000, "amount_received": 6000, "currency": "usd",
                "metadata": { "booking_id": number.to_string() },
            });
            let now = world.clock.now();
            world.enqueue(&stripe(&format!("evt_{number}"), "payment_intent.succeeded", now, now, &intent)).await;
        }
        // At each call another one goes on.
        (0..400).for_each(|call| world.faults.plan(world.faults.calls() + call, Fault::Yield));
        world.batch(8).await;
        world.faults.end();
        world.run_until_quiet().await;
    };
    pay(1..=1).await;
    pay(2..=9).await;
    world.clock.advance(minutes(61));
    pay(10..=10).await;
    let counts: Vec<_> = world.sent.sent().iter().filter_map(how_many).collect();
    assert_eq!(counts, ["1", "9 since 22 November 2026, 06:00 UTC"]);
}

/// What an alarm says.
fn how_many(sent: &Sent) -> Option<String> {
    let Sent::Mail(mail) = sent else { return None };
    mail.text.lines().find_map(|line| line.strip_prefix("How many:")).map(|count| count.trim().to_owned())
}

#[tokio::test]
async fn an_alarm_that_is_late_says_why_the_event_was_parked_and_not_why_it_is_late() {
    let world = World::new(start(), true);
    world.sent.break_down(true);
    world.enqueue(&forged("evt_1", &json!({}))).await;
    pass(&world, 12 * 60).await;
    let parked = world.events().remove(0);
    assert_eq!(parked.status, EventStatus::Parked);
    assert!(parked.reason.as_deref().is_some_and(|reason| reason.starts_with("the body is not what")), "{:?}", parked.reason);
    world.sent.break_down(false);
    pass(&world, 90).await;
    let sent: Vec<_> = world.sent.sent().iter().map(|sent| sent.headline().to_owned()).collect();
    assert!(matches!(&sent[..], [told] if told.starts_with("[Sluice] 1 event parked: the body is not what")), "{sent:?}");
}

#[tokio::test]
async fn an_alarm_that_nobody_can_be_told_of_for_days_is_given_up() {
    let world = World::new(start(), false);
    put(&world, json!({})).await;
    world.sent.break_down(true);
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
    let passed = world.clock.now().since(start()).as_secs() / 3600;
    assert!((72..84).contains(&passed), "it was tried for {passed} hours");
    let event = world.events().remove(0);
    let states: Vec<_> = event.effects.iter().map(|effect| (effect.template.as_str(), effect.state)).collect();
    assert_eq!(states[1], ("alert", EffectState::Failed), "{states:?}");
    assert!(states[0].1 == EffectState::Pending && event.attempts < 200, "{states:?}, {} times", event.attempts);
}

#[tokio::test]
async fn an_event_of_sluice_s_own_is_tried_no_more_often_than_others_while_mail_is_out_and_its_alarm_is_told_after_it() {
    let world = World::new(start(), true);
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
    // The payment was there before its booking: the put confirms it, by an event of Sluice's own.
    world.sent.break_down(true);
    put(&world, json!({})).await;
    let own = || world.events().into_iter().find(|event| event.provider == "sluice").expect("an event of its own");
    pass(&world, 3 * 60).await;
    // 5 s, 10 s, 20 s and so on to 15 minutes.
    let attempts = own().attempts;
    assert!((12..=24).contains(&attempts), "{attempts} times in three hours");
    pass(&world, 9 * 60).await;
    // Given up, but for the alarm on that, which is tried as often.
    assert_eq!(own().status, EventStatus::Parked, "{:?}", own().reason);
    assert!(own().attempts < 40, "{} times in twelve hours", own().attempts);
    assert!(world.sent.sent().is_empty());

    world.sent.break_down(false);
    pass(&world, 60).await;
    let sent: Vec<_> = world.sent.sent().iter().map(|sent| sent.headline().to_owned()).collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent.iter().any(|headline| headline.starts_with("[Sluice] 1 event parked")), "{sent:?}");
    pass(&world, 60).await;
    assert_eq!(world.sent.sent().len(), 2, "told once");
}
