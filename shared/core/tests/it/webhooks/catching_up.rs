//! What a subscription catches up on: deliveries that failed for good, and events that it missed. Each once a job, and counted.

use std::cell::Cell;

use sluice_core::testing::stripe;

use super::*;
use crate::{
    going_wrong::from_now_on,
    shopify::redact_customer,
    support::{shopify, with},
};

#[tokio::test]
async fn everything_that_failed_is_recovered_once_a_job() {
    let world = world();
    world.receivers.answer(URL, &[500]);
    let (id, _) = subscribe(&world, json!({ "retry_schedule": [] })).await;
    let since = world.clock.now();
    for _ in 0..1_000 {
        publish(&world, "order.created").await;
    }
    world.run_until_quiet().await;
    let recover = format!("/api/v1/subscriptions/{id}/recover");
    for round in 1..=2 {
        // It fails again, and is still made once only.
        let made = world.receivers.got().len();
        let dry = post(&world, &recover, json!({ "since": since, "dry_run": true })).await;
        assert_eq!((dry.status, &dry.json["count"]), (StatusCode::OK, &json!(1_000)), "round {round}");
        let job = post(&world, &recover, json!({ "since": since })).await;
        assert_eq!(job.status, StatusCode::ACCEPTED);
        world.run_until_quiet().await;
        assert_eq!(world.receivers.got().len() - made, 1_000, "round {round}");
        let job = get(&world, &format!("/api/v1/subscriptions/{id}/jobs/{}", job.json["id"].as_str().expect("an id"))).await;
        assert_eq!((&job["state"], &job["count"]), (&json!("done"), &json!(1_000)));
    }
    world.receivers.answer(URL, &[200]);
    post(&world, &recover, json!({ "since": since })).await;
    world.run_until_quiet().await;
    assert!(world.documents("delivery").iter().all(|stored| {
        let delivery: Value = serde_json::from_slice(&stored.document.data).expect("JSON");
        delivery["status"] == "delivered" && delivery["attempted"] == 4
    }));
    assert_eq!(post(&world, &recover, json!({ "since": since, "dry_run": true })).await.json["count"], 0);
    let later = world.clock.now() + minutes(1);
    for (asked, field) in [
        (json!({ "since": "yesterday" }), "since"),
        (json!({ "since": later }), "since"),
        (json!({ "since": later, "dry_run": true }), "since"),
        (json!({ "since": since, "until": "2026-11-22T05:59:59Z" }), "until"),
    ] {
        for what in ["recover", "replay-missing"] {
            let answer = post(&world, &format!("/api/v1/subscriptions/{id}/{what}"), asked.clone()).await;
            assert_eq!((answer.status, &answer.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)), "{asked}");
        }
    }
    assert_eq!(post(&world, &recover, json!({ "since": since, "until": later })).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_new_subscription_gets_what_it_missed() {
    let world = world();
    let since = world.clock.now();
    // Nobody wants the webhook, and somebody else the first event.
    subscribe(&world, json!({ "url": "https://other.example/", "event_types": ["order.created"] })).await;
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    publish(&world, "order.created").await;
    publish(&world, "order.paid").await;
    world.run_until_quiet().await;
    world.clock.advance(minutes(5));
    let (id, _) = subscribe(&world, json!({ "event_types": ["order.*", "stripe.*"] })).await;
    let path = format!("/api/v1/subscriptions/{id}/replay-missing");
    assert_eq!(post(&world, &path, json!({ "since": since, "dry_run": true })).await.json["count"], 3);
    for _ in 0..2 {
        assert_eq!(post(&world, &path, json!({ "since": since })).await.status, StatusCode::ACCEPTED);
        world.run_until_quiet().await;
    }
    let mut got: Vec<_> = world.receivers.got().into_iter().filter(|got| got.url == URL).collect();
    got.sort_by(|a, b| a.header("X-Webhook-Event").cmp(b.header("X-Webhook-Event")));
    let types: Vec<_> = got.iter().map(|got| got.header("X-Webhook-Event")).collect();
    assert_eq!(types, ["order.created", "order.paid", "stripe.payment_intent.succeeded"]);
}

#[tokio::test]
async fn a_dry_run_counts_what_the_job_would_set_going() {
    let world = world();
    let since = world.clock.now();
    // Wanted by somebody: each is published, too. The first of what nobody wants is not.
    subscribe(&world, json!({ "url": "https://other.example/", "event_types": ["stripe.payment_intent.succeeded"] })).await;
    for number in 0..10 {
        world.enqueue(&paid(&format!("evt_{number}"), &format!("pi_{number}"), start(), start())).await;
    }
    world.enqueue(&stripe("evt_other", "balance.available", start(), start(), &json!({ "object": "balance" }))).await;
    world.run_until_quiet().await;
    world.clock.advance(minutes(5));
    let (id, _) = subscribe(&world, json!({ "event_types": ["stripe.*"] })).await;
    let path = format!("/api/v1/subscriptions/{id}/replay-missing");
    let counted = post(&world, &path, json!({ "since": since, "dry_run": true })).await.json;
    assert_eq!((&counted["count"], &counted["complete"]), (&json!(11), &json!(true)));
    let job = post(&world, &path, json!({ "since": since })).await.json["id"].as_str().expect("an id").to_owned();
    world.run_until_quiet().await;
    assert_eq!(get(&world, &format!("/api/v1/subscriptions/{id}/jobs/{job}")).await["count"], 11);
    assert_eq!(post(&world, &path, json!({ "since": since, "dry_run": true })).await.json["count"], 0);
}

#[tokio::test]
async fn a_dry_run_that_takes_too_long_says_that_it_has_not_counted_all() {
    let world = world();
    let since = world.clock.now();
    let (id, _) = subscribe(&world, json!({ "url": "https://other.example/", "event_types": ["order.*"] })).await;
    for _ in 0..150 {
        publish(&world, "order.created").await;
    }
    let (late, _) = subscribe(&world, json!({ "event_types": ["order.*"] })).await;
    let path = format!("/api/v1/subscriptions/{late}/replay-missing");
    let dry = json!({ "since": since, "dry_run": true });
    let all = post(&world, &path, dry.clone()).await.json;
    assert_eq!((&all["count"], &all["complete"]), (&json!(150), &json!(true)), "{id}");
    (1..8).for_each(|call| world.faults.plan(world.faults.calls() + call, Fault::Delay));
    let some = post(&world, &path, dry).await.json;
    world.faults.end();
    let count = some["count"].as_u64().expect("a number");
    assert!(some["complete"] == false && (1..150).contains(&count), "{some}");
}

#[tokio::test]
async fn what_a_subscription_missed_while_it_was_switched_off_is_kept_for_it() {
    let world = world();
    let since = world.clock.now();
    let (id, _) = subscribe(&world, json!({ "event_types": ["booking.*"] })).await;
    assert_eq!(post(&world, &format!("/api/v1/subscriptions/{id}/disable"), json!({})).await.status, StatusCode::OK);
    assert!(put(&world, json!({})).await.status.is_success());
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
    assert!(world.receivers.got().is_empty());
    world.clock.advance(minutes(5));
    assert_eq!(post(&world, &format!("/api/v1/subscriptions/{id}/enable"), json!({})).await.status, StatusCode::OK);
    let path = format!("/api/v1/subscriptions/{id}/replay-missing");
    assert_eq!(post(&world, &path, json!({ "since": since })).await.status, StatusCode::ACCEPTED);
    world.run_until_quiet().await;
    let mut types: Vec<_> = world.receivers.got().iter().map(|got| got.header("X-Webhook-Event").to_owned()).collect();
    types.sort();
    assert_eq!(types, ["booking.confirmed", "booking.created", "booking.deposit_paid"]);
    // Nobody is left who would want more.
    assert_eq!(call(&world, Method::DELETE, &format!("/api/v1/subscriptions/{id}"), None).await.status, StatusCode::NO_CONTENT);
    let kept = world.documents("published").len();
    assert!(put(&world, json!({ "customer_name": "Ana M. Lima", "status": "cancelled" })).await.status.is_success());
    world.run_until_quiet().await;
    assert_eq!((kept, world.documents("published").len()), (3, 3));
}

/// Jobs that set three deliveries going, of which two have failed and one is missing; `fault`: which of their calls goes wrong, and how. Returns them, and
/// how many calls were made from their beginning.
async fn jobs(world: &World, fault: Option<(u64, Fault)>) -> (Vec<Value>, u64) {
    let job = async |id: &str, path: &str| {
        let path = format!("/api/v1/subscriptions/{id}/{path}");
        loop {
            // Of one whose answer was lost the next has only what is left: it is told by its count, too.
            if let Some(answer) = world.unless_crashed(post(world, &path, json!({ "since": start() }))).await
                && answer.status.is_success()
            {
                return;
            }
        }
    };
    world.receivers.answer(URL, &[500]);
    let (id, _) = subscribe(world, json!({ "retry_schedule": [60], "event_types": ["order.created"] })).await;
    publish(world, "order.created").await;
    publish(world, "order.created").await;
    publish(world, "order.paid").await;
    world.run_until_quiet().await;
    let path = format!("/api/v1/subscriptions/{id}");
    let patch = json!({ "event_types": ["order.*"] });
    assert_eq!(call(world, Method::PATCH, &path, Some(patch)).await.status, StatusCode::OK);
    world.receivers.answer(URL, &[200]);
    let before = from_now_on(world, fault);
    job(&id, "recover").await;
    job(&id, "replay-missing").await;
    world.run_until_quiet().await;
    let calls = world.faults.calls() - before;
    let jobs = world.events().into_iter().filter(|event| event.source == "catch_up");
    let mut shown = Vec::new();
    for event in jobs {
        shown.push(get(world, &format!("{path}/jobs/{}", event.id)).await);
    }
    (shown, calls)
}

#[tokio::test]
async fn a_job_counts_what_it_has_set_going_whatever_goes_wrong() {
    let whole = world();
    let (shown, calls) = jobs(&whole, None).await;
    assert!(shown.len() == 2 && calls > 20, "the jobs make {calls} calls: {shown:?}");
    for call in 0..calls {
        for fault in Fault::ALL {
            let world = world();
            let (shown, _) = jobs(&world, Some((call, fault))).await;
            let counted: u64 = shown.iter().filter_map(|job| job["count"].as_u64()).sum();
            assert!(shown.iter().all(|job| job["state"] == "done"), "call {call}, {fault:?}: {shown:?}");
            assert_eq!(counted, 3, "call {call}, {fault:?}: {shown:?}");
            assert!(deliveries(&world, "").await.iter().all(|delivery| delivery["status"] == "delivered"), "call {call}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_recovery_between_an_attempt_and_the_end_of_its_handling_is_not_held_up() {
    let mut met = 0;
    for call in 0..12 {
        let world = world().alone();
        world.receivers.answer(URL, &[500, 200]);
        let (id, _) = subscribe(&world, json!({ "retry_schedule": [] })).await;
        publish(&world, "order.created").await;
        let began = world.clock.now();
        world.faults.plan(world.faults.calls() + call, Fault::Yield);
        let ended = Cell::new(false);
        let failing = async {
            assert!(world.step().await);
            ended.set(true);
        };
        let recovering = async {
            while !ended.get() && deliveries(&world, "").await[0]["status"] != "permanently_failed" {
                tokio::task::yield_now().await;
            }
            met += u32::from(!ended.get());
            assert_eq!(
                post(&world, &format!("/api/v1/subscriptions/{id}/recover"), json!({ "since": start() })).await.status,
                StatusCode::ACCEPTED
            );
            while world.step().await {}
        };
        futures_util::future::join(failing, recovering).await;
        while world.step().await {}
        let delivery = &deliveries(&world, "").await[0];
        assert_eq!((&delivery["status"], &delivery["attempted"]), (&json!("delivered"), &json!(2)), "call {call}: {delivery}");
        assert!(world.clock.now().since(began).as_secs() < 1, "call {call}");
    }
    assert!(met > 0, "they never met");
}

async fn catch_up(world: &World, subscription: &str) {
    let begun = post(world, &format!("/api/v1/subscriptions/{subscription}/replay-missing"), json!({ "since": start() })).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.json);
    while world.step().await {}
}

#[tokio::test]
async fn an_event_that_somebody_caught_up_with_can_be_replayed() {
    let world = world();
    assert!(put(&world, json!({})).await.status.is_success());
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    world.clock.advance(minutes(1));
    let (subscription, _) = subscribe(&world, json!({ "event_types": ["stripe.*"] })).await;
    catch_up(&world, &subscription).await;
    assert_eq!(world.receivers.got().len(), 1);

    let id = world.events().into_iter().find(|event| event.key == "evt_1").expect("its event").id;
    let path = format!("/api/v1/inbound/{id}");
    assert_eq!(post(&world, &format!("{path}/replay"), Value::Null).await.status, StatusCode::ACCEPTED);
    while world.step().await {}
    let event = get(&world, &path).await;
    assert_eq!((&event["status"], &event["attempts"]), (&json!("done"), &json!(2)), "{event}");
    assert_eq!(world.receivers.got().len(), 1, "it has been told");
    assert_eq!(world.documents("delivery").len(), 1);
}

#[tokio::test]
async fn that_somebody_is_to_be_erased_is_told_by_ids_alone_to_who_catches_up() {
    let mut told = 0;
    for call in 0..8 {
        let world = world();
        // Whoever erases dies on the way.
        world.faults.plan(world.faults.calls() + call, Fault::CrashAfter);
        world.enqueue(&shopify("w1", "customers/redact", start(), &redact_customer(&[]))).await;
        world.step().await;
        world.faults.end();
        if world.events().iter().all(|event| event.erased_at.is_some()) {
            continue;
        }
        let (subscription, _) = subscribe(&world, json!({ "event_types": ["shopify.*"] })).await;
        catch_up(&world, &subscription).await;
        let body: Value = serde_json::from_slice(&world.receivers.got()[0].body).expect("JSON");
        assert_eq!(body["data"]["customer"], json!({ "id": 820_982_911_946_154_512_u64 }));
        told += 1;
    }
    assert!(told > 0, "it was never met on the way");
}

#[tokio::test]
async fn what_nobody_vouches_for_is_told_to_nobody() {
    let world = world();
    let (subscription, _) = subscribe(&world, json!({ "event_types": ["shopify.*"] })).await;
    let mut of_another_shop = redact_customer(&[]);
    of_another_shop["shop_domain"] = json!("other.myshopify.com");
    with(&world, shopify("w1", "customers/redact", start(), &of_another_shop)).await;
    assert_eq!(get(&world, "/api/v1/inbound?provider=shopify&status=parked").await["items"].as_array().map(Vec::len), Some(1));
    catch_up(&world, &subscription).await;
    assert!(world.receivers.got().is_empty());
}
