//! What waits for an answer of Stripe's API: for a key that is refused or gone, or for Stripe to be back.

use super::*;
use crate::going_wrong::ends_of;

/// A world in which Stripe has refused the key when it was asked about this event.
async fn refused(message: &InboundMessage) -> World {
    let world = World::new(start(), true);
    tell(&world.stripe);
    world.stripe.refuse_key();
    put(&world, json!({})).await;
    world.enqueue(message).await;
    assert!(world.step().await);
    world
}

#[tokio::test]
async fn what_waits_for_stripes_api_is_listed_with_its_reason_and_when_it_is_tried_again() {
    let world = World::new(start(), true);
    tell(&world.stripe);
    world.stripe.break_down();
    run(&world, &[]).await;
    world.enqueue(&with_twin()).await;
    for attempts in 1..=3 {
        assert!(world.step().await);
        let page = call(&world, Method::GET, "/api/v1/inbound?status=waiting", None).await.json;
        let [item] = &page["items"].as_array().expect("items")[..] else { panic!("{page}") };
        assert_eq!(
            (&item["key"], &item["reason"], &item["attempts"]),
            (&json!("evt_thin"), &json!("Stripe answered 503"), &json!(attempts))
        );
        let next: Timestamp = item["next_attempt_at"].as_str().and_then(|at| at.parse().ok()).expect("a time");
        world.clock.set(Timestamp::from_millis(next.millis() - 1));
        assert!(!world.step().await, "not before that");
        world.clock.set(next);
    }
    world.stripe.recover();
    assert!(world.step().await, "but then");
    world.run_until_quiet().await;
    let done = event(&world, "evt_thin").await;
    assert_eq!((done.status, done.reason, done.next_attempt_at), (EventStatus::Done, None, None));
    assert!(listed(&world, "waiting").await.is_empty());
    assert_eq!(world.sent.sent().iter().filter(|sent| matches!(sent, Sent::Text(_))).count(), 1, "told once");
}

/// A payment of which only Stripe knows how it was made.
fn of_a_card() -> InboundMessage {
    let intent = json!({ "id": "pi_2", "amount": 4900, "currency": "usd", "latest_charge": "ch_1" });
    stripe("evt_card", "payment_intent.succeeded", start(), start(), &intent)
}

fn tell_of_the_card(stripe: &CannedStripe) {
    let details = json!({ "type": "card", "card": { "brand": "visa", "last4": "4242" } });
    stripe.put(StripeObject::Charge("ch_1".into()), json!({ "payment_method_details": details }));
}

#[tokio::test]
async fn what_waits_for_a_key_goes_on_waiting_where_there_is_none() {
    let world = World::new(start(), true);
    world.stripe.refuse_key();
    run(&world, &[]).await;
    world.enqueue(&without_twin()).await;
    world.enqueue(&of_a_card()).await;
    while world.step().await {}
    assert_eq!(listed(&world, "waiting").await.len(), 2);
    // Started again without any key. Neither its message nor a replay loses it.
    world.stripe.lose_key();
    for key in ["evt_thin", "evt_card"] {
        world.enqueue(&InboundMessage::Replay { id: event_id("stripe", "default", key) }).await;
    }
    world.clock.advance(minutes(1));
    while world.step().await {}
    let waiting = listed(&world, "waiting").await;
    assert_eq!(waiting.len(), 2);
    assert!(waiting.iter().all(|(_, reason)| reason.as_str().is_some_and(|reason| reason.contains("STRIPE_SECRET_KEY"))), "{waiting:?}");
    assert!(world.documents("transaction").is_empty(), "nothing of it is applied");
    // What comes while there is none does without, as ever.
    run(&world, &[thin("evt_other", "v1.payment_intent.succeeded", &json!({}))]).await;
    assert_eq!(event(&world, "evt_other").await.status, EventStatus::Ignored);

    tell(&world.stripe);
    tell_of_the_card(&world.stripe);
    for key in ["evt_thin", "evt_card"] {
        world.enqueue(&InboundMessage::Replay { id: event_id("stripe", "default", key) }).await;
    }
    world.run_until_quiet().await;
    for key in ["evt_thin", "evt_card"] {
        assert_eq!(event(&world, key).await.status, EventStatus::Done, "{key}");
    }
    assert_eq!(call(&world, Method::GET, "/api/v1/payments/pi_2", None).await.json["card"]["last4"], "4242");
    assert!(world.record::<Booking>("12345").await.expect("was put").deposit_paid_at().is_some());
}

