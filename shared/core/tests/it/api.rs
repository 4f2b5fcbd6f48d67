//! The API as its callers see it.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::json;
use sluice_core::testing::World;

use crate::support::{KEY, booking, call, put, send, start};

#[tokio::test]
async fn without_a_known_key_nothing_is_shown() {
    let world = World::new(start(), true);
    for value in [None, Some("Bearer wrong"), Some("Basic abc"), Some("Bearer "), Some(KEY)] {
        let mut request = Request::builder().uri("/api/v1/bookings");
        if let Some(value) = value {
            request = request.header(header::AUTHORIZATION, value);
        }
        let answer = send(&world, request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{value:?}");
        assert_eq!(answer.json["status"], 401);
    }
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let world = World::new(start(), true);
    let wrong = json!({
        "customer_email": "ana@", "customer_phone": "555", "status": "paid", "deposit_amount": 60.5, "currency": "dollars",
        "starts_at": "tomorrow", "metadata": { "a": 1 }, "deposit_paid": true,
    });
    let answer = call(&world, Method::PUT, "/api/v1/bookings/12345", Some(wrong)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    insta::assert_json_snapshot!(answer.json);
}

/// Neither end of what can be stored is taken for something else.
#[tokio::test]
async fn a_time_that_can_not_be_stored_as_it_is_is_refused_at_both_ends() {
    let world = World::new(start(), true);
    for time in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
        let answer = call(&world, Method::PUT, "/api/v1/bookings/12345", Some(booking(json!({ "starts_at": time })))).await;
        let said =
            json!({ "field": "starts_at", "message": "must be an RFC 3339 time of the years 1 to 9999, such as 2026-11-22T18:00:00Z" });
        assert_eq!((answer.status, &answer.json["errors"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!([said])), "{time}");
    }
}

#[tokio::test]
async fn wrong_ids_and_bodies_are_refused() {
    let world = World::new(start(), true);
    let answer = call(&world, Method::PUT, "/api/v1/bookings/a%2Fb", Some(booking(json!({})))).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = call(&world, Method::PUT, "/api/v1/bookings/1", Some(json!([1]))).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = call(&world, Method::GET, "/api/v1/bookings?limit=0", None).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = call(&world, Method::GET, "/api/v1/bookings?cursor=%21", None).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = call(&world, Method::DELETE, "/api/v1/bookings/1", None).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let answer = call(&world, Method::GET, "/api/v1/nothing", None).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_put_on_a_lost_version_is_refused() {
    let world = World::new(start(), true);
    put(&world, json!({})).await;
    let request = |version: &str| {
        Request::builder()
            .method(Method::PUT)
            .uri("/api/v1/bookings/12345")
            .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
            .header(header::IF_MATCH, version)
            .body(Body::from(booking(json!({ "customer_name": "Ana Costa" })).to_string()))
            .expect("a request")
    };
    assert_eq!(send(&world, request("\"1\"")).await.status, StatusCode::OK);
    assert_eq!(send(&world, request("\"1\"")).await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(send(&world, request("one")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn lists_page_through_everything_once() {
    let world = World::new(start(), true);
    for number in 0..25 {
        world.clock.advance(std::time::Duration::from_secs(number % 3));
        call(&world, Method::PUT, &format!("/api/v1/bookings/b{number}"), Some(booking(json!({})))).await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/bookings?limit=7".to_owned();
    loop {
        let page = call(&world, Method::GET, &path, None).await.json;
        seen.extend(page["items"].as_array().expect("items").iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/bookings?limit=7&cursor={next}");
    }
    assert_eq!(seen.len(), 25);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);
}

#[tokio::test]
async fn a_slip_in_a_query_or_a_body_too_large_is_a_problem_like_any_other() {
    let world = World::new(start(), true);
    for (path, says) in [
        ("/api/v1/inbound?stauts=parked", "there is no parameter stauts"),
        ("/api/v1/bookings?limit=1&limit=2", "limit is given twice"),
        ("/api/v1/transactions?limit=0", "limit is a whole number"),
    ] {
        let answer = call(&world, Method::GET, path, None).await;
        assert_eq!((answer.status, &answer.json["status"]), (StatusCode::BAD_REQUEST, &json!(400)), "{path}");
        assert!(answer.json["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{path}: {}", answer.json);
    }
    let answer = call(&world, Method::PUT, "/api/v1/bookings/1", Some(json!({ "customer_name": "x".repeat(3_000_000) }))).await;
    assert_eq!((answer.status, &answer.json["status"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!(413)));
}
