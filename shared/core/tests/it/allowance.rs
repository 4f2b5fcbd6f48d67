//! How many mails and texts a tenant's own sources may have sent in an hour, and what becomes of those that go over it.

use serde_json::{Value, json};
use sluice_core::{
    envelope::InboundMessage,
    ports::{Clock, Mail},
    testing::{Sent, World},
};

use crate::{
    bound::{BOOKING, Gateway, of_acme},
    going_wrong::{at_every_call, from_now_on},
    support::{NUMBER, booking, minutes, paid, shopify, start, text_status, with},
};

/// A gateway whose tenants may have so many messages sent in an hour.
async fn allowing(an_hour: u32) -> Gateway {
    Gateway::of(World::new(start(), true).with_sources_of(&["acme"]).with_messages_of_a_tenant(an_hour)).await
}

/// A shop says that an order was made, for which its buyer is thanked by mail.
fn order(number: usize, world: &World) -> InboundMessage {
    let body = json!({
        "id": number, "name": format!("#{number}"), "email": format!("buyer{number}@example.com"), "total_price": "10.00", "currency": "USD",
    });
    shopify(&number.to_string(), "orders/create", world.clock.now(), &body)
}

fn mails(world: &World) -> Vec<Mail> {
    world.sent.sent().into_iter().filter_map(|sent| if let Sent::Mail(mail) = sent { Some(mail) } else { None }).collect()
}

/// To whom mails went, but for the operator.
fn buyers(world: &World) -> Vec<String> {
    let mut to: Vec<_> = mails(world).into_iter().map(|mail| mail.to).filter(|to| to.starts_with("buyer")).collect();
    to.sort();
    to
}

fn alarms(world: &World) -> Vec<Mail> {
    mails(world).into_iter().filter(|mail| mail.to == "alerts@example.com").collect()
}

#[tokio::test]
async fn what_goes_over_a_tenants_allowance_waits_and_the_operator_is_told_once() {
    let gateway = allowing(3).await;
    let world = &gateway.world;
    for number in 1..=8 {
        with(world, of_acme(order(number, world))).await;
    }
    assert_eq!((buyers(world).len(), alarms(world).len()), (3, 1));
    let alarm = &alarms(world)[0];
    assert!(alarm.subject.contains("Messages of a tenant wait") && alarm.text.contains("of the tenant acme"), "{}", alarm.text);
    // Those that wait are handled; they stand where what waits for a time stands, and say so.
    let (_, page) = gateway.read("inbound?tenant=acme&status=processing").await;
    let waiting = page["items"].as_array().expect("items");
    assert_eq!(waiting.len(), 5);
    for event in waiting {
        let (_, event) = gateway.read(&format!("inbound/{}", event["id"].as_str().expect("an id"))).await;
        assert!(
            event["reason"].as_str().is_some_and(|reason| reason.contains("is spent")) && event["next_attempt_at"].is_string(),
            "{event}"
        );
    }
    // Nobody else waits, and nothing of it is counted outside.
    with(world, order(9, world)).await;
    assert_eq!(buyers(world).len(), 4);
    assert!(world.documents("allowance").is_empty());
    // A provider's redelivery changes nothing.
    with(world, of_acme(order(8, world))).await;
    assert_eq!(buyers(world).len(), 4);
    // Three more in the next hour, with the alarm once an hour, and the rest in the one after it.
    for (hour, expected) in [(1, 7), (2, 9)] {
        while world.clock.now() < start() + minutes(60 * hour + 59) {
            world.clock.advance(minutes(1));
            world.sweep().await;
            while world.step().await {}
        }
        assert_eq!(buyers(world).len(), expected, "hour {hour}");
    }
    world.run_until_quiet().await;
    assert_eq!(buyers(world), (1..=9).map(|number| format!("buyer{number}@example.com")).collect::<Vec<_>>());
    assert_eq!(alarms(world).len(), 1);
    assert!(world.events().iter().all(|event| !event.unfinished() && event.reason.is_none()), "{:?}", world.events());
}

