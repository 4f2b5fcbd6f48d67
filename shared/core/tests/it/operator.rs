//! What an operator lives through: broken mail, parked events, dead letters, large bodies, records that expire.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    envelope::InboundMessage,
    event::{EventStatus, RETENTION},
    ports::{Clock, DeadLetters, QueueName},
    testing::{Sent, World, stripe},
    time::Timestamp,
};

use crate::{
    going_wrong::{at_every_call, comes_twice_and_expires_whole, ends_of, expires_whole, from_now_on},
    support::{Answer, call, incompressible, listed, minutes, paid, put, read, start},
};

#[tokio::test]
async fn mail_that_stays_broken_parks_the_event_and_a_replay_sends_it() {
    let world = World::new(start(), false);
    put(&world, json!({})).await;
    world.sent.break_down(true);
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    run_until_parked(&world).await;
    let passed = world.clock.now().since(start()).as_secs() / 3600;
    assert!((8..13).contains(&passed), "it was tried for {passed} hours");
    assert_eq!(read(&world).await["status"], "confirmed", "the change itself is not held up");
    let parked = call(&world, Method::GET, "/api/v1/inbound?status=parked", None).await.json;
    assert!(parked["items"][0]["reason"].as_str().is_some_and(|reason| reason.contains("connection refused")), "{parked}");
    assert!(world.events()[0].expires_at().is_none());

    world.sent.break_down(false);
    let id = only_event(&world);
    assert_eq!(call(&world, Method::POST, &format!("/api/v1/inbound/{id}/replay"), None).await.status, StatusCode::ACCEPTED);
    world.run_until_quiet().await;
    assert_eq!(world.events()[0].status, EventStatus::Done);
    let sent = world.sent.sent();
    assert_eq!(sent.iter().filter(|sent| matches!(sent, Sent::Mail(mail) if mail.to == "ana@example.com")).count(), 1, "{sent:?}");
}

#[tokio::test]
async fn an_event_whose_mail_could_not_be_sent_says_when_it_is_tried_again() {
    let world = World::new(start(), false);
    put(&world, json!({})).await;
    world.sent.break_down(true);
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    assert!(world.step().await);
    let page = call(&world, Method::GET, "/api/v1/inbound?status=processing", None).await.json;
    let item = &page["items"][0];
    assert!(item["reason"].as_str().is_some_and(|reason| reason.contains("connection refused")), "{page}");
    let next: Timestamp = item["next_attempt_at"].as_str().and_then(|at| at.parse().ok()).expect("a time");
    world.sent.break_down(false);
    world.clock.set(Timestamp::from_millis(next.millis() - 1));
    assert!(!world.step().await, "not before that");
    world.clock.set(next);
    assert!(world.step().await);
    assert_eq!((world.events()[0].status, world.events()[0].next_attempt_at), (EventStatus::Done, None));
}

#[tokio::test]
async fn a_redelivery_of_a_parked_event_is_a_replay_of_it() {
    let event = forged("evt_1", &json!({}));
    let world = with_event(&event).await;
    world.enqueue(&event).await;
    world.run_until_quiet().await;
    let events = world.events();
    assert_eq!((events.len(), events[0].status, events[0].attempts), (1, EventStatus::Parked, 2));
    let summary = format!("charge.refunded could not be processed: {}", events[0].reason.as_deref().expect("a reason"));
    assert_eq!(events[0].summary, summary, "the plan has said nothing");
    assert_eq!(world.sent.sent().len(), 1, "the alarm rings once an hour");
}

