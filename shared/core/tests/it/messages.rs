//! Messages by example: texts and calls over Twilio, mails over Sendro and SES, and whom nothing is sent to any more.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    effect::EffectState,
    event::EventStatus,
    records::{Booking, Message, MessageStatus, Phone},
    testing::{Fault, Sent, World},
};

use crate::support::{call, headlines, mail_event, minutes, paid, put, read, refunded, start, text_in, text_status, with};

const NUMBER: &str = "+15005550006";

fn world() -> World {
    World::new(start(), true)
}

/// The id of the only text that Sluice has sent or is to send.
fn own_text(world: &World) -> String {
    let own: Vec<_> =
        world.documents("message").into_iter().map(|stored| stored.document.key.id).filter(|id| id.starts_with("ms_")).collect();
    let [id] = &own[..] else { panic!("{own:?}") };
    id.clone()
}

/// A booking that is paid, with its text on the way. The text's id.
async fn confirmed(world: &World) -> String {
    put(world, json!({})).await;
    with(world, paid("evt_1", "pi_1", start(), start())).await;
    own_text(world)
}

async fn message(world: &World, id: &str) -> Value {
    call(world, Method::GET, &format!("/api/v1/messages/{id}"), None).await.json
}

async fn unmatched(world: &World) -> Vec<String> {
    let listed = call(world, Method::GET, "/api/v1/messages?unmatched=true", None).await.json;
    listed["items"].as_array().into_iter().flatten().filter_map(|item| Some(item["id"].as_str()?.to_owned())).collect()
}

async fn put_message(world: &World, id: &str, body: Value) -> StatusCode {
    call(world, Method::PUT, &format!("/api/v1/messages/{id}"), Some(body)).await.status
}

#[tokio::test]
async fn a_text_that_sluice_sends_is_a_message_from_the_commit_on() {
    let world = world();
    let id = confirmed(&world).await;
    let shown = message(&world, &id).await;
    assert_eq!((&shown["status"], &shown["booking_id"], &shown["to"]), (&json!("pending"), &json!("12345"), &json!(NUMBER)));
    assert_eq!((&shown["channel"], &shown["direction"]), (&json!("sms"), &json!("outbound")));
    let sent = world.sent.sent();
    assert!(matches!(&sent[..], [Sent::Text(text)] if text.message == id), "{sent:?}");
    assert_eq!(read(&world).await["sms_status"], "pending");
}

