//! What becomes of deliveries that fail, and who is told.

use super::*;

#[tokio::test]
async fn a_failure_is_tried_again_by_the_schedule_and_then_given_up() {
    let world = world();
    world.receivers.answer(URL, &[500, 0, 400, 301]);
    let (id, _) = subscribe(&world, json!({ "event_types": ["order.*"] })).await;
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    let got = world.receivers.got();
    let waits: Vec<_> = got.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_secs()).collect();
    assert_eq!(waits.len(), 5, "{waits:?}");
    for (wait, promised) in waits.iter().zip([60_u64, 300, 1_500, 7_200, 36_000]) {
        // Jitter of a fifth, and what a look at the due index may take.
        assert!(*wait >= promised * 4 / 5 && *wait <= promised * 6 / 5 + 61, "{waits:?}");
    }
    assert!(got.iter().all(|one| one.body == got[0].body && one.header("webhook-id") == got[0].header("webhook-id")));
    assert!(got.windows(2).all(|pair| pair[0].header("webhook-timestamp") != pair[1].header("webhook-timestamp")));
    let delivery = &deliveries(&world, "&status=permanently_failed").await[0];
    let errors: Vec<_> =
        delivery["attempts"].as_array().expect("attempts").iter().map(|attempt| attempt["error"].as_str().unwrap_or_default()).collect();
    assert_eq!(
        errors[..4],
        [
            "the receiver answered 500",
            "no connection",
            "the receiver answered 400",
            "the receiver answered 301; redirects are not followed"
        ]
    );
    assert_eq!(
        get(&world, &format!("/api/v1/subscriptions/{id}/deliveries?status=permanently_failed")).await["items"]
            .as_array()
            .expect("items")
            .len(),
        1
    );

    world.receivers.answer(URL, &[204]);
    let resend = format!("/api/v1/deliveries/{}/resend", delivery["id"].as_str().expect("an id"));
    assert_eq!(post(&world, &resend, json!({})).await.status, StatusCode::ACCEPTED);
    world.run_until_quiet().await;
    assert_eq!(world.receivers.got().last().expect("one more").header("webhook-id"), got[0].header("webhook-id"));
    assert_eq!(deliveries(&world, "&status=delivered").await[0]["attempted"], 7);
}