/// A page of the largest messages would be more than a function can answer with.
#[tokio::test]
async fn of_a_long_dead_letter_the_beginning_is_shown_and_the_whole_is_sent_back() {
    let world = World::new(start(), true);
    // The limit falls into the middle of a character.
    let long = format!("x{}", "ü".repeat(500_000));
    world.enqueue_garbage(&long).await;
    world.run_until_quiet().await;
    world.clock.advance(minutes(120));
    assert!(!world.step().await, "it is dead");
    let letter = call(&world, Method::GET, "/api/v1/dead-letters", None).await.json["items"][0].clone();
    let shown = letter["body"].as_str().expect("a text");
    assert!(shown.len() == 4_095 && long.starts_with(shown), "{}", shown.len());
    assert_eq!(letter["body_bytes"], 1_000_001);
    call(&world, Method::POST, "/api/v1/dead-letters/redrive", None).await;
    world.run_until_quiet().await;
    world.clock.advance(minutes(120));
    world.step().await;
    let (letters, _) = world.queue.list(QueueName::Inbound, 10).await.expect("can be listed");
    assert!(letters[0].body == long, "whole");
}

#[tokio::test]
async fn a_message_that_no_version_can_read_becomes_a_dead_letter_and_rings_the_alarm() {
    let world = World::new(start(), true);
    world.enqueue_garbage("{}").await;
    world.run_until_quiet().await;
    world.clock.advance(minutes(120));
    assert!(!world.step().await, "it is dead");
    let letters = call(&world, Method::GET, "/api/v1/dead-letters", None).await.json;
    let letter = &letters["items"][0];
    assert_eq!((&letters["total"], &letter["receives"]), (&json!(1), &json!(20)));
    assert_eq!((&letter["body"], &letter["body_bytes"]), (&json!("{}"), &json!(2)));
    for _ in 0..3 {
        world.watch().await;
        world.run_until_quiet().await;
    }
    let sent = world.sent.sent();
    assert!(matches!(&sent[..], [Sent::Mail(mail)] if mail.to == "alerts@example.com"), "{sent:?}");

    assert_eq!(call(&world, Method::POST, "/api/v1/dead-letters/redrive", None).await.json, json!({ "redriven": 1 }));
    world.watch().await;
    world.run_until_quiet().await;
    world.clock.advance(minutes(120));
    world.step().await;
    assert_eq!(world.queue.list(QueueName::Inbound, 10).await.expect("can be listed").1, 1, "it came back");
    world.watch().await;
    world.run_until_quiet().await;
    assert_eq!(world.sent.sent().len(), 2, "and is told of again");
}

#[tokio::test]
async fn a_large_body_lies_in_pieces_and_is_shown_exactly() {
    let object = json!({ "description": incompressible(600 * 1024) });
    let world = with_event(&stripe("evt_1", "reporting.report_type.updated", start(), start(), &object)).await;
    assert_eq!(world.documents("piece").len(), 2);
    let id = only_event(&world);
    let shown = call(&world, Method::GET, &format!("/api/v1/inbound/{id}"), None).await.json;
    assert!(shown["body"].as_str().is_some_and(|body| body.contains(&incompressible(600 * 1024))));
    expires_whole(&world, "evt_1", "record and pieces expire together");
}

#[tokio::test]
async fn an_event_counts_as_new_once_its_record_has_expired() {
    let event = stripe("evt_1", "reporting.report_type.updated", start(), start(), &json!({}));
    let world = with_event(&event).await;
    let id = only_event(&world);
    world.clock.advance(RETENTION);
    assert_eq!(call(&world, Method::GET, &format!("/api/v1/inbound/{id}"), None).await.status, StatusCode::NOT_FOUND);
    world.enqueue(&event).await;
    world.run_until_quiet().await;
    assert_eq!(call(&world, Method::GET, &format!("/api/v1/inbound/{id}"), None).await.json["attempts"], 1);
}

async fn dismiss(world: &World, id: &str, body: Option<Value>) -> Answer {
    call(world, Method::POST, &format!("/api/v1/inbound/{id}/dismiss"), body).await
}

/// An event that can't be processed, with more in its object.
pub(crate) fn forged(key: &str, object: &Value) -> InboundMessage {
    stripe(key, "charge.refunded", start(), start(), object)
}

/// One such that lies in pieces.
fn forged_large(key: &str) -> InboundMessage {
    forged(key, &json!({ "description": incompressible(600 * 1024) }))
}

