//! What is published, and whom it reaches.

use std::collections::BTreeSet;

use super::*;

#[tokio::test]
async fn what_is_published_reaches_its_subscribers_signed() {
    let world = world();
    let (id, secret) = subscribe(&world, json!({ "event_types": ["order.*"], "headers": { "X-Tenant": "7" } })).await;
    subscribe(&world, json!({ "url": "https://other.example/", "event_types": ["booking.refunded"] })).await;
    let event = publish(&world, "order.created").await;
    world.run_until_quiet().await;
    let got = world.receivers.got();
    let [got] = &got[..] else { panic!("one delivery, not {got:?}") };
    assert_eq!(got.url, URL);
    assert_eq!(verify(got, &[&secret], world.clock.now().seconds()), (true, true));
    assert_eq!(verify(got, &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], world.clock.now().seconds()), (false, false));
    let body: Value = serde_json::from_slice(&got.body).expect("JSON");
    assert_eq!(
        body,
        json!({ "id": event["id"], "type": "order.created", "timestamp": "2026-11-22T06:00:00Z", "data": { "number": 820_982_911_946_154_508_i64 } })
    );
    assert_eq!(
        (got.header("webhook-id"), got.header("X-Webhook-Event"), got.header("x-tenant")),
        (event["id"].as_str().expect("an id"), "order.created", "7")
    );
    let delivery = &deliveries(&world, "").await[0];
    assert_eq!((&delivery["status"], &delivery["attempts"][0]["status_code"]), (&json!("delivered"), &json!(200)));
    assert_eq!((delivery["id"].as_str(), &delivery["subscription_id"]), (Some(got.header("X-Webhook-Delivery")), &json!(id)));
}

#[tokio::test]
async fn a_verified_webhook_is_published_under_its_providers_name() {
    let world = world();
    subscribe(&world, json!({ "event_types": ["stripe.payment_intent.*"] })).await;
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    // A provider's redelivery publishes nothing again.
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
    let got = world.receivers.got();
    assert_eq!(got.len(), 1);
    let body: Value = serde_json::from_slice(&got[0].body).expect("JSON");
    assert_eq!((&body["type"], &body["data"]["id"]), (&json!("stripe.payment_intent.succeeded"), &json!("evt_1")));
    assert_eq!(get(&world, &format!("/api/v1/events/{}", body["id"].as_str().expect("an id"))).await["data"]["id"], "evt_1");
}

#[tokio::test]
async fn what_is_ignored_is_published_but_for_test_mode_events_where_these_count_for_nothing() {
    let at_once = ["stripe.payment_intent.succeeded", "stripe.v1.payment_intent.succeeded"];
    for (test_mode, expected) in [(true, &at_once[..]), (false, &at_once[1..])] {
        for subscribed_before in [true, false] {
            let world = if test_mode { world() } else { world().without_test_mode() };
            let since = world.clock.now();
            let subscription = json!({ "event_types": ["stripe.*"] });
            if subscribed_before {
                subscribe(&world, subscription.clone()).await;
            }
            // One is of test mode, and for want of a key nothing can be made of the other.
            let intent = json!({ "id": "pi_1", "amount": 6000, "currency": "usd", "metadata": { "booking_id": "12345" } });
            let of_test_mode =
                json!({ "id": "evt_1", "type": "payment_intent.succeeded", "livemode": false, "data": { "object": intent } });
            let thin = json!({ "id": "evt_2", "livemode": true, "related_object": { "url": "/v1/payment_intents/pi_2" } });
            for (id, kind, body) in [("evt_1", at_once[0], of_test_mode), ("evt_2", at_once[1], thin)] {
                world.enqueue(&event("stripe", id, kind.trim_start_matches("stripe."), None, "", start(), &body.to_string())).await;
                world.run_until_quiet().await;
            }
            if !subscribed_before {
                let (id, _) = subscribe(&world, subscription).await;
                let answer = post(&world, &format!("/api/v1/subscriptions/{id}/replay-missing"), json!({ "since": since })).await;
                assert!(answer.status.is_success(), "{}", answer.json);
                world.run_until_quiet().await;
            }
            let bodies = world.receivers.got().into_iter().map(|got| serde_json::from_slice::<Value>(&got.body).expect("JSON"));
            let mut types: Vec<_> = bodies.map(|body| body["type"].as_str().unwrap_or_default().to_owned()).collect();
            types.sort();
            assert_eq!(types, expected, "test mode counts: {test_mode}, subscribed before: {subscribed_before}");
        }
    }
}

#[tokio::test]
async fn what_nobody_subscribes_to_costs_no_document() {
    let world = world();
    subscribe(&world, json!({ "event_types": ["order.*"] })).await;
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
    assert!(world.documents("published").is_empty() && world.documents("delivery").is_empty());
    assert!(world.events()[0].effects.is_empty());
}

