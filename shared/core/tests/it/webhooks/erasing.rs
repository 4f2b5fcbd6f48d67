//! Erasing people reaches what was published of them.

use std::task::Poll;

use sluice_core::envelope::InboundMessage;

use super::*;
use crate::{
    shopify::{everything, order, redact_customer},
    support::{shopify, with},
};

const BROKEN: &str = "https://broken.example/hook";

/// A world in which an order was delivered to one subscriber, and is still to be delivered to another; then its customer is erased.
async fn erased() -> (World, String) {
    let world = world();
    world.receivers.answer(URL, &[200]);
    world.receivers.answer(BROKEN, &[500]);
    [URL, BROKEN].iter().for_each(|url| world.receivers.repeat(url));
    subscribe(&world, json!({})).await;
    let (broken, _) = subscribe(&world, json!({ "url": BROKEN })).await;
    with(&world, shopify("w1", "orders/create", start(), &order(start(), &json!({})))).await;
    let told = world.receivers.got();
    assert!(told.iter().any(|got| got.url == URL && String::from_utf8_lossy(&got.body).contains("dana@example.com")));
    let states: Vec<_> = deliveries(&world, "&type=shopify.orders/create").await.iter().map(|one| one["status"].clone()).collect();
    assert!(states.contains(&json!("delivered")) && states.contains(&json!("failed")), "{states:?}");
    with(&world, shopify("w2", "customers/redact", start() + minutes(1), &redact_customer(&[820_982_911_946_154_613]))).await;
    (world, broken)
}

#[tokio::test]
async fn what_was_published_of_an_erased_event_has_no_data_and_is_delivered_no_more() {
    let (world, _) = erased().await;
    let before = world.receivers.got().len();
    world.run_until_quiet().await;

    let later: Vec<_> = world.receivers.got().split_off(before);
    let of_order = |got: &&Got| got.header("X-Webhook-Event") != "shopify.customers/redact";
    assert_eq!(later.iter().filter(of_order).count(), 0, "{later:?}");
    for one in deliveries(&world, "&type=shopify.orders/create").await {
        let one = get(&world, &format!("/api/v1/deliveries/{}", one["id"].as_str().expect("an id"))).await;
        assert!(one["attempts"].as_array().expect("attempts").iter().all(|attempt| attempt["response"].is_null()), "{one}");
        let ended = (&one["status"], &one["reason"]);
        let erased = (&json!("permanently_failed"), &json!("the data of its event was erased"));
        assert!(ended == erased || ended == (&json!("delivered"), &Value::Null), "{one}");
        let resent = post(&world, &format!("/api/v1/deliveries/{}/resend", one["id"].as_str().expect("an id")), Value::Null).await;
        assert_eq!((resent.status, &resent.json["detail"]), (StatusCode::CONFLICT, &json!("the data of its event was erased")));
    }
    for kind in ["shopify.orders/create", "order.created"] {
        let events = get(&world, &format!("/api/v1/events?type={kind}")).await;
        let event = get(&world, &format!("/api/v1/events/{}", events["items"][0]["id"].as_str().expect("an id"))).await;
        assert_eq!(event["data"], Value::Null, "{event}");
        assert!(event["erased_at"].is_string(), "{event}");
    }
    let everything = everything(&world).to_lowercase();
    for erased in ["dana", "whitfield", "15035550142"] {
        assert!(!everything.contains(erased), "{erased} is still there");
    }
}

#[tokio::test]
async fn that_somebody_was_erased_is_told_by_ids_alone() {
    let (world, _) = erased().await;
    world.run_until_quiet().await;
    let got = world.receivers.got();
    let told = got.iter().find(|got| got.url == URL && got.header("X-Webhook-Event") == "shopify.customers/redact").expect("it is told");
    let body: Value = serde_json::from_slice(&told.body).expect("JSON");
    assert_eq!(
        body["data"],
        json!({
            "shop_id": 690_933_842, "shop_domain": "acme.myshopify.com", "orders_to_redact": [820_982_911_946_154_613_u64],
            "customer": { "id": 820_982_911_946_154_512_u64 },
        })
    );
}

