//! Webhooks out, from the subscription to the receiver, through the API and the queues in memory.

mod catching_up;
mod cut_short;
mod enabling;
mod erasing;
mod failures;
mod limits;
mod older_versions;
mod owners;
mod publishing;
mod subscriptions;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::{Value, json};
use sluice_core::{
    ports::{Clock, Mail},
    testing::{Fault, Got, Sent, World},
};
use sluice_signature::{Message, Scheme, Secret, StandardWebhooks, Stripe};

use crate::support::{Answer, KEY, call, event, minutes, paid, put, send, start};

const URL: &str = "https://receiver.example/hook";

fn world() -> World {
    World::new(start(), false)
}

async fn post(world: &World, path: &str, body: Value) -> Answer {
    call(world, Method::POST, path, Some(body)).await
}

async fn get(world: &World, path: &str) -> Value {
    let answer = call(world, Method::GET, path, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.json);
    answer.json
}

/// Subscribes with these fields, and returns the id and the secret.
async fn subscribe(world: &World, fields: Value) -> (String, String) {
    let mut body = json!({ "url": URL, "event_types": ["*"] });
    for (name, value) in fields.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let answer = post(world, "/api/v1/subscriptions", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json);
    let text = |name: &str| answer.json[name].as_str().expect("a text").to_owned();
    (text("id"), text("secret"))
}

async fn publish(world: &World, kind: &str) -> Value {
    let answer = post(world, "/api/v1/events", json!({ "type": kind, "data": { "number": 820_982_911_946_154_508_i64 } })).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.json);
    answer.json
}

async fn deliveries(world: &World, query: &str) -> Vec<Value> {
    get(world, &format!("/api/v1/deliveries?limit=1000{query}")).await["items"].as_array().expect("items").clone()
}

fn verify(got: &Got, secrets: &[&str], now: i64) -> (bool, bool) {
    let headers: Vec<(&str, &[u8])> = got.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    let message = Message { method: "POST", url: &got.url, headers: &headers, body: &got.body };
    let standard = StandardWebhooks::new().verify(&message, &secrets, now).is_ok();
    let plain = [("Stripe-Signature", got.header("X-Webhook-Signature").as_bytes())];
    let stripe = Stripe::new().verify(&Message { headers: &plain, ..message }, &secrets, now).is_ok();
    (standard, stripe)
}