#[tokio::test]
async fn texts_count_too_and_a_mail_in_place_of_one_has_a_time_of_its_own() {
    let gateway = allowing(1).await;
    let world = &gateway.world;
    world.sent.refuse_with(NUMBER, "21211");
    gateway.put_as_acme(BOOKING, booking(json!({}))).await;
    with(world, of_acme(paid("evt_1", "pi_1", start(), start()))).await;
    assert_eq!(mails(world).iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["alerts@example.com"]);
    world.run_until_quiet().await;
    let mut to: Vec<_> = mails(world).into_iter().map(|mail| mail.to).collect();
    to.sort();
    to.dedup();
    assert_eq!(to, ["alerts@example.com", "ana@example.com", "support@example.com"]);
    assert_eq!(gateway.read_as_acme(BOOKING).await.1["sms_status"], "failed");
}

#[tokio::test]
async fn without_a_limit_nothing_waits_and_nothing_is_counted() {
    let gateway = allowing(0).await;
    let world = &gateway.world;
    for number in 1..=300 {
        with(world, of_acme(order(number, world))).await;
    }
    assert_eq!((buyers(world).len(), alarms(world).len()), (300, 0));
    assert!(world.documents("allowance~acme").is_empty());
}

/// Whatever crashes, and whoever goes on: each message has one time, and goes.
#[tokio::test]
async fn whatever_goes_wrong_none_counts_twice_and_all_go() {
    at_every_call(async |faulty| {
        let world = World::new(start(), true).with_sources_of(&["acme"]).with_messages_of_a_tenant(2);
        let before = from_now_on(&world, faulty);
        for number in 1..=3 {
            world.enqueue(&of_acme(order(number, &world))).await;
        }
        while world.step().await {}
        let calls = world.faults.calls() - before;
        world.run_until_quiet().await;
        let mut to = buyers(&world);
        to.dedup();
        assert_eq!(to.len(), 3, "{faulty:?}");
        let stored = world.documents("allowance~acme").pop().expect("is there").document.data.clone();
        let allowance: Value = serde_json::from_slice(&stored).expect("JSON");
        assert_eq!((&allowance["hour"], &allowance["given"]), (&json!(start() + minutes(60)), &json!(1)), "{faulty:?}");
        calls
    })
    .await;
}

/// Whoever holds the secret of a Twilio account can tell of any number of texts that failed.
#[tokio::test]
async fn in_a_space_support_is_told_of_texts_that_sluice_sent_or_that_were_put() {
    let gateway = allowing(0).await;
    let world = &gateway.world;
    let support = || mails(world).iter().filter(|mail| mail.to == "support@example.com").count();
    for number in 0..5 {
        with(world, of_acme(text_status(&format!("SM{number}"), "failed", "+15005550009", None, start()))).await;
    }
    assert_eq!((support(), world.documents("message~acme").len()), (0, 5));
    // Once one of them is put, it is one that somebody knows.
    let text = json!({ "channel": "sms", "direction": "outbound", "to": "+15005550009", "external_id": "SM3" });
    gateway.put_as_acme("messages/m1", text).await;
    while world.step().await {}
    assert_eq!(support(), 1);
    gateway.put_as_acme(BOOKING, booking(json!({}))).await;
    with(world, of_acme(paid("evt_1", "pi_1", start(), start()))).await;
    let Some(Sent::Text(own)) = world.sent.sent().pop() else { panic!("a text") };
    with(world, text_status("SMown", "failed", NUMBER, Some(&own.message), start())).await;
    assert_eq!(support(), 2);
    // Outside it is told of all, as ever.
    with(world, text_status("SM9", "failed", "+15005550009", None, start())).await;
    assert_eq!(support(), 3);
}

/// An allowance costs those alone who have one.
#[tokio::test]
async fn an_event_of_no_space_costs_the_same_with_an_allowance_and_without() {
    let mut costs = Vec::new();
    for (an_hour, of) in [(0, Whose::Operators), (1, Whose::Operators), (0, Whose::Acmes), (1, Whose::Acmes)] {
        let world = World::new(start(), true).with_sources_of(&["acme"]).with_messages_of_a_tenant(an_hour);
        let message = order(1, &world);
        let before = world.faults.calls();
        with(&world, if of == Whose::Acmes { of_acme(message) } else { message }).await;
        assert_eq!(buyers(&world), ["buyer1@example.com"]);
        costs.push(world.faults.calls() - before);
    }
    assert_eq!(costs[0], costs[1], "calls of the ports");
    assert_eq!(costs[3], costs[2] + 2, "one read and one commit for each event of a space that has something sent");
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Operators,
    Acmes,
}
