//! Whom nothing is sent to any more, by example, and where that shows.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    ports::Clock,
    records::Phone,
    testing::{Sent, World, stripe},
};

use crate::{
    bound::{BOOKING, Gateway, of_acme},
    support::{NUMBER, as_an_older_version_wrote_it, booking, call, confirmed, mail_event, minutes, paid, put, read, start, text_in, with},
};

fn world() -> World {
    World::new(start(), true)
}

#[tokio::test]
async fn a_text_that_fails_because_of_an_opt_out_opts_its_number_out() {
    let world = world();
    put(&world, json!({ "status": "confirmed" })).await;
    let body = format!("MessageSid=SM9&MessageStatus=failed&To={}&ErrorCode=21610", NUMBER.replace('+', "%2B"));
    with(&world, crate::support::event("twilio", "SM9:failed", "message.failed", None, "", start(), &body)).await;
    assert!(world.record::<Phone>(NUMBER).await.is_some_and(|phone| phone.has_opted_out()));
}

#[tokio::test]
async fn no_text_goes_to_someone_who_opted_out_but_a_mail_does() {
    let world = world();
    with(&world, text_in("SM1", "STOP", Some("STOP"), start())).await;
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    assert!(matches!(&world.sent.sent()[..], [Sent::Mail(mail)] if mail.to == "ana@example.com"), "{:?}", world.sent.sent());
    assert_eq!(read(&world).await["sms_status"], "failed");
}

#[tokio::test]
async fn start_lifts_an_opt_out_in_whatever_order_the_two_arrive() {
    for order in [[0, 1], [1, 0]] {
        let world = world();
        let events = [text_in("SM1", "stop", None, start()), text_in("SM2", "Start", None, start() + minutes(1))];
        for number in order {
            with(&world, events[number].clone()).await;
        }
        confirmed(&world).await;
        assert!(matches!(&world.sent.sent()[..], [Sent::Text(_)]), "{:?}", world.sent.sent());
    }
}

#[tokio::test]
async fn a_customer_shows_an_opt_out_and_a_bounced_address() {
    let world = world();
    let customer = json!({ "name": "Ana Lima", "email": "Ana@Example.com", "phone": "+1 500 555 0006" });
    let put = call(&world, Method::PUT, "/api/v1/customers/c1", Some(customer)).await.json;
    assert_eq!((&put["sms_opt_out"], &put["email_state"]), (&json!(false), &Value::Null));
    with(&world, text_in("SM1", "STOP", Some("STOP"), start())).await;
    with(&world, mail_event("em_1", "complained", start())).await;
    let read = call(&world, Method::GET, "/api/v1/customers/c1", None).await.json;
    let listed = call(&world, Method::GET, "/api/v1/customers", None).await.json["items"][0].clone();
    for shown in [read, listed] {
        assert_eq!((&shown["sms_opt_out"], &shown["email_state"]), (&json!(true), &json!("complained")));
    }
    with(&world, text_in("SM2", "START", None, start() + minutes(1))).await;
    assert_eq!(call(&world, Method::GET, "/api/v1/customers/c1", None).await.json["sms_opt_out"], false);
}

#[tokio::test]
async fn a_customer_s_history_says_why_nothing_is_sent_to_it_any_more() {
    let world = world();
    let customer = json!({ "name": "Ana Lima", "email": "Ana@Example.com", "phone": "+1 500 555 0006" });
    call(&world, Method::PUT, "/api/v1/customers/c1", Some(customer)).await;
    with(&world, mail_event("em_1", "bounced", start() + minutes(1))).await;
    with(&world, text_in("SM1", "STOP", Some("STOP"), start() + minutes(2))).await;
    with(&world, text_in("SM2", "STOP", Some("STOP"), start() + minutes(3))).await;
    with(&world, mail_event("em_2", "complained", start() + minutes(4))).await;
    with(&world, text_in("SM3", "START", None, start() + minutes(5))).await;
    let history = call(&world, Method::GET, "/api/v1/customers/c1/history", None).await.json;
    let entries = history["items"].as_array().cloned().unwrap_or_default();
    let seen: Vec<_> = entries.iter().map(|entry| (entry["type"].clone(), entry["changed"].clone())).collect();
    let change = |field: &str, to: Value| json!([{ "field": field, "to": to }]);
    assert_eq!(
        seen[..4],
        [
            (json!("message.received"), change("sms_opt_out", json!(false))),
            (json!("email.complained"), change("email_state", json!("complained"))),
            (json!("message.received"), change("sms_opt_out", json!(true))),
            (json!("email.bounced"), change("email_state", json!("bounced"))),
        ]
    );
    assert_eq!((seen.len(), &seen[4].0), (5, &json!("customer.put")));
    for (entry, key) in entries.iter().zip(["SM3", "em_2:email.complained", "SM1", "em_1:email.bounced"]) {
        let event = call(&world, Method::GET, entry["event"].as_str().expect("a link"), None).await;
        assert_eq!((event.status, &event.json["key"]), (StatusCode::OK, &json!(key)));
    }
}