#[tokio::test]
async fn retry_after_is_kept_and_an_overloaded_endpoint_is_left_alone() {
    let world = world();
    world.receivers.answer_after(URL, &[429, 200], Some("600"));
    let (id, _) = subscribe(&world, json!({})).await;
    publish(&world, "order.created").await;
    while world.step().await {}
    publish(&world, "order.paid").await;
    while world.step().await {}
    assert_eq!(world.receivers.got().len(), 1, "the second one waits, too");
    let shown = get(&world, &format!("/api/v1/subscriptions/{id}")).await;
    assert_eq!((&shown["endpoint"]["state"], &shown["endpoint"]["reason"]), (&json!("open"), &json!("the receiver answered 429")));
    // One waits as it was asked to, and the other one for the endpoint.
    assert_eq!(waiting(&world, "order.created").await, ("failed".to_owned(), json!("retry"), Value::Null));
    assert_eq!(waiting(&world, "order.paid").await, ("pending".to_owned(), json!("pause"), json!("the receiver answered 429")));
    world.run_until_quiet().await;
    let got = world.receivers.got();
    assert_eq!(got.len(), 3);
    assert!(got[1].at.since(got[0].at).as_secs() >= 600);
    assert_eq!(get(&world, &format!("/api/v1/subscriptions/{id}")).await["endpoint"]["state"], "closed");
    for delivery in deliveries(&world, "").await {
        assert_eq!((&delivery["status"], &delivery["waits_for"], &delivery["reason"]), (&json!("delivered"), &Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn what_is_resent_waits_for_no_endpoint() {
    let world = world();
    world.receivers.answer_after(URL, &[503, 503, 200], Some("86400"));
    subscribe(&world, json!({})).await;
    for kind in ["order.created", "order.paid", "order.sent"] {
        publish(&world, kind).await;
        while world.step().await {}
    }
    assert_eq!(waiting(&world, "order.paid").await, ("pending".to_owned(), json!("pause"), json!("the receiver answered 503")));
    let resend = async |kind: &str| {
        let delivery = deliveries(&world, &format!("&type={kind}")).await.pop().expect("one");
        let path = format!("/api/v1/deliveries/{}/resend", delivery["id"].as_str().expect("an id"));
        assert_eq!(post(&world, &path, json!({})).await.status, StatusCode::ACCEPTED);
        while world.step().await {}
        waiting(&world, kind).await
    };
    let began = world.clock.now();
    // It is tried, fails, and waits from then on like any other.
    assert_eq!(resend("order.paid").await, ("failed".to_owned(), json!("retry"), Value::Null));
    assert_eq!(resend("order.paid").await, ("delivered".to_owned(), Value::Null, Value::Null));
    // An endpoint that takes one is well again.
    assert_eq!(resend("order.sent").await, ("delivered".to_owned(), Value::Null, Value::Null));
    assert!(world.clock.now().since(began).as_secs() < 5 && world.receivers.got().len() == 4);
}

/// The status of the one delivery of this type, what it waits for, and why.
async fn waiting(world: &World, kind: &str) -> (String, Value, Value) {
    let delivery = deliveries(world, &format!("&type={kind}")).await.pop().expect("one");
    (delivery["status"].as_str().expect("a word").to_owned(), delivery["waits_for"].clone(), delivery["reason"].clone())
}

#[tokio::test]
async fn gone_disables_the_subscription_and_says_so() {
    let world = world();
    world.receivers.answer(URL, &[410]);
    let (id, _) = subscribe(&world, json!({ "event_types": ["order.*"] })).await;
    subscribe(&world, json!({ "url": "https://operator.example/", "event_types": ["subscription.*", "delivery.*"] })).await;
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    let shown = get(&world, &format!("/api/v1/subscriptions/{id}")).await;
    assert_eq!(
        (&shown["active"], &shown["disabled_reason"]),
        (&json!(false), &json!("the receiver answered 410: it wants no more webhooks"))
    );
    let got = world.receivers.got();
    assert_eq!(got.iter().filter(|got| got.url == URL).count(), 1);
    let mut told: Vec<_> = got.iter().filter(|got| got.url != URL).map(|got| got.header("X-Webhook-Event")).collect();
    told.sort_unstable();
    assert_eq!(told, ["delivery.failed", "subscription.disabled"]);
    for told in got.iter().filter(|got| got.url != URL) {
        let body: Value = serde_json::from_slice(&told.body).expect("JSON");
        assert_eq!(body["data"]["attempts"], 1, "{body}");
    }

    world.receivers.answer(URL, &[200]);
    assert_eq!(post(&world, &format!("/api/v1/subscriptions/{id}/enable"), json!({})).await.json["active"], true);
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    assert_eq!(world.receivers.got().iter().filter(|got| got.url == URL).count(), 2);
}

/// The mails that were sent.
pub(super) fn mails(world: &World) -> Vec<Mail> {
    let mail = |sent| match sent {
        Sent::Mail(mail) => Some(mail),
        Sent::Text(_) => None,
    };
    world.sent.sent().into_iter().filter_map(mail).collect()
}

/// The subjects of the mails to an address.
fn mails_to(world: &World, address: &str) -> Vec<String> {
    mails(world).into_iter().filter(|mail| mail.to == address).map(|mail| mail.subject).collect()
}

#[tokio::test]
async fn an_owner_is_told_of_failures_at_most_once_an_hour() {
    let world = world();
    world.receivers.answer(URL, &[500]);
    let fields = json!({ "retry_schedule": [], "owner_email": "owner@example.com", "description": "the warehouse" });
    let (id, _) = subscribe(&world, fields).await;
    for _ in 0..3 {
        publish(&world, "order.created").await;
    }
    world.run_until_quiet().await;
    let failed = format!("A webhook to {URL} could not be delivered");
    assert_eq!(mails_to(&world, "owner@example.com"), [failed.as_str()]);
    let mail = mails(&world).pop().expect("a mail");
    for told in ["tried 1 time", &id, "the warehouse", "order.created", "the receiver answered 500", "answered"] {
        assert!(mail.text.contains(told), "{told} is missing in {}", mail.text);
    }
    world.clock.advance(minutes(61));
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    assert_eq!(mails_to(&world, "owner@example.com").len(), 2);
    assert!(mails_to(&world, "support@example.com").is_empty());
}

#[tokio::test]
async fn an_owner_is_told_half_way_and_when_it_is_disabled() {
    let world = world();
    world.receivers.answer(URL, &[500]);
    let (id, _) = subscribe(&world, json!({ "retry_schedule": [], "event_types": ["order.*"] })).await;
    subscribe(&world, json!({ "url": "https://operator.example/", "event_types": ["subscription.*"] })).await;
    for _ in 0..3 {
        publish(&world, "order.created").await;
        world.run_until_quiet().await;
        world.clock.advance(minutes(61 * 60));
    }
    let words = ["A webhook to URL could not be delivered", "Webhooks to URL have failed for days", "Webhooks to URL are switched off"];
    assert_eq!(mails_to(&world, "support@example.com"), words.map(|words| words.replace("URL", URL)));
    let told: Vec<_> =
        world.receivers.got().iter().filter(|got| got.url != URL).map(|got| got.header("X-Webhook-Event").to_owned()).collect();
    assert_eq!(told, ["subscription.failing", "subscription.disabled"]);
    assert_eq!(get(&world, &format!("/api/v1/subscriptions/{id}")).await["active"], false);
}

#[tokio::test]
async fn an_owner_whose_receiver_takes_its_leave_gets_one_mail() {
    let world = world();
    world.receivers.answer(URL, &[410]);
    subscribe(&world, json!({ "owner_email": "owner@example.com" })).await;
    publish(&world, "order.created").await;
    world.run_until_quiet().await;
    assert_eq!(mails_to(&world, "owner@example.com"), [format!("Webhooks to {URL} are switched off")]);
}

#[tokio::test]
async fn a_rate_limit_is_kept() {
    let world = world();
    subscribe(&world, json!({ "rate_limit": 5 })).await;
    for _ in 0..50 {
        publish(&world, "order.created").await;
    }
    while world.step().await {}
    let waits: Vec<_> = deliveries(&world, "&status=pending").await.iter().map(|delivery| delivery["waits_for"].clone()).collect();
    assert!(waits.len() > 40 && waits.iter().all(|waits| waits == "rate_limit"), "{waits:?}");
    world.run_until_quiet().await;
    let got = world.receivers.got();
    assert_eq!(got.len(), 50);
    let took = got[49].at.since(got[0].at).as_millis();
    assert!((8_820..=10_780).contains(&took), "50 at 5 a second took {took} ms");
}

/// Two subscribers, one that fails at first; an event that is published, and a webhook.
async fn story(world: &World) {
    world.receivers.answer(URL, &[503, 500, 200]);
    let subscriptions = async |url: &str| {
        let body = json!({ "url": url, "event_types": ["*"] });
        while world
            .unless_crashed(post(world, "/api/v1/subscriptions", body.clone()))
            .await
            .is_none_or(|answer| !answer.status.is_success())
        {}
    };
    // Both are there before anything is counted.
    subscriptions(URL).await;
    subscriptions("https://other.example/").await;
    let publish = async || {
        let request = Request::post("/api/v1/events")
            .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
            .header("Idempotency-Key", "one")
            .body(Body::from(json!({ "type": "order.created", "data": {} }).to_string()))
            .expect("a request");
        send(world, request).await
    };
    while world.unless_crashed(publish()).await.is_none_or(|answer| !answer.status.is_success()) {}
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
}

#[tokio::test]
async fn every_call_goes_wrong_in_every_way_and_every_delivery_reaches_its_receiver() {
    every_call_goes_wrong(world).await;
}

#[tokio::test]
async fn every_call_goes_wrong_in_every_way_where_one_process_holds_the_data() {
    every_call_goes_wrong(|| world().alone()).await;
}

async fn every_call_goes_wrong(world: impl Fn() -> World) {
    let whole = world();
    story(&whole).await;
    let calls = whole.faults.calls();
    assert!(calls > 40, "the story makes {calls} calls");
    for call in 0..calls {
        for fault in Fault::ALL {
            let world = world();
            world.faults.plan(call, fault);
            story(&world).await;
            // A subscription whose answer was lost may have been made twice: its deliveries are its own.
            let subscriptions = world.documents("webhook").len();
            assert!((2..=3).contains(&subscriptions), "call {call}, {fault:?}");
            let deliveries = deliveries(&world, "").await;
            // What was published, the webhook, and the payment that it tells of.
            assert_eq!(deliveries.len(), 3 * subscriptions, "call {call}, {fault:?}");
            assert!(deliveries.iter().all(|delivery| delivery["status"] == "delivered"), "call {call}, {fault:?}: {deliveries:?}");
            for delivery in &deliveries {
                let id = delivery["id"].as_str().expect("an id");
                let got = world.receivers.got().into_iter().filter(|got| got.header("X-Webhook-Delivery") == id).count();
                let logged = delivery["attempts"].as_array().expect("attempts").len();
                // Each attempt is in the log, also one that was cut short. The poster's own call may be doubled, and one that never began be suspected.
                let unseen = usize::from(fault == Fault::Duplicate);
                assert!(got >= 1 && got <= logged + unseen && logged <= got + 1, "call {call}, {fault:?}: {got} attempts, {logged} logged");
            }
            for event in world.events() {
                assert!(!event.unfinished(), "call {call}, {fault:?}: {event:?}");
            }
        }
    }
}