#[tokio::test]
async fn what_has_waited_for_a_key_in_vain_is_parked_until_there_is_one() {
    let world = refused(&without_twin()).await;
    world.stripe.lose_key();
    world.run_until_quiet().await;
    for _ in 0..2 {
        let record = event(&world, "evt_thin").await;
        assert_eq!(record.status, EventStatus::Parked);
        assert!(record.reason.is_some_and(|reason| reason.contains("STRIPE_SECRET_KEY")));
        run(&world, &[InboundMessage::Replay { id: record.id }]).await;
    }
    tell(&world.stripe);
    run(&world, &[InboundMessage::Replay { id: event_id("stripe", "default", "evt_thin") }]).await;
    assert_eq!(event(&world, "evt_thin").await.status, EventStatus::Done);
}

#[tokio::test]
async fn what_waits_is_applied_once_wherever_a_call_goes_wrong_while_stripe_is_down_and_the_key_is_gone() {
    let expected = ends_the_same(async |world: &World| {
        tell(&world.stripe);
        tell_of_the_card(&world.stripe);
        put_until_done(world, "/api/v1/bookings/12345", &booking(json!({}))).await;
        world.stripe.break_down();
        for message in [without_twin(), large("evt_large", "v1.charge.refunded")] {
            world.enqueue(&message).await;
        }
        while world.step().await {}
        // What went wrong before it was noted is noted the next time.
        while world.events().iter().filter(|event| event.status == EventStatus::Waiting).count() < 2 {
            world.clock.advance(minutes(1));
            while world.step().await {}
        }
        world.stripe.lose_key();
        world.clock.advance(minutes(1));
        while world.step().await {}
        world.stripe.recover();
        world.run_until_quiet().await;
        let booking = world.record::<Booking>("12345").await.expect("is there");
        let large = event(world, "evt_large").await;
        let ends: Vec<_> = ends_of(world, "evt_large").into_iter().map(|end| end == large.expires_at()).collect();
        (booking.status(), booking.deposit_paid_at(), event(world, "evt_thin").await.status, large.status, ends)
    })
    .await;
    assert_eq!((expected.2, expected.3, &*expected.4), (EventStatus::Done, EventStatus::Parked, &[true; 3][..]));
}

#[tokio::test]
async fn a_refused_key_rings_the_alarm_once_and_the_event_waits() {
    let world = World::new(start(), true);
    tell(&world.stripe);
    world.stripe.refuse_key();
    run(&world, &[]).await;
    world.enqueue(&with_twin()).await;
    world.enqueue(&without_twin()).await;
    while world.step().await {}
    world.stripe.recover();
    world.run_until_quiet().await;
    let alarms = headlines(&world).into_iter().filter(|headline| headline.starts_with("[Sluice]")).collect::<Vec<_>>();
    assert_eq!(alarms, ["[Sluice] Stripe refuses the API key: Stripe answered 401: Invalid API Key provided"]);
    assert_eq!(event(&world, "evt_thin").await.status, EventStatus::Done);
}

#[tokio::test]
async fn what_waits_for_a_key_is_listed_with_its_reason_and_a_replay_sets_it_going() {
    let world = refused(&without_twin()).await;
    let reason = json!("Stripe answered 401: Invalid API Key provided");
    assert_eq!(listed(&world, "waiting").await, [(json!("evt_thin"), reason)]);
    let waiting = event(&world, "evt_thin").await;
    assert!(waiting.expires_at().is_none() && waiting.changes.is_empty());
    assert!(world.record::<Booking>("12345").await.expect("was put").deposit_paid_at().is_none());

    world.stripe.recover();
    let replay = format!("/api/v1/inbound/{}/replay", waiting.id);
    assert_eq!(call(&world, Method::POST, &replay, None).await.status, StatusCode::ACCEPTED);
    assert!(world.step().await, "the replay does not wait for the message");
    assert!(listed(&world, "waiting").await.is_empty());
    assert!(world.record::<Booking>("12345").await.expect("was put").deposit_paid_at().is_some());
    world.run_until_quiet().await;
    let done = event(&world, "evt_thin").await;
    assert_eq!((done.status, done.reason, done.attempts), (EventStatus::Done, None, 2), "its own message finds it done");
    assert_eq!(world.sent.sent().iter().filter(|sent| matches!(sent, Sent::Text(_))).count(), 1, "told once");
}

