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

/// What was signed and tried with the tenant in its body is tried again as it was, to the byte; what was published before bodies had that is, too.
#[tokio::test]
async fn what_an_older_version_published_of_a_tenant_stays_as_it_is() {
    for names_tenant in [true, false] {
        let world = world();
        world.receivers.answer(URL, &[500, 200]);
        subscribe(&world, json!({ "retry_schedule": [60] })).await;
        let event = json!({ "type": "order.created", "tenant": "acme", "data": { "order": 7 } });
        let id = post(&world, "/api/v1/events", event).await.json["id"].as_str().expect("an id").to_owned();
        as_an_older_version_wrote_it(&world, "published", &id, |data| {
            assert!(!data.contains_key("names_tenant"));
            if names_tenant {
                data.insert("names_tenant".to_owned(), json!(true));
            }
        })
        .await;
        world.run_until_quiet().await;
        let tenant = if names_tenant { r#""tenant":"acme","# } else { "" };
        let expected = format!(r#"{{"id":"{id}","type":"order.created","timestamp":"2026-11-22T06:00:00Z",{tenant}"data":{{"order":7}}}}"#);
        let got: Vec<_> = world.receivers.got().iter().map(|got| String::from_utf8_lossy(&got.body).into_owned()).collect();
        assert_eq!(got, [expected.clone(), expected]);
    }
}
