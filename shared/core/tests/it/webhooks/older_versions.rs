//! Subscriptions as older versions left them.

use super::*;

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
