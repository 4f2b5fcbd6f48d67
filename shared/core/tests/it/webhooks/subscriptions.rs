//! Subscriptions: made, changed, signed for.

use sluice_core::ports::{Commit, Condition, Document, Store, Write};

use super::*;

#[tokio::test]
async fn a_secret_is_shown_once_and_rotates_with_an_overlap() {
    let world = world();
    let (id, old) = subscribe(&world, json!({ "headers": { "Authorization": "Bearer mine" } })).await;
    let shown = get(&world, &format!("/api/v1/subscriptions/{id}")).await;
    assert!(shown["secret"].is_null() && shown["headers"]["authorization"] == "…", "{shown}");
    let stored = String::from_utf8(world.documents("webhook")[0].document.data.clone()).expect("text");
    assert!(!stored.contains(&old["whsec_".len()..]), "{stored}");
    let rotated = post(&world, &format!("/api/v1/subscriptions/{id}/rotate-secret"), json!({ "overlap": "1h" })).await.json;
    let new = rotated["secret"].as_str().expect("a secret").to_owned();
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    world.clock.advance(minutes(61));
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    let got = world.receivers.got();
    let now = |got: &Got| got.at.seconds();
    assert_eq!((verify(&got[0], &[&old], now(&got[0])), verify(&got[0], &[&new], now(&got[0]))), ((true, true), (true, true)));
    assert_eq!((verify(&got[1], &[&old], now(&got[1])), verify(&got[1], &[&new], now(&got[1]))), ((false, false), (true, true)));
}

#[tokio::test]
async fn a_new_secret_takes_the_place_of_one_that_nobody_can_open_any_more() {
    let world = world();
    let (other, _) = subscribe(&world, json!({ "url": "https://other.example/" })).await;
    let sealed_for_another = stored(&world)["secrets"].clone();
    assert_eq!(call(&world, Method::DELETE, &format!("/api/v1/subscriptions/{other}"), None).await.status, StatusCode::NO_CONTENT);
    let (id, _) = subscribe(&world, json!({})).await;
    let mut lost = stored(&world);
    lost["secrets"] = sealed_for_another;
    put_stored(&world, &lost).await;
    let path = format!("/api/v1/subscriptions/{id}");
    assert_eq!(post(&world, &format!("{path}/test"), json!({})).await.status, StatusCode::INTERNAL_SERVER_ERROR);

    let rotated = post(&world, &format!("{path}/rotate-secret"), json!({})).await.json;
    assert_eq!(rotated["previous_valid_until"], json!(world.clock.now()), "there is none that could go on");
    assert_eq!(post(&world, &format!("{path}/test"), json!({})).await.json["success"], true);
    let got = world.receivers.got().pop().expect("the test");
    assert_eq!(verify(&got, &[rotated["secret"].as_str().expect("a secret")], got.at.seconds()), (true, true));
}

/// The one subscription as it is stored.
fn stored(world: &World) -> Value {
    serde_json::from_slice(&world.documents("webhook")[0].document.data).expect("JSON")
}

#[tokio::test]
async fn the_values_of_headers_are_sealed_and_never_shown() {
    let world = world();
    let (id, _) = subscribe(&world, json!({ "headers": { "X-Jwt": "mine.of.old", "X-Team": "boats" } })).await;
    let path = format!("/api/v1/subscriptions/{id}");
    let kept = stored(&world).to_string();
    assert!(!kept.contains("mine.of.old") && !kept.contains("boats"), "{kept}");
    assert_eq!(get(&world, &path).await["headers"], json!({ "x-jwt": "…", "x-team": "…" }));
    let sent = async || {
        publish(&world, "order.created").await;
        world.run_until_quiet().await;
        world.receivers.got().pop().expect("it came").header("x-jwt").to_owned()
    };
    assert_eq!(sent().await, "mine.of.old");
    // A value is sealed for its header: it stands for no other one.
    let mut moved = stored(&world);
    moved["headers"]["x-team"] = moved["headers"]["x-jwt"].clone();
    put_stored(&world, &moved).await;
    assert_eq!(post(&world, &format!("{path}/test"), json!({})).await.status, StatusCode::INTERNAL_SERVER_ERROR);

    // As they were stored before they were sealed.
    let mut plain = stored(&world);
    plain["headers"] = json!({ "x-jwt": "in plain text" });
    put_stored(&world, &plain).await;
    assert_eq!((sent().await.as_str(), get(&world, &path).await["headers"].clone()), ("in plain text", json!({ "x-jwt": "…" })));
    for (method, path, body) in
        [(Method::POST, format!("{path}/rotate-secret"), json!({})), (Method::PATCH, path.clone(), json!({ "timeout": 7 }))]
    {
        put_stored(&world, &plain).await;
        assert_eq!(call(&world, method, &path, Some(body)).await.status, StatusCode::OK, "{path}");
        assert!(!stored(&world).to_string().contains("in plain text"), "{path}");
    }
    assert_eq!(sent().await, "in plain text");
}

