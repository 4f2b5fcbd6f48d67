//! What changed a record, and how its versions keep two writers apart.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::testing::World;

use crate::support::{call, failed, minutes, paid, put, start};

async fn history(world: &World, query: &str) -> Value {
    let answer = call(world, Method::GET, &format!("/api/v1/bookings/12345/history{query}"), None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
    answer.json
}

#[tokio::test]
async fn a_record_says_which_events_changed_it_and_how() {
    let world = World::new(start(), true);
    put(&world, json!({})).await;
    world.enqueue(&failed("evt_1", "pi_1", "expired_card", start(), start())).await;
    world.enqueue(&paid("evt_2", "pi_1", start() + minutes(1), start() + minutes(1))).await;
    world.run_until_quiet().await;
    let items = history(&world, "").await["items"].as_array().cloned().expect("items");
    let types: Vec<_> = items.iter().map(|item| item["type"].as_str().unwrap_or_default()).collect();
    assert_eq!(types, ["payment_intent.succeeded", "payment_intent.payment_failed", "booking.put"], "newest first");
    let changed = |item: &Value, field: &str| {
        item["changed"].as_array().into_iter().flatten().find(|change| change["field"] == field).map(|change| change["to"].clone())
    };
    assert_eq!(changed(&items[0], "status"), Some(json!("confirmed")));
    assert_eq!(changed(&items[1], "status"), Some(json!("payment_pending")));
    assert_eq!(changed(&items[2], "customer_email"), Some(Value::Null), "personal data is named, and not kept");
    assert_eq!(items[2]["event"], Value::Null, "a put that causes no message leaves no event");
    let link = items[0]["event"].as_str().expect("a link");
    let event = call(&world, Method::GET, link, None).await;
    assert_eq!((event.status, &event.json["key"]), (StatusCode::OK, &json!("evt_2")));
    assert_eq!(items[0]["event_id"], event.json["id"]);
}

#[tokio::test]
async fn a_put_that_causes_a_message_links_its_event() {
    let world = World::new(start(), true);
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
    put(&world, json!({})).await;
    world.run_until_quiet().await;
    let items = history(&world, "").await["items"].clone();
    let link = items[0]["event"].as_str().expect("a link");
    assert_eq!(call(&world, Method::GET, link, None).await.json["type"], "booking.put");
}

#[tokio::test]
async fn an_event_that_changes_nothing_is_not_in_the_history() {
    let world = World::new(start(), true);
    put(&world, json!({})).await;
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
    let before = history(&world, "").await;
    let id = world.events()[0].id.clone();
    call(&world, Method::POST, &format!("/api/v1/inbound/{id}/replay"), None).await;
    world.run_until_quiet().await;
    assert_eq!(history(&world, "").await, before);
}

#[tokio::test]
async fn a_long_history_is_whole_and_costs_each_change_little() {
    let world = World::new(start(), true);
    for number in 0..100 {
        world.clock.advance(minutes(1));
        put(&world, json!({ "customer_name": format!("Ana {number}") })).await;
    }
    let mut seen = Vec::new();
    let mut query = "?limit=7".to_owned();
    loop {
        let page = history(&world, &query).await;
        seen.extend(page["items"].as_array().expect("items").iter().map(|item| item["at"].as_str().expect("a time").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=7&cursor={next}");
    }
    assert_eq!(seen.len(), 100);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first: {seen:?}");
    let largest = world.documents("booking").iter().map(|stored| stored.document.data.len()).max().unwrap_or_default();
    assert!(largest < 2048, "the record stays small: {largest} bytes");
    assert_eq!(call(&world, Method::GET, "/api/v1/bookings/12345/history?cursor=eA", None).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_not_served_has_no_history() {
    let world = World::new(start(), true);
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
    for path in ["/api/v1/bookings/12345/history", "/api/v1/bookings/1/history"] {
        assert_eq!(call(&world, Method::GET, path, None).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(
        call(&world, Method::GET, "/api/v1/transactions/pi_1/history", None).await.json["items"][0]["type"],
        "payment_intent.succeeded"
    );
}
