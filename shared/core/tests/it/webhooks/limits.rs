//! A subscription's `rate_limit`, when it changes, and when nothing could go for a while.

use std::time::Duration;

use super::*;

async fn publish_many(world: &World, many: usize) {
    for _ in 0..many {
        publish(world, "order.created").await;
    }
}

async fn limited(world: &World, rate_limit: u32) -> String {
    subscribe(world, json!({ "rate_limit": rate_limit })).await.0
}

async fn patch(world: &World, id: &str, rate_limit: Value) {
    let answer = call(world, Method::PATCH, &format!("/api/v1/subscriptions/{id}"), Some(json!({ "rate_limit": rate_limit }))).await;
    assert_eq!((answer.status, &answer.json["rate_limit"]), (StatusCode::OK, &rate_limit));
}

#[tokio::test]
async fn what_waits_goes_by_the_new_limit() {
    for rate_limit in [json!(1_000), Value::Null] {
        let world = world();
        let id = limited(&world, 1).await;
        publish_many(&world, 300).await;
        while world.step().await {}
        let asked = world.clock.now();
        patch(&world, &id, rate_limit.clone()).await;
        // What is due within half a minute goes at its own time.
        world.run_until_quiet().await;
        let got = world.receivers.got();
        assert_eq!(got.len(), 300);
        let took = got.iter().map(|got| got.at.since(asked)).max().expect("some");
        assert!(took <= Duration::from_secs(31), "{rate_limit}: {took:?}");
    }
}

#[tokio::test]
async fn a_lower_limit_is_kept_at_once() {
    let world = world();
    let id = limited(&world, 5).await;
    publish_many(&world, 300).await;
    while world.step().await {}
    let asked = world.clock.now();
    patch(&world, &id, json!(1)).await;
    world.run_until_quiet().await;
    let got = world.receivers.got();
    assert_eq!(got.len(), 300);
    // A hundred and fifty go at their own time, within half a minute; the others one a second.
    let last = got.iter().map(|got| got.at.since(asked)).max().expect("some");
    assert!(last >= Duration::from_secs(145), "{last:?}");
}

#[tokio::test]
async fn a_change_of_something_else_begins_no_job() {
    let world = world();
    let id = limited(&world, 5).await;
    let body = json!({ "description": "Orders", "rate_limit": 5 });
    assert_eq!(call(&world, Method::PATCH, &format!("/api/v1/subscriptions/{id}"), Some(body)).await.status, StatusCode::OK);
    assert!(world.events().iter().all(|event| event.kind != "subscription.rate_limit"));
}

#[tokio::test]
async fn what_has_waited_for_the_end_of_a_pause_does_not_come_together() {
    let world = world();
    world.receivers.answer(URL, &[503, 200]);
    limited(&world, 5).await;
    publish_many(&world, 200).await;
    world.run_until_quiet().await;
    let got = world.receivers.got();
    assert_eq!(got.len(), 201);
    // Three seconds' worth may come together: so much is chance.
    for within in got.windows(5 * 4 + 2) {
        let took = within[within.len() - 1].at.since(within[0].at);
        assert!(took >= Duration::from_secs(1), "{} in {took:?}", within.len());
    }
}