#[tokio::test]
async fn what_waits_for_a_key_is_applied_once_wherever_a_call_goes_wrong() {
    let expected = ends_the_same(async |world: &World| {
        tell(&world.stripe);
        put_until_done(world, "/api/v1/bookings/12345", &booking(json!({}))).await;
        world.stripe.refuse_key();
        world.enqueue(&without_twin()).await;
        while world.step().await {}
        world.stripe.recover();
        world.run_until_quiet().await;
        let booking = world.record::<Booking>("12345").await.expect("is there");
        (booking.status(), booking.deposit_paid_at(), event(world, "evt_thin").await.status, world.documents("transaction").len())
    })
    .await;
    assert_eq!(expected.2, EventStatus::Done);
}

#[tokio::test]
async fn a_replay_of_what_is_done_leaves_it_done_while_the_key_is_refused() {
    let world = World::new(start(), true);
    tell(&world.stripe);
    run(&world, &[without_twin()]).await;
    let done = event(&world, "evt_thin").await;
    world.stripe.refuse_key();
    world.enqueue(&InboundMessage::Replay { id: done.id.clone() }).await;
    assert!(world.step().await);
    assert!(listed(&world, "waiting").await.is_empty(), "all of it is applied");
    assert_eq!(event(&world, "evt_thin").await, done);
    world.stripe.recover();
    world.run_until_quiet().await;
    let replayed = event(&world, "evt_thin").await;
    assert_eq!((replayed.status, replayed.attempts), (EventStatus::Done, done.attempts + 1), "the replay's message came back");
}

#[tokio::test]
async fn a_replay_of_what_is_done_is_given_up_in_the_end_and_one_of_what_was_ignored_is_parked() {
    let world = World::new(start(), true);
    run(&world, &[thin("evt_other", "v1.payment_intent.succeeded", &json!({}))]).await;
    tell(&world.stripe);
    run(&world, &[without_twin()]).await;
    let (done, ignored) = (event(&world, "evt_thin").await, event(&world, "evt_other").await);
    assert_eq!((done.status, ignored.status), (EventStatus::Done, EventStatus::Ignored));
    world.stripe.refuse_key();
    for id in [&done.id, &ignored.id] {
        world.enqueue(&InboundMessage::Replay { id: id.clone() }).await;
    }
    world.run_until_quiet().await;
    assert_eq!(event(&world, "evt_thin").await, done, "as it was");
    assert_eq!(event(&world, "evt_other").await.status, EventStatus::Parked, "nothing of it is applied");
}

#[tokio::test]
async fn a_large_event_that_came_twice_expires_whole_though_the_key_is_refused_meanwhile() {
    let begin = async |world: &World| {
        tell(&world.stripe);
        put(world, json!({})).await;
        large("evt_thin", "v1.payment_intent.succeeded")
    };
    comes_twice_and_expires_whole("evt_thin", begin, |world| world.stripe.refuse_key()).await;
}

#[tokio::test]
async fn a_large_event_waits_with_its_body() {
    let world = refused(&large("evt_thin", "v1.payment_intent.succeeded")).await;
    assert_eq!(listed(&world, "waiting").await.len(), 1);
    world.stripe.recover();
    world.run_until_quiet().await;
    assert_eq!(event(&world, "evt_thin").await.status, EventStatus::Done);
    expires_whole(&world, "evt_thin", "record and pieces expire together");
}

#[tokio::test]
async fn a_key_that_stays_refused_parks_the_event() {
    let world = World::new(start(), true);
    world.stripe.refuse_key();
    run(&world, &[without_twin()]).await;
    let record = event(&world, "evt_thin").await;
    assert_eq!((record.status, record.reason.as_deref()), (EventStatus::Parked, Some("Stripe answered 401: Invalid API Key provided")));
    assert!(listed(&world, "waiting").await.is_empty());
}