async fn put_stored(world: &World, data: &Value) {
    let found = world.documents("webhook").remove(0);
    let document = Document { data: data.to_string().into_bytes(), ..(*found.document).clone() };
    let write = Write::Put { document, condition: Condition::Version(found.version) };
    world.store.commit(Commit { token: format!("by hand {}", found.version), writes: vec![write] }).await.expect("it is stored");
}

#[tokio::test]
async fn a_subscription_is_tested_once_at_a_time() {
    let mut met = 0;
    for call in 0..12 {
        let world = world();
        let (id, _) = subscribe(&world, json!({})).await;
        let path = format!("/api/v1/subscriptions/{id}/test");
        world.faults.plan(world.faults.calls() + call, Fault::Yield);
        let (one, other) = futures_util::future::join(post(&world, &path, json!({})), post(&world, &path, json!({}))).await;
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert!(statuses == [200, 200] || statuses == [200, 409], "call {call}: {statuses:?}");
        met += u32::from(statuses[1] == 409);
        assert_eq!(world.receivers.got().len(), if statuses[1] == 409 { 1 } else { 2 }, "call {call}");
        assert_eq!(post(&world, &path, json!({})).await.status, StatusCode::OK, "it has ended");
    }
    assert!(met > 0, "they never met");
}

#[tokio::test]
async fn deliveries_are_signed_with_a_key_pair_where_that_is_asked_for() {
    let world = world();
    let (id, secret) = subscribe(&world, json!({ "signatures": ["v1", "v1a"] })).await;
    let path = format!("/api/v1/subscriptions/{id}");
    let public = async || get(&world, &path).await["public_keys"][0].as_str().expect("a public key").to_owned();
    let before = public().await;
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    post(&world, &format!("{path}/rotate-secret"), json!({})).await;
    let after = public().await;
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    let got = world.receivers.got();
    let fits = |got: &Got, key: &str| verify(got, &[key], got.at.seconds()).0;
    assert!(fits(&got[0], &before) && fits(&got[0], &secret) && !fits(&got[0], &after) && before != after);
    assert!(fits(&got[1], &before) && fits(&got[1], &after) && fits(&got[1], &secret));
    let stored = String::from_utf8(world.documents("webhook")[0].document.data.clone()).expect("text");
    assert!(!stored.contains("whsk_"), "{stored}");

    let patched = call(&world, Method::PATCH, &path, Some(json!({ "signatures": null }))).await.json;
    assert_eq!((&patched["signatures"], &patched["public_keys"]), (&json!(["v1"]), &json!([])));
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    assert!(!world.receivers.got()[2].header("webhook-signature").contains("v1a,"));
}