/// A world in which this event was handled.
async fn with_event(message: &InboundMessage) -> World {
    let world = World::new(start(), true);
    world.enqueue(message).await;
    world.run_until_quiet().await;
    world
}

/// The id of the only event.
pub(crate) fn only_event(world: &World) -> String {
    let [event] = &world.events()[..] else { panic!("{:?}", world.events()) };
    event.id.clone()
}

#[tokio::test]
async fn a_parked_event_is_dismissed_once_and_for_all() {
    let forged = forged("evt_1", &json!({}));
    let world = with_event(&forged).await;
    let (id, reason) = (only_event(&world), world.events()[0].reason.clone());
    assert!(world.events()[0].expires_at().is_none());
    let first = dismiss(&world, &id, Some(json!({ "reason": "a forgery" }))).await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!((&first.json["status"], &first.json["dismissed_because"]), (&json!("dismissed"), &json!("a forgery")));
    assert_eq!(first.json["reason"], json!(reason), "why it was parked stays known");
    world.clock.advance(minutes(1));
    let again = dismiss(&world, &id, Some(json!({ "reason": "another word" }))).await;
    assert_eq!((again.status, &again.json), (StatusCode::OK, &first.json), "said again it changes nothing");
    assert_eq!((listed(&world, "parked").await.len(), listed(&world, "dismissed").await.len()), (0, 1));
    assert!(world.events()[0].expires_at().is_some(), "it is kept no longer than others");
    // Who forged it may send it again, and it stays dismissed; the alarm counts only what is parked.
    world.enqueue(&forged).await;
    world.run_until_quiet().await;
    assert_eq!((world.events()[0].status, world.sent.sent().len()), (EventStatus::Dismissed, 1));
    world.clock.advance(minutes(61));
    world.enqueue(&stripe("evt_2", "charge.refunded", start(), world.clock.now(), &json!({}))).await;
    world.run_until_quiet().await;
    let Some(Sent::Mail(alarm)) = world.sent.sent().pop() else { panic!("an alarm") };
    assert!(alarm.text.contains("an event and parked it"), "{}", alarm.text);
}

#[tokio::test]
async fn only_what_is_parked_can_be_dismissed() {
    let world = World::new(start(), true);
    put(&world, json!({})).await;
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
    let id = only_event(&world);
    assert_eq!(dismiss(&world, &id, None).await.status, StatusCode::CONFLICT);
    assert_eq!(dismiss(&world, "in_nothing", None).await.status, StatusCode::NOT_FOUND);
    let wrong = dismiss(&world, &id, Some(json!({ "why": "x" }))).await;
    assert_eq!((wrong.status, &wrong.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("why")));
    assert_eq!(world.events()[0].status, EventStatus::Done);
}

#[tokio::test]
async fn what_was_left_of_a_dismissed_event_is_done_only_by_a_replay() {
    let world = World::new(start(), false);
    put(&world, json!({})).await;
    world.sent.break_down(true);
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    run_until_parked(&world).await;
    let id = only_event(&world);
    let busy = dismiss(&world, &id, None).await;
    assert_eq!(busy.status, StatusCode::CONFLICT, "who parked it may still be at work: {}", busy.json);
    world.clock.advance(minutes(2));
    assert_eq!(dismiss(&world, &id, None).await.status, StatusCode::OK);
    world.sent.break_down(false);
    world.clock.advance(minutes(600));
    world.run_until_quiet().await;
    assert!(!world.events()[0].unfinished());
    assert!(matches!(&world.sent.sent()[..], [Sent::Mail(mail)] if mail.to == "alerts@example.com"), "only the alarm");
    assert_eq!(call(&world, Method::POST, &format!("/api/v1/inbound/{id}/replay"), None).await.status, StatusCode::ACCEPTED);
    world.run_until_quiet().await;
    let event = world.events().remove(0);
    assert_eq!((event.status, event.dismissal), (EventStatus::Done, None));
    assert!(matches!(&world.sent.sent()[..], [_, Sent::Mail(mail)] if mail.to == "ana@example.com"));
}