#[tokio::test]
async fn a_mark_of_an_older_version_is_no_later_event_s() {
    let world = world();
    let customer = json!({ "name": "Ana Lima", "email": "ana@example.com", "phone": NUMBER });
    call(&world, Method::PUT, "/api/v1/customers/c1", Some(customer)).await;
    with(&world, mail_event("em_1", "bounced", start() + minutes(1))).await;
    with(&world, text_in("SM1", "STOP", None, start() + minutes(2))).await;
    for (kind, id, field) in [("address", "ana@example.com", "told"), ("phone", NUMBER, "words")] {
        as_an_older_version_wrote_it(&world, kind, id, |mark| {
            assert!(mark.remove(field).is_some());
        })
        .await;
    }
    let told = async || {
        let history = call(&world, Method::GET, "/api/v1/customers/c1/history", None).await.json;
        let mut told = Vec::new();
        for entry in history["items"].as_array().into_iter().flatten().filter(|entry| entry["type"] != "customer.put") {
            let event = call(&world, Method::GET, entry["event"].as_str().expect("a link"), None).await;
            told.push((event.json["key"].as_str().unwrap_or_default().to_owned(), entry["changed"][0]["to"].clone()));
        }
        told
    };
    assert_eq!(told().await, []);
    with(&world, mail_event("em_2", "bounced", start() + minutes(10))).await;
    with(&world, text_in("SM2", "STOP", None, start() + minutes(11))).await;
    assert_eq!(told().await, [], "nothing has changed");
    with(&world, text_in("SM3", "START", None, start() + minutes(12))).await;
    assert_eq!(told().await, [("SM3".to_owned(), json!(false))]);
    // The events themselves tell it when they are planned once more.
    for key in ["em_1:email.bounced", "SM1"] {
        let event = world.events().into_iter().find(|event| event.key == key).expect("is recorded").id;
        call(&world, Method::POST, &format!("/api/v1/inbound/{event}/replay"), None).await;
    }
    world.run_until_quiet().await;
    let expected = [("SM3", json!(false)), ("SM1", json!(true)), ("em_1:email.bounced", json!("bounced"))];
    assert_eq!(told().await, expected.map(|(key, to)| (key.to_owned(), to)));
}

