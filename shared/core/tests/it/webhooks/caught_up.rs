//! What a subscription that catches up has published, beside what the events themselves publish.

use super::*;
use crate::{
    shopify::redact_customer,
    support::{shopify, with},
};

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
    let world = world();
    let mut of_another_shop = redact_customer(&[]);
    of_another_shop["shop_domain"] = json!("other.myshopify.com");
    with(&world, shopify("w1", "customers/redact", start(), &of_another_shop)).await;
    let (subscription, _) = subscribe(&world, json!({ "event_types": ["shopify.*"] })).await;
    assert_eq!(get(&world, "/api/v1/inbound?provider=shopify&status=parked").await["items"].as_array().map(Vec::len), Some(1));
    catch_up(&world, &subscription).await;
    let body: Value = serde_json::from_slice(&world.receivers.got()[0].body).expect("JSON");
    assert_eq!(body["data"]["customer"], json!({ "id": 820_982_911_946_154_512_u64 }));
}

/// Has a document stored as an older version left it.
async fn rewrite(world: &World, kind: &str, change: impl Fn(&mut Value)) {
    for stored in world.documents(kind) {
        let mut document = (*stored.document).clone();
        let mut data: Value = serde_json::from_slice(&document.data).expect("JSON");
        change(&mut data);
        document.data = data.to_string().into_bytes();
        let write = Write::Put { document, condition: Condition::Version(stored.version) };
        let commit = Commit { token: format!("as before {kind}"), writes: vec![write] };
        assert_eq!(world.store.commit(commit).await.expect("it is stored"), Committed::Applied);
    }
}

#[tokio::test]
async fn what_an_older_version_switched_off_takes_nothing_from_others() {
    let world = world();
    let (off, _) = subscribe(&world, json!({ "url": "https://other.example/" })).await;
    assert_eq!(post(&world, &format!("/api/v1/subscriptions/{off}/disable"), json!({})).await.status, StatusCode::OK);
    subscribe(&world, json!({})).await;
    // It took what it switched off out of the interest, and did not say so.
    rewrite(&world, "webhook", |data| drop(data["disabled"].as_object_mut().map(|disabled| disabled.remove("counts")))).await;
    rewrite(&world, "interest", |data| data["patterns"] = json!({ "*": 1 })).await;

    assert_eq!(call(&world, Method::DELETE, &format!("/api/v1/subscriptions/{off}"), None).await.status, StatusCode::NO_CONTENT);
    publish(&world, "order.created").await;
    while world.step().await {}
    assert_eq!(world.receivers.got().len(), 1);
}

#[tokio::test]
async fn what_an_older_version_switched_off_counts_from_its_next_change_on() {
    let world = world();
    let (off, _) = subscribe(&world, json!({})).await;
    for what in ["disable", "enable", "disable"] {
        if what == "enable" {
            rewrite(&world, "webhook", |data| drop(data["disabled"].as_object_mut().map(|disabled| disabled.remove("counts")))).await;
            rewrite(&world, "interest", |data| data["patterns"] = json!({})).await;
        }
        assert_eq!(post(&world, &format!("/api/v1/subscriptions/{off}/{what}"), json!({})).await.status, StatusCode::OK);
    }
    let interest: Value = serde_json::from_slice(&world.documents("interest")[0].document.data).expect("JSON");
    assert_eq!(interest["patterns"], json!({ "*": 1 }));
}