/// The first event of a reason carries the mail for all that are parked within the hour.
#[tokio::test]
async fn dismissing_the_event_that_carries_an_alarm_does_not_silence_it_for_the_others() {
    let world = World::new(start(), true);
    world.sent.break_down(true);
    for event in ["evt_1", "evt_2"] {
        world.enqueue(&forged(event, &json!({}))).await;
        assert!(world.step().await);
    }
    let carries = |world: &World| world.events().into_iter().find(|event| event.key == "evt_1").expect("is there");
    assert_eq!(dismiss(&world, &carries(&world).id, None).await.status, StatusCode::OK);
    // Its message comes back until it gives up, and that parks nothing again.
    for _ in 0..120 {
        world.clock.advance(minutes(10));
        while world.step().await {}
    }
    assert_eq!((carries(&world).status, world.sent.sent().len()), (EventStatus::Dismissed, 0));
    world.sent.break_down(false);
    world.run_until_quiet().await;
    assert!(matches!(&world.sent.sent()[..], [Sent::Mail(mail)] if mail.to == "alerts@example.com"), "{:?}", world.sent.sent());
    let carried = carries(&world);
    assert!(carried.status == EventStatus::Dismissed && carried.expires_at().is_some() && carried.due_at.is_none(), "{carried:?}");
}

#[tokio::test]
async fn the_pieces_of_a_dismissed_event_expire_with_it() {
    let world = with_event(&forged_large("evt_1")).await;
    assert_eq!(world.events()[0].status, EventStatus::Parked);
    assert_eq!(dismiss(&world, &only_event(&world), None).await.status, StatusCode::OK);
    world.run_until_quiet().await;
    assert!(world.events()[0].due_at.is_none(), "nothing is left to look after");
    expires_whole(&world, "evt_1", "record and pieces expire together");
}

#[tokio::test]
async fn a_dismissal_that_goes_wrong_leaves_a_parked_event_its_body() {
    at_every_call(async |faulty| {
        let world = with_event(&forged_large("evt_1")).await;
        let before = from_now_on(&world, faulty);
        let _ = world.unless_crashed(dismiss(&world, &only_event(&world), None)).await;
        if world.events()[0].status == EventStatus::Parked {
            assert_eq!(ends_of(&world, "evt_1"), [None; 3], "{faulty:?}");
        }
        world.run_until_quiet().await;
        let event = world.events().remove(0);
        assert_eq!(ends_of(&world, "evt_1"), [event.expires_at(); 3], "{faulty:?}: {event:?}");
        assert!(event.due_at.is_none(), "{faulty:?}");
        world.faults.calls() - before
    })
    .await;
}

#[tokio::test]
async fn the_pieces_of_an_event_that_came_twice_expire_with_it() {
    let begin = async |world: &World| {
        put(world, json!({})).await;
        let mut object = json!({ "id": "pi_1", "amount": 6000, "currency": "usd", "metadata": { "booking_id": "12345" } });
        object["description"] = json!(incompressible(480 * 1024));
        stripe("evt_1", "payment_intent.succeeded", start(), start(), &object)
    };
    comes_twice_and_expires_whole("evt_1", begin, |_| ()).await;
}

/// Runs until the only event is parked, while nothing can be sent.
pub(crate) async fn run_until_parked(world: &World) {
    while world.step().await {}
    for _ in 0..24 * 60 {
        if world.events()[0].status == EventStatus::Parked {
            return;
        }
        pass(world, 1).await;
    }
    panic!("it is not parked");
}

/// So many minutes pass, with all that the sweeper sends in each of them.
pub(crate) async fn pass(world: &World, count: u64) {
    for _ in 0..count {
        world.clock.advance(minutes(1));
        world.sweep().await;
        while world.step().await {}
    }
}
