//! Mails to the owners of subscriptions: what a tenant can have sent to whoever it names.

use super::{failures::mails, *};

const LURE: &str = "your account is locked";

async fn subscribe_of(world: &World, tenant: Value, number: usize) -> String {
    let (id, _) = subscribe(
        world,
        json!({ "tenant": tenant, "retry_schedule": [], "description": LURE, "owner_email": format!("owner-{number}@example.com") }),
    )
    .await;
    id
}

async fn publish_of(world: &World, tenant: Value) {
    let answer = post(world, "/api/v1/events", json!({ "type": "order.created", "data": {}, "tenant": tenant })).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.json);
    world.run_until_quiet().await;
}

#[tokio::test]
async fn a_tenant_has_few_mails_sent_in_an_hour_and_chooses_none_of_their_words() {
    let world = world();
    world.receivers.answer(URL, &[500]);
    for number in 0..30 {
        subscribe_of(&world, json!("acme"), number).await;
    }
    publish_of(&world, json!("acme")).await;
    let first = mails(&world);
    assert_eq!(first.len(), 20);
    for mail in &first {
        assert!(mail.text.contains(URL) && !mail.text.contains(LURE) && !mail.text.contains("answered\n"), "{}", mail.text);
        assert!(!mail.html.contains(LURE), "{}", mail.html);
    }
    // Another tenant and the operator have theirs.
    subscribe_of(&world, json!("beta"), 31).await;
    publish_of(&world, json!("beta")).await;
    subscribe_of(&world, Value::Null, 32).await;
    publish_of(&world, Value::Null).await;
    let later: Vec<_> = mails(&world).split_off(20).into_iter().map(|mail| mail.to).collect();
    assert_eq!(later, ["owner-31@example.com", "owner-32@example.com"]);
    assert!(mails(&world)[21].text.contains(LURE), "the operator's own words are the operator's");
    world.clock.advance(minutes(61));
    publish_of(&world, json!("acme")).await;
    assert_eq!(mails(&world).iter().filter(|mail| mail.to != "owner-32@example.com").count(), 41);
}

fn subjects(world: &World) -> Vec<String> {
    mails(world).into_iter().map(|mail| mail.subject).collect()
}

const OFF: &str = "Webhooks to URL are switched off";

#[tokio::test]
async fn every_owner_is_told_that_webhooks_are_switched_off_though_a_tenants_share_of_the_hour_is_spent() {
    let world = world();
    world.receivers.answer(URL, &[410]);
    for number in 0..30 {
        subscribe_of(&world, json!("acme"), number).await;
    }
    let answer = post(&world, "/api/v1/events", json!({ "type": "order.created", "data": {}, "tenant": "acme" })).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.json);
    while world.step().await {}
    assert_eq!(mails(&world).len(), 20);
    world.run_until_quiet().await;
    let told: std::collections::BTreeSet<_> = mails(&world).into_iter().map(|mail| mail.to).collect();
    assert_eq!((mails(&world).len(), told.len()), (30, 30), "the rest an hour later");
}

#[tokio::test]
async fn a_subscription_that_is_switched_off_again_and_again_is_told_of_once_an_hour() {
    let world = world();
    world.receivers.answer(URL, &[410]);
    let id = subscribe_of(&world, Value::Null, 1).await;
    for expected in [1, 1, 1, 2] {
        if expected == 2 {
            world.clock.advance(minutes(61));
        }
        publish(&world, "order.created").await;
        while world.step().await {}
        assert_eq!(mails(&world).len(), expected);
        assert_eq!(post(&world, &format!("/api/v1/subscriptions/{id}/enable"), json!({})).await.status, StatusCode::OK);
        while world.step().await {}
    }
    // What waited is not so any more.
    world.run_until_quiet().await;
    assert_eq!(mails(&world).len(), 2);
}

#[tokio::test]
async fn that_it_is_switched_off_is_told_once_the_hour_of_another_mail_is_over() {
    let world = world();
    world.receivers.answer(URL, &[500, 410]);
    subscribe_of(&world, Value::Null, 1).await;
    publish(&world, "order.created").await;
    while world.step().await {}
    let begun = world.clock.now();
    world.clock.advance(minutes(5));
    publish(&world, "order.created").await;
    while world.step().await {}
    let failed = format!("A webhook to {URL} could not be delivered");
    assert_eq!(subjects(&world), [failed.as_str()]);
    let waits = get(&world, "/api/v1/inbound?status=processing").await;
    let [event] = waits["items"].as_array().map(Vec::as_slice).unwrap_or_default() else { panic!("{waits}") };
    assert_eq!(event["type"], "subscription.disabled");
    assert_eq!(event["next_attempt_at"], json!(begun + minutes(60)), "{event}");
    assert!(event["reason"].as_str().is_some_and(|reason| reason.contains("within the hour")), "{event}");
    world.run_until_quiet().await;
    assert_eq!(subjects(&world), [failed, OFF.replace("URL", URL)]);
    assert!(world.clock.now().since(begun) >= minutes(60));
    assert_eq!(get(&world, "/api/v1/inbound?status=processing").await["items"], json!([]));
}