#[tokio::test]
async fn a_status_callback_joins_by_its_reference_and_moves_the_booking() {
    let world = world();
    let id = confirmed(&world).await;
    with(&world, text_status("SM1", "sent", NUMBER, Some(&id), start() + minutes(1))).await;
    assert_eq!(read(&world).await["sms_status"], "sent");
    with(&world, text_status("SM1", "delivered", NUMBER, Some(&id), start() + minutes(2))).await;
    let booking = read(&world).await;
    assert_eq!((&booking["sms_status"], &booking["sms_delivered"]), (&json!("delivered"), &json!(true)));
    assert_eq!(booking["sms_delivered_at"], "2026-11-22T06:02:00Z");
    let shown = message(&world, &id).await;
    assert_eq!((&shown["external_id"], &shown["status"]), (&json!("SM1"), &json!("delivered")));
    // The provider's id leads there, and is no message of its own.
    assert_eq!(world.record::<Message>("SM1").await.and_then(|lead| lead.same_as), Some(id));
    assert_eq!(call(&world, Method::GET, "/api/v1/messages/SM1", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.sent.sent().len(), 1);
}

#[tokio::test]
async fn a_status_only_moves_up() {
    let world = world();
    let id = confirmed(&world).await;
    for (status, shown) in
        [("delivered", "delivered"), ("queued", "delivered"), ("sent", "delivered"), ("undelivered", "delivered"), ("read", "delivered")]
    {
        with(&world, text_status("SM1", status, NUMBER, Some(&id), start() + minutes(1))).await;
        assert_eq!(message(&world, &id).await["status"], shown, "after {status}");
    }
    assert_eq!(world.sent.sent().len(), 1, "nobody is told of a failure after it arrived");
}

#[tokio::test]
async fn a_callback_marks_the_effect_whose_answer_was_lost() {
    // The call to Twilio is the last but one of the payment's handling: its answer is lost, then the effect is marked.
    let whole = world();
    confirmed(&whole).await;
    let calls = whole.faults.calls();
    let mut marked = 0;
    for call in 0..calls {
        let world = world();
        world.faults.plan(call, Fault::LoseAnswer);
        put(&world, json!({})).await;
        world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
        world.step().await;
        let effect = |world: &World| {
            world.events().iter().find(|event| event.key == "evt_1").and_then(|event| event.effects.first().map(|effect| effect.state))
        };
        if world.sent.sent().len() != 1 || effect(&world) != Some(EffectState::Pending) {
            continue;
        }
        marked += 1;
        let id = own_text(&world);
        world.enqueue(&text_status("SM1", "delivered", NUMBER, Some(&id), start() + minutes(1))).await;
        world.step().await;
        assert_eq!(effect(&world), Some(EffectState::Done), "call {call}");
        world.run_until_quiet().await;
        assert_eq!(world.sent.sent().len(), 1, "call {call}: sent once");
        assert_eq!(read(&world).await["sms_delivered"], true);
    }
    assert!(marked > 0, "the answer of the sending itself was lost in none of {calls} calls");
}

#[tokio::test]
async fn a_text_that_failed_is_mailed_once_and_support_is_told() {
    let world = world();
    let id = confirmed(&world).await;
    with(&world, text_status("SM1", "sent", NUMBER, Some(&id), start())).await;
    with(&world, text_status("SM1", "undelivered", NUMBER, Some(&id), start() + minutes(1))).await;
    with(&world, text_status("SM1", "failed", NUMBER, Some(&id), start() + minutes(2))).await;
    let mut mails: Vec<_> =
        world.sent.sent().into_iter().filter_map(|sent| if let Sent::Mail(mail) = sent { Some(mail) } else { None }).collect();
    mails.sort_by(|one, other| one.to.cmp(&other.to));
    let [customer, support] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!((customer.to.as_str(), support.to.as_str()), ("ana@example.com", "support@example.com"));
    assert!(customer.subject.contains("confirmed"), "{}", customer.subject);
    assert!(support.text.contains("landline") && support.text.contains("30006") && support.text.contains("12345"), "{}", support.text);
    let shown = message(&world, &id).await;
    assert_eq!((&shown["status"], &shown["error_code"]), (&json!("failed"), &json!("30006")));
    assert!(shown["error_text"].as_str().is_some_and(|text| text.contains("landline")), "{shown}");
}

#[tokio::test]
async fn a_text_that_failed_says_nothing_that_no_longer_holds() {
    let world = world();
    let id = confirmed(&world).await;
    put(&world, json!({ "status": "cancelled" })).await;
    with(&world, text_status("SM1", "failed", NUMBER, Some(&id), start() + minutes(1))).await;
    let to_customer = world.sent.sent().iter().filter(|sent| matches!(sent, Sent::Mail(mail) if mail.to == "ana@example.com")).count();
    assert_eq!(to_customer, 0);
    assert_eq!(headlines(&world).last().map(String::as_str), Some("A text message did not arrive"));
}

#[tokio::test]
async fn a_refused_text_is_a_failed_message() {
    let world = world();
    world.sent.refuse(NUMBER);
    let id = confirmed(&world).await;
    assert_eq!(message(&world, &id).await["status"], "failed");
    assert_eq!(read(&world).await["sms_status"], "failed");
    assert!(matches!(&world.sent.sent()[..], [Sent::Mail(mail)] if mail.to == "ana@example.com"));
}

#[tokio::test]
async fn a_status_for_an_unknown_sid_is_kept_and_joined_when_its_record_is_put() {
    let world = world();
    with(&world, text_status("SM9", "delivered", "+15005550099", None, start())).await;
    assert_eq!(unmatched(&world).await, ["SM9"]);
    assert_eq!(call(&world, Method::GET, "/api/v1/messages/SM9", None).await.status, StatusCode::NOT_FOUND);
    let body = json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": "+1 500 555 0099", "booking_id": "12345" });
    assert_eq!(put_message(&world, "reminder-1", body).await, StatusCode::CREATED);
    let shown = message(&world, "reminder-1").await;
    assert_eq!((&shown["status"], &shown["external_id"], &shown["to"]), (&json!("delivered"), &json!("SM9"), &json!("+15005550099")));
    assert!(unmatched(&world).await.is_empty());
    // From now on it is found under its own id.
    with(&world, text_status("SM9", "read", "+15005550099", None, start())).await;
    assert_eq!(world.documents("message").len(), 2);
    put(&world, json!({})).await;
    assert_eq!(read(&world).await["sms_status"], "delivered");
}

#[tokio::test]
async fn a_put_before_its_status_is_the_same() {
    let world = world();
    let body = json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": "+15005550099" });
    assert_eq!(put_message(&world, "reminder-1", body).await, StatusCode::CREATED);
    with(&world, text_status("SM9", "delivered", "+15005550099", None, start())).await;
    assert_eq!(message(&world, "reminder-1").await["status"], "delivered");
    assert!(unmatched(&world).await.is_empty());
}

#[tokio::test]
async fn a_put_of_a_message_is_checked_field_by_field() {
    let world = world();
    let body = json!({ "channel": "fax", "to": "nobody", "booking_id": "a b", "stauts": "sent" });
    let answer = call(&world, Method::PUT, "/api/v1/messages/m1", Some(body)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut fields: Vec<_> = answer.json["errors"].as_array().into_iter().flatten().filter_map(|error| error["field"].as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["booking_id", "channel", "direction", "stauts"]);
    let mail = json!({ "channel": "email", "direction": "outbound", "to": "+15005550006" });
    assert_eq!(put_message(&world, "m1", mail).await, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn another_s_text_belongs_to_the_recipient_s_newest_confirmed_booking() {
    let world = world();
    let confirmed = json!({ "status": "confirmed" });
    for (id, changes) in [
        ("old", &confirmed),
        ("new", &confirmed),
        ("open", &json!({})),
        ("other", &json!({ "status": "confirmed", "customer_phone": "+15005550007" })),
    ] {
        let body = crate::support::booking(changes.clone());
        call(&world, Method::PUT, &format!("/api/v1/bookings/{id}"), Some(body)).await;
        world.clock.advance(minutes(1));
    }
    with(&world, text_status("SM9", "delivered", NUMBER, None, start())).await;
    assert_eq!(message(&world, "SM9").await["booking_id"], "new");
    let status = async |id: &str| call(&world, Method::GET, &format!("/api/v1/bookings/{id}"), None).await.json["sms_status"].clone();
    assert_eq!([status("old").await, status("new").await, status("open").await], [Value::Null, json!("delivered"), Value::Null]);
    // The match is made once.
    call(&world, Method::PUT, "/api/v1/bookings/new", Some(crate::support::booking(json!({ "status": "cancelled" })))).await;
    with(&world, text_status("SM9", "read", NUMBER, None, start())).await;
    assert_eq!(message(&world, "SM9").await["booking_id"], "new");
}

#[tokio::test]
async fn another_s_text_waits_for_a_booking_that_is_put_or_paid_later() {
    for paid_later in [false, true] {
        let world = world();
        with(&world, text_status("SM9", "delivered", NUMBER, None, start())).await;
        if paid_later {
            put(&world, json!({})).await;
            assert_eq!(unmatched(&world).await, ["SM9"]);
            with(&world, paid("evt_1", "pi_1", start(), start())).await;
        } else {
            put(&world, json!({ "status": "confirmed" })).await;
        }
        assert!(unmatched(&world).await.is_empty());
        assert_eq!(message(&world, "SM9").await["booking_id"], "12345");
        let phone = world.record::<Phone>(NUMBER).await.expect("is known");
        assert!(phone.waiting.is_empty());
        let booking = world.record::<Booking>("12345").await.expect("was put");
        assert!(booking.latest_text().is_some());
    }
}

#[tokio::test]
async fn another_s_text_that_came_between_the_put_and_the_payment_is_taken_over_when_it_is_paid() {
    let world = world();
    put(&world, json!({})).await;
    with(&world, text_status("SM9", "undelivered", NUMBER, None, start())).await;
    assert_eq!(unmatched(&world).await, ["SM9"]);
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    assert_eq!(message(&world, "SM9").await["booking_id"], "12345");
}

#[tokio::test]
async fn the_owner_s_word_replaces_a_match_by_likeness() {
    let world = world();
    put(&world, json!({ "status": "confirmed" })).await;
    with(&world, text_status("SM9", "delivered", NUMBER, None, start())).await;
    assert_eq!(read(&world).await["sms_status"], "delivered");
    let body = json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": NUMBER, "booking_id": "other" });
    assert_eq!(put_message(&world, "SM9", body).await, StatusCode::CREATED);
    assert_eq!(read(&world).await["sms_status"], Value::Null);
    let other = world.record::<Booking>("other").await.expect("was heard of");
    assert_eq!(other.latest_text().map(|text| text.status), Some(MessageStatus::Delivered));
}

#[tokio::test]
async fn incoming_texts_and_calls_are_logged_as_messages() {
    let world = world();
    with(&world, text_in("SM1", "Is+ten+fine%3F", None, start())).await;
    let call_in = crate::support::event(
        "twilio",
        "CA1:ringing",
        "call.ringing",
        None,
        "",
        start(),
        "CallSid=CA1&CallStatus=ringing&Direction=inbound&From=%2B15005550006&To=%2B15005550001",
    );
    with(&world, call_in).await;
    let text = message(&world, "SM1").await;
    assert_eq!(
        (&text["channel"], &text["direction"], &text["from"], &text["status"]),
        (&json!("sms"), &json!("inbound"), &json!(NUMBER), &json!("delivered"))
    );
    let call_shown = message(&world, "CA1").await;
    assert_eq!((&call_shown["channel"], &call_shown["status"]), (&json!("voice"), &json!("pending")));
    assert!(unmatched(&world).await.is_empty());
    let listed = call(&world, Method::GET, "/api/v1/messages?direction=inbound&channel=sms", None).await.json;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
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
async fn sendro_s_events_move_a_message_up_its_rank() {
    let world = world();
    let body = json!({ "external_id": "em_1", "channel": "email", "direction": "outbound", "to": "ana@example.com" });
    put_message(&world, "mail-1", body).await;
    for (kind, shown) in [
        ("delivered", "delivered"),
        ("sent", "delivered"),
        ("opened", "opened"),
        ("failed", "opened"),
        ("complained", "complained"),
        ("bounced", "complained"),
    ] {
        with(&world, mail_event("em_1", kind, start())).await;
        assert_eq!(message(&world, "mail-1").await["status"], shown, "after {kind}");
    }
    with(&world, mail_event("em_2", "delivered", start())).await;
    assert_eq!(unmatched(&world).await, ["em_2"]);
}

#[tokio::test]
async fn a_bounced_address_is_left_out_and_support_is_told() {
    let world = World::new(start(), false);
    with(&world, mail_event("em_1", "bounced", start())).await;
    put(&world, json!({ "customer_email": "Ana@Example.com" })).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    let sent = world.sent.sent();
    let [Sent::Mail(mail)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(mail.to, "support@example.com");
    assert!(mail.text.contains("booking_confirmed") && mail.text.contains("came back"), "{}", mail.text);
    let event = world.events().into_iter().find(|event| event.key == "evt_1").expect("is recorded");
    assert_eq!(event.status, EventStatus::Done);
    assert_eq!(event.effects[0].state, EffectState::Failed);
}

#[tokio::test]
async fn a_soft_bounce_marks_no_address() {
    let world = World::new(start(), false);
    let body = json!({ "type": "email.bounced", "emailId": "em_1", "data": { "to": "ana@example.com", "bounceType": "soft" } });
    with(&world, crate::support::event("sendro", "em_1:email.bounced", "email.bounced", None, "", start(), &body.to_string())).await;
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    assert!(matches!(&world.sent.sent()[..], [Sent::Mail(mail)] if mail.to == "ana@example.com"));
}

/// What SES says over its topic, raw or wrapped.
fn ses(kind: &str, recipient: &str, tags: Value, wrapped: bool) -> String {
    let mail = json!({ "messageId": "0102", "timestamp": "2026-11-22T06:00:00.000Z", "source": "bookings@example.com", "destination": [recipient], "tags": tags });
    let event = match kind {
        "Bounce" => {
            json!({ "eventType": "Bounce", "mail": mail, "bounce": { "bounceType": "Permanent", "feedbackId": "f1", "timestamp": "2026-11-22T06:00:01.000Z",
            "bouncedRecipients": [{ "emailAddress": recipient, "diagnosticCode": "smtp; 550 5.1.1 user unknown" }] } })
        }
        _ => {
            json!({ "eventType": "Complaint", "mail": mail, "complaint": { "feedbackId": "f2", "complainedRecipients": [{ "emailAddress": recipient }] } })
        }
    };
    if wrapped {
        json!({ "Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": event.to_string() })
            .to_string()
    } else {
        event.to_string()
    }
}

#[tokio::test]
async fn what_ses_says_over_the_queue_counts_the_same() {
    for (kind, wrapped, status) in [("Bounce", false, "bounced"), ("Bounce", true, "bounced"), ("Complaint", true, "complained")] {
        let world = World::new(start(), false);
        put(&world, json!({})).await;
        with(&world, paid("evt_1", "pi_1", start(), start())).await;
        let event = world.events().remove(0);
        let tags = json!({ "event": [event.id], "effect": [event.effects[0].id] });
        for _ in 0..2 {
            world.enqueue_garbage(&ses(kind, "ana@example.com", tags.clone(), wrapped)).await;
            world.run_until_quiet().await;
        }
        let shown = message(&world, "0102").await;
        assert_eq!((&shown["status"], &shown["booking_id"], &shown["channel"]), (&json!(status), &json!("12345"), &json!("email")));
        assert_eq!(world.events().len(), 2, "a repetition is one event");
        // The next mail is left out.
        with(&world, refunded("evt_2", "pi_1", 6000, true, start() + minutes(1))).await;
        let headlines = headlines(&world);
        assert!(headlines.last().is_some_and(|last| last.contains("was not sent")), "{headlines:?}");
    }
}

#[tokio::test]
async fn what_is_neither_sluice_s_nor_ses_s_goes_to_the_dead_letters() {
    let world = world();
    for garbage in ["{}", r#"{"Type":"SubscriptionConfirmation","TopicArn":"x","Message":"You have chosen"}"#, "Successfully validated"] {
        world.enqueue_garbage(garbage).await;
    }
    world.run_until_quiet().await;
    assert!(world.events().is_empty());
}

#[tokio::test]
async fn a_message_has_a_history() {
    let world = world();
    let id = confirmed(&world).await;
    with(&world, text_status("SM1", "delivered", NUMBER, Some(&id), start() + minutes(1))).await;
    let history = call(&world, Method::GET, &format!("/api/v1/messages/{id}/history"), None).await.json;
    let types: Vec<_> = history["items"].as_array().into_iter().flatten().map(|item| item["type"].clone()).collect();
    assert_eq!(types, [json!("message.delivered"), json!("payment_intent.succeeded")]);
    let newest = &history["items"][0]["changed"];
    assert!(newest.as_array().is_some_and(|changed| changed.contains(&json!({ "field": "status", "to": "delivered" }))), "{newest}");
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