#[tokio::test]
async fn who_subscribes_later_is_not_told_of_what_was_erased() {
    let (world, broken) = erased().await;
    world.run_until_quiet().await;
    world.receivers.answer("https://late.example/hook", &[200]);
    let (late, _) = subscribe(&world, json!({ "url": "https://late.example/hook", "event_types": ["shopify.*", "order.*"] })).await;
    let job = json!({ "since": start() });
    for (subscription, path) in [(&late, "replay-missing"), (&broken, "recover")] {
        let begun = post(&world, &format!("/api/v1/subscriptions/{subscription}/{path}"), job.clone()).await;
        assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.json);
    }
    world.receivers.answer(BROKEN, &[200]);
    let before = world.receivers.got().len();
    world.run_until_quiet().await;
    let later = world.receivers.got().split_off(before);
    let types: std::collections::BTreeSet<_> = later.iter().map(|got| got.header("X-Webhook-Event")).collect();
    assert_eq!(types, std::collections::BTreeSet::from(["shopify.customers/redact"]));
}

#[tokio::test]
async fn what_comes_after_the_erasure_is_not_published() {
    let world = world();
    subscribe(&world, json!({ "event_types": ["shopify.*"] })).await;
    with(&world, shopify("w2", "customers/redact", start() + minutes(1), &redact_customer(&[820_982_911_946_154_613]))).await;
    with(&world, shopify("w1", "orders/create", start(), &order(start(), &json!({})))).await;
    world.run_until_quiet().await;
    let types: Vec<_> = world.receivers.got().iter().map(|got| got.header("X-Webhook-Event").to_owned()).collect();
    assert_eq!(types, ["shopify.customers/redact"]);
}

/// Everything that is stored of one who is to be erased.
fn left(world: &World) -> Vec<&'static str> {
    let everything = everything(world).to_lowercase();
    ["dana", "whitfield", "15035550142"].into_iter().filter(|word| everything.contains(word)).collect()
}

fn redaction() -> InboundMessage {
    shopify("w2", "customers/redact", start() + minutes(1), &redact_customer(&[820_982_911_946_154_613]))
}

#[tokio::test]
async fn what_receivers_answered_is_forgotten_whatever_became_of_their_subscriptions() {
    for (schedule, delete, runs_on) in
        [(json!([60]), false, false), (json!([60]), true, false), (json!([]), true, true), (json!([]), false, true)]
    {
        let world = world();
        world.receivers.answer(BROKEN, &[500]);
        world.receivers.repeat(BROKEN);
        let (id, _) = subscribe(&world, json!({ "url": BROKEN, "retry_schedule": schedule })).await;
        // Told of all failures, which quote what was answered.
        let (_, _) = subscribe(&world, json!({ "event_types": ["delivery.failed", "subscription.*"] })).await;
        with(&world, shopify("w1", "orders/create", start(), &order(start(), &json!({})))).await;
        let path = format!("/api/v1/subscriptions/{id}");
        let changed = if delete {
            call(&world, Method::DELETE, &path, None).await
        } else {
            post(&world, &format!("{path}/disable"), json!({})).await
        };
        assert!(changed.status.is_success(), "{}", changed.json);
        if runs_on {
            world.run_until_quiet().await;
        }
        assert!(!left(&world).is_empty());
        with(&world, redaction()).await;
        world.run_until_quiet().await;
        assert_eq!(left(&world), [""; 0], "{schedule}, deleted: {delete}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_while_its_event_is_erased_is_not_taken_down() {
    for world in [world, || world().alone()] {
        let world = world();
        world.receivers.repeat(URL);
        subscribe(&world, json!({ "event_types": ["shopify.orders/create"] })).await;
        world.enqueue(&shopify("w1", "orders/create", start(), &order(start(), &json!({})))).await;
        world.receivers.be_silent(true);
        let attempt = async { while world.step().await {} };
        let erasing = async {
            // The receiver has been told, and answers when all is erased.
            std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                if world.receivers.got().is_empty() { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            world.enqueue(&redaction()).await;
            while world.step().await {}
            world.receivers.be_silent(false);
        };
        tokio::join!(attempt, erasing);
        world.run_until_quiet().await;
        assert_eq!(left(&world), [""; 0]);
    }
}