#[tokio::test]
async fn subscriptions_go_by_another_name_too() {
    let world = world();
    let made = post(&world, "/api/webhooks", json!({ "url": URL, "event_types": ["*"] })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.json);
    let id = made.json["id"].as_str().expect("an id");
    assert_eq!(post(&world, &format!("/api/webhooks/{id}/test"), json!({})).await.json["success"], true);
    assert_eq!(get(&world, "/api/webhooks").await, get(&world, "/api/v1/subscriptions").await);
    let stranger = Request::post("/api/webhooks").body(Body::empty()).expect("a request");
    assert_eq!(send(&world, stranger).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn subscriptions_are_listed_changed_tested_and_removed() {
    let world = world();
    let (id, secret) = subscribe(&world, json!({ "description": "mine", "timeout": "10s", "retry_schedule": ["1m", 7] })).await;
    let path = format!("/api/v1/subscriptions/{id}");
    let shown = get(&world, &path).await;
    assert_eq!((&shown["timeout"], &shown["retry_schedule"]), (&json!(10), &json!([60, 7])));
    let patched = call(&world, Method::PATCH, &path, Some(json!({ "event_types": ["order.paid"], "retry_schedule": null }))).await.json;
    assert_eq!(
        (&patched["description"], &patched["retry_schedule"][0], &patched["event_types"]),
        (&json!("mine"), &json!(60), &json!(["order.paid"]))
    );
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    assert!(world.receivers.got().is_empty(), "it wants that no more");

    let tested = post(&world, &format!("{path}/test"), json!({})).await.json;
    assert_eq!((&tested["success"], &tested["status_code"]), (&json!(true), &json!(200)));
    let got = world.receivers.got();
    assert_eq!((got[0].header("X-Webhook-Event"), verify(&got[0], &[&secret], got[0].at.seconds())), ("webhook.test", (true, true)));
    world.receivers.answer(URL, &[503]);
    let tested = post(&world, &format!("{path}/test"), json!({})).await.json;
    assert_eq!((&tested["success"], &tested["error"]), (&json!(false), &json!("the receiver answered 503")));

    assert_eq!(call(&world, Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(call(&world, Method::GET, &path, None).await.status, StatusCode::NOT_FOUND);
    for kind in ["webhook", "webhook_entry", "webhook_endpoint"] {
        assert!(world.documents(kind).is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn what_is_shown_in_place_of_a_secret_is_not_taken_for_it() {
    let world = world();
    let (id, _) = subscribe(&world, json!({ "headers": { "Authorization": "Bearer mine" } })).await;
    let path = format!("/api/v1/subscriptions/{id}");
    let shown = get(&world, &path).await["headers"].clone();
    let again = json!({ "url": URL, "event_types": ["*"], "headers": shown });
    for answer in [
        call(&world, Method::PATCH, &path, Some(json!({ "headers": shown, "timeout": 7 }))).await,
        post(&world, "/api/v1/subscriptions", again).await,
    ] {
        assert_eq!((answer.status, &answer.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("headers")));
        let message = answer.json["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains("send the value itself, or leave the headers out"), "{message}");
    }
    let patched = call(&world, Method::PATCH, &path, Some(json!({ "timeout": 7 }))).await;
    assert_eq!((patched.status, &patched.json["timeout"]), (StatusCode::OK, &json!(7)));
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    assert_eq!(world.receivers.got()[0].header("authorization"), "Bearer mine");
}

#[tokio::test]
async fn what_is_wrong_with_a_subscription_is_told_by_field() {
    let world = world();
    let body = json!({
        "id": "sub_mine", "url": "https://10.0.0.1/", "event_types": ["book*"], "headers": { "X-Webhook-Code": "x", "webhook-id": "x" }, "rate_limit": 0, "timeout": 31,
        "retry_schedule": ["soon"], "owner_email": "nobody", "signatures": ["v1a"],
    });
    let answer = post(&world, "/api/v1/subscriptions", body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut fields: Vec<_> =
        answer.json["errors"].as_array().expect("errors").iter().map(|error| error["field"].as_str().expect("a field")).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["event_types", "headers", "id", "owner_email", "rate_limit", "retry_schedule", "signatures", "timeout", "url"]);
    for kind in ["stripe.charge.refunded", "webhook.test", "delivery.failed", "a b", ""] {
        assert_eq!(
            post(&world, "/api/v1/events", json!({ "type": kind, "data": {} })).await.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{kind}"
        );
    }
    assert_eq!(post(&world, "/api/v1/events", json!({ "type": "a.b", "data": 7 })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn all_event_types_can_be_replaced_at_once() {
    let world = world();
    let types = |prefix: &str, count: usize| (0..count).map(|number| format!("{prefix}.number{number}")).collect::<Vec<_>>();
    let (id, _) = subscribe(&world, json!({ "event_types": types("old", 48) })).await;
    let path = format!("/api/v1/subscriptions/{id}");
    let changes = json!({ "event_types": types("new", 48), "rate_limit": 5, "url": "https://other.example/" });
    let changed = call(&world, Method::PATCH, &path, Some(changes)).await;
    assert_eq!((changed.status, &changed.json["event_types"][47]), (StatusCode::OK, &json!("new.number47")), "{}", changed.json);
    let too_many = call(&world, Method::PATCH, &path, Some(json!({ "event_types": types("more", 49) }))).await;
    assert_eq!(too_many.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", too_many.json);
}

#[tokio::test]
async fn another_url_is_not_held_to_what_the_one_before_answered() {
    let world = world();
    world.receivers.answer(URL, &[503]);
    let (id, _) = subscribe(&world, json!({})).await;
    publish(&world, "order.created").await;
    while world.step().await {}
    let path = format!("/api/v1/subscriptions/{id}");
    assert_eq!(get(&world, &path).await["endpoint"]["state"], "open");
    let changed = call(&world, Method::PATCH, &path, Some(json!({ "url": "https://other.example/" }))).await;
    let endpoint = &changed.json["endpoint"];
    assert_eq!((&endpoint["state"], &endpoint["failing_since"]), (&json!("closed"), &Value::Null), "{}", changed.json);
    let now = world.clock.now();
    while world.step().await {}
    let got = world.receivers.got();
    assert_eq!(got.last().expect("a delivery").url, "https://other.example/", "what waited is tried at once");
    assert_eq!(world.clock.now(), now);
}
