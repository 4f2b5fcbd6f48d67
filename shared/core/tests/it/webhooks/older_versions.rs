//! Subscriptions as older versions left them.

use serde_json::Map;

use super::*;
use crate::support::as_an_older_version_wrote_it;

/// An older version took what it switched off out of the interest, and did not say so. Others that it counts: `others`.
async fn as_it_was_switched_off(world: &World, subscription: &str, others: Value) {
    let not_said = |data: &mut Map<String, Value>| drop(data["disabled"].as_object_mut().and_then(|disabled| disabled.remove("counts")));
    as_an_older_version_wrote_it(world, "webhook", subscription, not_said).await;
    as_an_older_version_wrote_it(world, "interest", "all", |data| data["patterns"] = others).await;
}

#[tokio::test]
async fn what_an_older_version_switched_off_takes_nothing_from_others() {
    let world = world();
    let (off, _) = subscribe(&world, json!({ "url": "https://other.example/" })).await;
    assert_eq!(post(&world, &format!("/api/v1/subscriptions/{off}/disable"), json!({})).await.status, StatusCode::OK);
    subscribe(&world, json!({})).await;
    as_it_was_switched_off(&world, &off, json!({ "*": 1 })).await;

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
            as_it_was_switched_off(&world, &off, json!({})).await;
        }
        assert_eq!(post(&world, &format!("/api/v1/subscriptions/{off}/{what}"), json!({})).await.status, StatusCode::OK);
    }
    let interest: Value = serde_json::from_slice(&world.documents("interest")[0].document.data).expect("JSON");
    assert_eq!(interest["patterns"], json!({ "*": 1 }));
}