#[tokio::test]
async fn an_idempotency_key_publishes_once() {
    let world = world();
    subscribe(&world, json!({})).await;
    let publish = async |data: Value| {
        let request = Request::post("/api/v1/events")
            .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
            .header("Idempotency-Key", "order 7")
            .body(Body::from(json!({ "type": "order.created", "data": data }).to_string()))
            .expect("a request");
        send(&world, request).await
    };
    let first = publish(json!({ "id": 7 })).await;
    world.run_until_quiet().await;
    world.clock.advance(minutes(90));
    let second = publish(json!({ "id": 7 })).await;
    assert_eq!((first.status, &first.json), (StatusCode::ACCEPTED, &second.json));
    assert_eq!(publish(json!({ "id": 8 })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    world.run_until_quiet().await;
    assert_eq!(world.receivers.got().len(), 1);
}

#[tokio::test]
async fn what_is_published_has_happened_by_tomorrow_at_the_latest() {
    let world = world();
    let publish = async |at: Value| {
        let event = json!({ "type": "order.created", "data": {}, "occurred_at": at });
        call(&world, Method::POST, "/api/v1/events", Some(event)).await
    };
    let refused = publish(json!("2099-01-01T00:00:00Z")).await;
    assert_eq!((refused.status, &refused.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("occurred_at")));
    assert_eq!(publish(json!(start() + minutes(24 * 60))).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn data_reaches_its_receiver_with_its_numbers_and_the_order_of_its_fields() {
    let world = world();
    subscribe(&world, json!({})).await;
    let publish = async |key: &str, data: &str| {
        let request = Request::post("/api/v1/events")
            .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
            .header("Idempotency-Key", key)
            .body(Body::from(format!("{{ \"type\": \"order.created\",\n \"data\": {data} }}")))
            .expect("a request");
        send(&world, request).await
    };
    let kept = r#"{"z":123456789012345678901234567890,"b":1.10,"a":"\u00e9  ","n":{"2":0.1e-3,"1":[1e400]}}"#;
    // As short as is kept beside the record, and as long as is packed.
    for (key, data) in [("short", kept.to_owned()), ("long", kept.replace("\\u00e9", &"x".repeat(5_000)))] {
        let sent = data.replace(',', " ,\n  ");
        let first = publish(key, &sent).await;
        assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.json);
        assert_eq!(publish(key, &data).await.json, first.json, "blanks make no other event");
        world.run_until_quiet().await;
        let body = String::from_utf8(world.receivers.got().pop().expect("it came").body.to_vec()).expect("text");
        assert!(body.ends_with(&format!(",\"data\":{data}}}")), "{body}");
    }
    let deep = publish("deep", &format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100))).await;
    assert_eq!((deep.status, &deep.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("data")));
    let twice = publish("twice", "{}, \"data\": {}").await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST, "{}", twice.json);
}

#[tokio::test]
async fn events_go_to_their_tenant_and_to_the_operator() {
    let world = world();
    for (url, tenant) in [("https://a.example/", Some("a")), ("https://b.example/", Some("b")), ("https://operator.example/", None)] {
        subscribe(&world, json!({ "url": url, "tenant": tenant })).await;
    }
    post(&world, "/api/v1/events", json!({ "type": "order.created", "data": {}, "tenant": "a" })).await;
    post(&world, "/api/v1/events", json!({ "type": "order.paid", "data": {} })).await;
    world.run_until_quiet().await;
    let mut got: Vec<_> =
        world.receivers.got().into_iter().map(|got| (got.url.clone(), got.header("X-Webhook-Event").to_owned())).collect();
    got.sort();
    let wanted = [
        ("https://a.example/", "order.created"),
        ("https://operator.example/", "order.created"),
        ("https://operator.example/", "order.paid"),
    ];
    assert_eq!(got, wanted.map(|(url, kind)| (url.to_owned(), kind.to_owned())));
}

#[tokio::test]
async fn one_event_reaches_more_subscribers_than_a_page_holds() {
    let world = world();
    for number in 0..250 {
        // Some by two patterns, which is still one delivery.
        let types = if number % 2 == 0 { json!(["*", "order.*"]) } else { json!(["order.*"]) };
        subscribe(&world, json!({ "url": format!("https://r{number}.example/"), "event_types": types })).await;
    }
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    let mut urls: Vec<_> = world.receivers.got().into_iter().map(|got| got.url).collect();
    assert_eq!(urls.len(), 250);
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), 250);
}

#[tokio::test]
async fn the_deliveries_of_an_event_are_found_at_once_however_many_others_there_are() {
    let world = world();
    let mut subscriptions = Vec::new();
    for _ in 0..3 {
        subscriptions.push(subscribe(&world, json!({ "event_types": ["first.thing"] })).await.0);
    }
    let (other, _) = subscribe(&world, json!({ "event_types": ["other.thing"] })).await;
    let event = publish(&world, "first.thing").await["id"].as_str().expect("an id").to_owned();
    world.run_until_quiet().await;
    for _ in 0..1_100 {
        publish(&world, "other.thing").await;
    }
    let gone = call(&world, Method::DELETE, &format!("/api/v1/subscriptions/{}", subscriptions[0]), None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);

    let path = format!("/api/v1/deliveries?event_id={event}");
    let page = get(&world, &path).await;
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| item["subscription_id"].as_str().expect("an id").to_owned()).collect()
    };
    let all = ids(&page);
    assert_eq!(all.iter().collect::<BTreeSet<_>>(), subscriptions.iter().collect(), "also of one that is gone");
    assert_eq!(page["next"], Value::Null);
    let mut walked = Vec::new();
    let mut next = String::new();
    loop {
        let page = get(&world, &format!("{path}&limit=1{next}")).await;
        walked.extend(ids(&page));
        let Some(cursor) = page["next"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(walked, all);
    for (more, count) in
        [(format!("&subscription_id={}", subscriptions[1]), 1), (format!("&subscription_id={other}"), 0), ("&status=pending".to_owned(), 0)]
    {
        assert_eq!(ids(&get(&world, &format!("{path}{more}")).await).len(), count, "{more}");
    }
    assert_eq!(get(&world, "/api/v1/deliveries?event_id=evt_nobody").await, json!({ "items": [], "next": null }));
}