#[tokio::test]
async fn what_lies_beside_a_customer_stands_in_its_history_once_on_whatever_page() {
    let world = world();
    for number in 0..40 {
        world.clock.advance(minutes(1));
        let customer = json!({ "name": format!("Ana {number}"), "email": "ana@example.com", "phone": NUMBER });
        call(&world, Method::PUT, "/api/v1/customers/c1", Some(customer)).await;
        match number {
            4 => with(&world, text_in("SM1", "STOP", None, world.clock.now())).await,
            15 => with(&world, mail_event("em_1", "bounced", world.clock.now())).await,
            23 => with(&world, mail_event("em_2", "complained", world.clock.now())).await,
            39 => with(&world, text_in("SM2", "START", None, world.clock.now())).await,
            _ => {}
        }
    }
    let (mut seen, mut times, mut query) = (Vec::new(), Vec::new(), "?limit=3".to_owned());
    loop {
        let page = call(&world, Method::GET, &format!("/api/v1/customers/c1/history{query}"), None).await.json;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        seen.extend(items.iter().map(|item| item["type"].as_str().unwrap_or_default().to_owned()));
        times.extend(items.iter().map(|item| item["at"].as_str().unwrap_or_default().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=3&cursor={next}");
    }
    assert_eq!(seen.iter().filter(|kind| *kind == "customer.put").count(), 40);
    let beside: Vec<_> = seen.iter().filter(|kind| *kind != "customer.put").collect();
    assert_eq!(beside, ["message.received", "email.complained", "email.bounced", "message.received"]);
    assert!(times.is_sorted_by(|one, other| one >= other), "newest first: {times:?}");
}

/// Pays for a booking of the tenant's, and says whether a text went out for that.
async fn is_texted(gateway: &Gateway, id: &str) -> bool {
    gateway.put_as_acme(&format!("bookings/{id}"), booking(json!({}))).await;
    let before = gateway.world.sent.sent().len();
    let now = gateway.world.clock.now();
    let intent =
        json!({ "id": format!("pi_{id}"), "amount": 6000, "amount_received": 6000, "currency": "usd", "metadata": { "booking_id": id } });
    with(&gateway.world, of_acme(stripe(&format!("evt_{id}"), "payment_intent.succeeded", now, now, &intent))).await;
    gateway.world.sent.sent()[before..].iter().any(|sent| matches!(sent, Sent::Text(text) if text.to == NUMBER))
}

/// Something that was said to the operator's number, or to one of the tenant's own, a minute after what was said before.
async fn say(gateway: &Gateway, word: &str, of: impl Fn(sluice_core::envelope::InboundMessage) -> sluice_core::envelope::InboundMessage) {
    gateway.world.clock.advance(minutes(1));
    let now = gateway.world.clock.now();
    with(&gateway.world, of(text_in(&format!("SM{}", now.millis()), word, Some(word), now))).await;
}

#[tokio::test]
async fn a_stop_that_twilio_alone_has_heard_ends_with_a_start_to_the_one_sender() {
    let gateway = Gateway::new().await;
    let opted_out = async || gateway.read("customers/c1?tenant=acme").await.1["sms_opt_out"].clone();
    gateway.put_as_acme("customers/c1", json!({ "name": "Ana", "phone": NUMBER })).await;
    // Older than what Twilio says.
    say(&gateway, "START", |message| message).await;
    gateway.world.clock.advance(minutes(1));
    gateway.world.sent.refuse_with(NUMBER, "21610");
    assert!(!is_texted(&gateway, "b1").await);
    gateway.world.sent.accept_all();
    assert_eq!((is_texted(&gateway, "b2").await, opted_out().await), (false, json!(true)));
    say(&gateway, "START", |message| message).await;
    assert_eq!((is_texted(&gateway, "b3").await, opted_out().await), (true, json!(false)));
    // And begins anew.
    gateway.world.clock.advance(minutes(1));
    gateway.world.sent.refuse_with(NUMBER, "21610");
    assert!(!is_texted(&gateway, "b4").await);
    gateway.world.sent.accept_all();
    assert_eq!((is_texted(&gateway, "b5").await, opted_out().await), (false, json!(true)));
}

/// Whoever holds the secret of a source can sign a START of anybody's.
#[tokio::test]
async fn what_is_said_to_a_number_of_the_tenants_lifts_no_stop_to_the_one_sender() {
    let gateway = Gateway::new().await;
    gateway.put_as_acme("customers/c1", json!({ "name": "Ana", "phone": NUMBER })).await;
    say(&gateway, "STOP", |message| message).await;
    say(&gateway, "START", of_acme).await;
    assert!(!is_texted(&gateway, "b1").await);
    assert_eq!(gateway.read("customers/c1?tenant=acme").await.1["sms_opt_out"], true);
    say(&gateway, "START", |message| message).await;
    assert!(is_texted(&gateway, "b2").await);
    // It stops and lifts in its own space alone.
    say(&gateway, "STOP", of_acme).await;
    assert!(!is_texted(&gateway, "b3").await);
    assert!(gateway.put(BOOKING, booking(json!({}))).await.0.is_success());
    let before = gateway.world.sent.sent().len();
    with(&gateway.world, paid("evt_1", "pi_1", start(), gateway.world.clock.now())).await;
    assert!(matches!(&gateway.world.sent.sent()[before..], [Sent::Text(text)] if text.to == NUMBER));
    say(&gateway, "START", of_acme).await;
    assert!(is_texted(&gateway, "b4").await);
}
