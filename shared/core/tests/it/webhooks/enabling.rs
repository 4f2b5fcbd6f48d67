//! An owner who enables a subscription expects it to be tried: its pause ends, and what waits goes now, by what is left of its schedule and within its limit.

use std::{cell::Cell, time::Duration};

use sluice_core::{ports::QueueName, time::Timestamp};

use super::*;
use crate::going_wrong::{at_every_call, from_now_on};

async fn enable(world: &World, id: &str) -> Value {
    let answer = post(world, &format!("/api/v1/subscriptions/{id}/enable"), json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
    answer.json
}

/// Handles all that can be handled now.
async fn settle(world: &World) {
    while world.step().await {}
}

/// The jobs that enabling has begun, as the API shows them: of each the state and the count.
async fn jobs(world: &World, id: &str) -> Vec<(Value, Value)> {
    let mut shown = Vec::new();
    for event in world.events().into_iter().filter(|event| event.kind == "subscription.enable") {
        let job = get(world, &format!("/api/v1/subscriptions/{id}/jobs/{}", event.id)).await;
        assert_eq!((&job["what"], &job["subscription_id"]), (&json!("waiting"), &json!(id)));
        shown.push((job["state"].clone(), job["count"].clone()));
    }
    shown
}

/// A subscription whose receiver asks to be left alone for a day: of so many deliveries the first was tried, and the others wait for the endpoint.
async fn paused(world: &World, count: usize, fields: Value) -> String {
    world.receivers.answer_after(URL, &[503], Some("86400"));
    let (id, _) = subscribe(world, fields).await;
    for _ in 0..count {
        publish(world, "order.created").await;
    }
    settle(world).await;
    assert_eq!(world.receivers.got().len(), 1);
    world.receivers.answer(URL, &[200]);
    id
}

#[tokio::test]
async fn what_waits_for_a_paused_endpoint_goes_once_it_is_enabled() {
    let world = world();
    let id = paused(&world, 3, json!({})).await;
    let began = world.clock.now();
    let shown = enable(&world, &id).await;
    assert_eq!(
        (&shown["active"], &shown["endpoint"]["state"], &shown["endpoint"]["failures"]),
        (&json!(true), &json!("closed"), &json!(0))
    );
    assert_eq!((&shown["endpoint"]["paused_until"], &shown["endpoint"]["reason"]), (&Value::Null, &Value::Null));
    // The answer names the job that tries what waits.
    let job = shown["job"].as_str().expect("a job").to_owned();
    let read = async || get(&world, &format!("/api/v1/subscriptions/{id}/jobs/{job}")).await;
    assert_eq!((&read().await["what"], &read().await["state"]), (&json!("waiting"), &json!("pending")));
    settle(&world).await;
    assert_eq!((&read().await["state"], &read().await["count"]), (&json!("done"), &json!(3)));
    assert!(world.clock.now().since(began) < Duration::from_secs(5));
    let deliveries = deliveries(&world, "").await;
    assert!(deliveries.iter().all(|delivery| delivery["status"] == "delivered" && delivery["waits_for"].is_null()), "{deliveries:?}");
    let attempts: u64 = deliveries.iter().filter_map(|delivery| delivery["attempted"].as_u64()).sum();
    assert_eq!((attempts, world.receivers.got().len()), (4, 4));
    assert_eq!(jobs(&world, &id).await, [(json!("done"), json!(3))]);
    // Nothing is left to be tried.
    enable(&world, &id).await;
    world.run_until_quiet().await;
    assert_eq!((jobs(&world, &id).await.len(), world.receivers.got().len()), (2, 4));
    assert!(jobs(&world, &id).await.contains(&(json!("done"), json!(0))));
}

#[tokio::test]
async fn the_request_costs_the_same_whatever_waits() {
    let mut costs = Vec::new();
    for count in [2, 500] {
        let world = world();
        let id = paused(&world, count, json!({})).await;
        let before = world.faults.calls();
        enable(&world, &id).await;
        costs.push(world.faults.calls() - before);
        settle(&world).await;
        assert_eq!(world.receivers.got().len(), 1 + count);
        assert_eq!(jobs(&world, &id).await, [(json!("done"), json!(count))]);
    }
    assert_eq!(costs[0], costs[1], "calls of the ports");
}

#[tokio::test]
async fn what_is_tried_now_goes_on_by_its_schedule() {
    let world = world();
    world.receivers.answer(URL, &[500]);
    let (id, _) = subscribe(&world, json!({ "retry_schedule": [3_600, 36_000] })).await;
    publish(&world, "order.created").await;
    settle(&world).await;
    let began = world.clock.now();
    enable(&world, &id).await;
    settle(&world).await;
    // Once, by this job; what failed since then waits for good reason.
    assert_eq!((world.receivers.got().len(), jobs(&world, &id).await), (2, vec![(json!("done"), json!(1))]));
    let delivery = &deliveries(&world, "").await[0];
    assert_eq!((&delivery["status"], &delivery["waits_for"]), (&json!("failed"), &json!("retry")));
    world.run_until_quiet().await;
    let got = world.receivers.got();
    let waited = got[2].at.since(began).as_secs();
    // The second wait of the schedule, with its jitter, and no third one.
    assert!((28_800..=43_261).contains(&waited) && got.len() == 3, "{waited} s, {} attempts", got.len());
    assert_eq!(deliveries(&world, "").await[0]["status"], "permanently_failed");
}

#[tokio::test]
async fn what_fails_after_it_was_enabled_and_what_goes_soon_keep_their_time() {
    let world = world();
    world.receivers.answer(URL, &[500]);
    let (id, _) = subscribe(&world, json!({ "retry_schedule": [20, 3_600] })).await;
    publish(&world, "order.created").await;
    settle(&world).await;
    let times = async || -> Vec<_> { deliveries(&world, "").await.iter().map(|delivery| delivery["next_attempt_at"].clone()).collect() };
    let soon = times().await;
    enable(&world, &id).await;
    settle(&world).await;
    assert_eq!((times().await, jobs(&world, &id).await), (soon, vec![(json!("done"), json!(0))]));

    // The job comes to the delivery after its next attempt, which has failed.
    let world = super::world();
    world.receivers.answer(URL, &[500]);
    let (id, _) = subscribe(&world, json!({ "retry_schedule": [3_600] })).await;
    publish(&world, "order.created").await;
    enable(&world, &id).await;
    world.clock.advance(Duration::from_millis(1));
    let job = world.queue.receive(QueueName::Inbound, 1, Duration::from_secs(30)).pop().expect("the job's message");
    settle(&world).await;
    world.queue.later(job.id, job.receipt, world.clock.now());
    settle(&world).await;
    assert_eq!((jobs(&world, &id).await, world.receivers.got().len()), (vec![(json!("done"), json!(0))], 1));
}

#[tokio::test]
async fn the_limit_stays() {
    let world = world();
    let id = paused(&world, 40, json!({ "rate_limit": 5 })).await;
    enable(&world, &id).await;
    world.run_until_quiet().await;
    let got = world.receivers.got();
    assert_eq!(got.len(), 41);
    for within in got[1..].windows(6) {
        assert!(within[5].at.since(within[0].at) >= Duration::from_millis(998), "six in {:?}", within[5].at.since(within[0].at));
    }
}

#[tokio::test]
async fn a_retry_that_was_set_far_off_goes_once_it_is_enabled_again() {
    let world = world();
    let id = paused(&world, 2, json!({})).await;
    assert_eq!(post(&world, &format!("/api/v1/subscriptions/{id}/disable"), json!({})).await.status, StatusCode::OK);
    world.clock.advance(minutes(60));
    enable(&world, &id).await;
    settle(&world).await;
    assert!(deliveries(&world, "").await.iter().all(|delivery| delivery["status"] == "delivered"));
}

#[tokio::test]
async fn whoever_thinks_better_of_it_is_not_alarmed() {
    for delete in [false, true] {
        let world = world();
        let id = paused(&world, 2, json!({})).await;
        enable(&world, &id).await;
        let path = format!("/api/v1/subscriptions/{id}");
        let answer = if delete {
            call(&world, Method::DELETE, &path, None).await
        } else {
            post(&world, &format!("{path}/disable"), json!({})).await
        };
        assert!(answer.status.is_success(), "{}", answer.json);
        settle(&world).await;
        assert_eq!((world.receivers.got().len(), world.sent.sent().len()), (1, 0));
        let event = world.events().into_iter().find(|event| event.kind == "subscription.enable").expect("a job");
        assert_eq!(serde_json::to_value(event.effects[0].state).expect("JSON"), "superseded");
    }
}

#[tokio::test]
async fn every_call_goes_wrong_in_every_way_and_all_that_waits_is_tried() {
    for world in [world, || world().alone()] {
        at_every_call(async |faulty| {
            let world = world();
            let id = paused(&world, 3, json!({})).await;
            let before = from_now_on(&world, faulty);
            let path = format!("/api/v1/subscriptions/{id}/enable");
            while world.unless_crashed(post(&world, &path, json!({}))).await.is_none_or(|answer| !answer.status.is_success()) {}
            let began = world.clock.now();
            world.run_until_quiet().await;
            let calls = world.faults.calls() - before;
            world.faults.end();
            for delivery in deliveries(&world, "").await {
                // A message that was lost is made good by the due index, five minutes later, and an attempt by the schedule.
                let at: Timestamp = delivery["delivered_at"].as_str().and_then(|at| at.parse().ok()).expect("was delivered");
                assert!(at.since(began) < minutes(12), "{faulty:?}: {delivery}");
            }
            // One call that goes wrong repeats one attempt, at most.
            assert!(world.receivers.got().len() <= 5, "{faulty:?}: {}", world.receivers.got().len());
            calls
        })
        .await;
    }
}

/// Where one process holds the data no document tells that an attempt is under way.
#[tokio::test]
async fn what_is_being_tried_is_not_tried_twice() {
    let mut met = 0;
    for call in 0..12 {
        let world = world().alone();
        world.receivers.answer(URL, &[500, 200]);
        let (id, _) = subscribe(&world, json!({ "retry_schedule": [60] })).await;
        publish(&world, "order.created").await;
        settle(&world).await;
        world.clock.advance(minutes(2));
        world.faults.plan(world.faults.calls() + call, Fault::Yield);
        let ended = Cell::new(false);
        let trying = async {
            assert!(world.step().await);
            ended.set(true);
        };
        let enabling = async {
            met += u32::from(!ended.get());
            enable(&world, &id).await;
            settle(&world).await;
        };
        futures_util::future::join(trying, enabling).await;
        settle(&world).await;
        let delivery = &deliveries(&world, "").await[0];
        assert_eq!((&delivery["status"], &delivery["attempted"]), (&json!("delivered"), &json!(2)), "call {call}: {delivery}");
        assert_eq!(world.receivers.got().len(), 2, "call {call}");
    }
    assert!(met > 0, "they never met");
}
