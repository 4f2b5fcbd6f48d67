//! Messages by example: texts and calls over Twilio, mails over Sendro and SES, and whom nothing is sent to any more.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    effect::EffectState,
    event::EventStatus,
    ports::Clock,
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
        world.documents("message").into_iter().map(|stored| stored.document.key.id.clone()).filter(|id| id.starts_with("ms_")).collect();
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
    assert_eq!(recipients(&world), ["ana@example.com", "support@example.com"]);
}

/// To whom mails were sent, in the order of the alphabet.
fn recipients(world: &World) -> Vec<String> {
    let mut to: Vec<_> =
        world.sent.sent().into_iter().filter_map(|sent| if let Sent::Mail(mail) = sent { Some(mail.to) } else { None }).collect();
    to.sort();
    to
}

#[tokio::test]
async fn a_text_that_twilio_refuses_is_the_same_as_one_that_fails_on_its_way() {
    for (code, words) in [("21211", "not valid"), ("21610", "asked for no more texts"), ("21635", "landline"), ("21999", "error 21999")] {
        let world = world();
        world.sent.refuse_with(NUMBER, code);
        let id = confirmed(&world).await;
        let shown = message(&world, &id).await;
        assert_eq!((&shown["status"], &shown["error_code"]), (&json!("failed"), &json!(code)));
        assert!(shown["error_text"].as_str().is_some_and(|text| text.contains(words)), "{shown}");
        assert_eq!(recipients(&world), ["ana@example.com", "support@example.com"], "{code}");
        let told = world.sent.sent().into_iter().find_map(|sent| match sent {
            Sent::Mail(mail) if mail.to == "support@example.com" => Some(mail.text),
            _ => None,
        });
        assert!(told.is_some_and(|text| text.contains(words) && text.contains(code) && text.contains(&id)), "{code}");
        let phone = world.record::<Phone>(NUMBER).await.expect("was put with a booking");
        assert_eq!(phone.has_opted_out(), code == "21610", "{code}");
        // Nobody is told again by a callback, nor by a replay that is refused once more.
        with(&world, text_status("SM1", "failed", NUMBER, Some(&id), start() + minutes(1))).await;
        let event = world.events().into_iter().find(|event| event.key == "evt_1").expect("is recorded").id;
        call(&world, Method::POST, &format!("/api/v1/inbound/{event}/replay"), None).await;
        world.run_until_quiet().await;
        assert_eq!(recipients(&world).len(), 2, "{code}");
    }
}

#[tokio::test]
async fn a_refused_text_tells_its_mails_also_where_a_call_goes_wrong() {
    let whole = world();
    whole.sent.refuse_with(NUMBER, "21211");
    confirmed(&whole).await;
    for call in 0..whole.faults.calls() {
        for fault in Fault::ALL {
            let world = world();
            world.sent.refuse_with(NUMBER, "21211");
            world.faults.plan(call, fault);
            crate::support::put_until_done(&world, "/api/v1/bookings/12345", &crate::support::booking(json!({}))).await;
            world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
            world.run_until_quiet().await;
            let mut told = recipients(&world);
            // A mail whose answer was lost is sent again.
            assert!(told.len() <= 3, "{fault:?} at call {call}: {told:?}");
            told.dedup();
            assert_eq!(told, ["ana@example.com", "support@example.com"], "{fault:?} at call {call}");
        }
    }
}

#[tokio::test]
async fn a_text_that_fails_because_of_an_opt_out_opts_its_number_out() {
    let world = world();
    put(&world, json!({ "status": "confirmed" })).await;
    let body = format!("MessageSid=SM9&MessageStatus=failed&To={}&ErrorCode=21610", NUMBER.replace('+', "%2B"));
    with(&world, crate::support::event("twilio", "SM9:failed", "message.failed", None, "", start(), &body)).await;
    assert!(world.record::<Phone>(NUMBER).await.is_some_and(|phone| phone.has_opted_out()));
}

/// The two texts of a booking, by when they were sent: Sluice's own, and one of its owner's.
async fn two_texts(world: &World) -> String {
    let id = confirmed(world).await;
    let later = json!({
        "external_id": "SM2", "channel": "sms", "direction": "outbound", "to": NUMBER, "booking_id": "12345", "sent_at": start() + minutes(60),
    });
    assert_eq!(put_message(world, "reminder", later).await, StatusCode::CREATED);
    id
}

#[tokio::test]
async fn a_booking_shows_the_text_that_was_sent_last_whatever_is_heard_first() {
    // Of the text, with its SID: the status. They are heard in the order of the list, each a minute after the other.
    let first = [("SM1", "sent"), ("SM1", "undelivered")];
    let last = [("SM2", "sent"), ("SM2", "delivered")];
    let orders = [
        [first[0], first[1], last[0], last[1]],
        [last[0], last[1], first[0], first[1]],
        [last[1], first[1], first[0], last[0]],
        [first[1], last[1], last[0], first[0]],
    ];
    for put_first in [true, false] {
        for order in orders {
            let world = world();
            let own = if put_first { two_texts(&world).await } else { confirmed(&world).await };
            for ((sid, status), minute) in order.into_iter().zip(1..) {
                let reference = (sid == "SM1").then_some(own.as_str());
                with(&world, text_status(sid, status, NUMBER, reference, start() + minutes(minute))).await;
            }
            if !put_first {
                two_texts(&world).await;
            }
            let booking = read(&world).await;
            assert_eq!((&booking["sms_status"], &booking["sms_delivered"]), (&json!("delivered"), &json!(true)), "{order:?}, {put_first}");
            let delivered = message(&world, "reminder").await["delivered_at"].clone();
            assert_eq!(booking["sms_delivered_at"], delivered, "{order:?}, {put_first}");
            assert!(delivered.is_string());
        }
    }
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

/// A mail came back that went to `to`.
async fn bounced(world: &World, id: &str, to: Value) -> String {
    let body = json!({ "type": "email.bounced", "emailId": id, "data": { "to": to, "bounceType": "hard" } });
    let key = format!("{id}:email.bounced");
    with(world, crate::support::event("sendro", &key, "email.bounced", None, "", start(), &body.to_string())).await;
    world.events().into_iter().find(|event| event.key == key).expect("is recorded").summary
}

fn marked(world: &World) -> Vec<String> {
    world.documents("address").into_iter().map(|stored| stored.document.key.id.clone()).collect()
}

#[tokio::test]
async fn a_bounce_marks_the_address_that_its_to_names_however_it_is_written() {
    for to in [
        json!("ana@example.com"),
        json!("ANA@Example.com"),
        json!("Ana <ana@example.com>"),
        json!("\"Lima, Ana\" <Ana@example.com>"),
        json!(["ana@example.com"]),
        json!(["Ana <ana@example.com>", "", "ANA@EXAMPLE.COM"]),
    ] {
        let world = World::new(start(), false);
        assert_eq!(bounced(&world, "em_1", to.clone()).await, "mail bounced");
        assert_eq!(marked(&world), ["ana@example.com"], "{to}");
    }
}

#[tokio::test]
async fn a_bounce_that_may_be_of_several_addresses_marks_none_and_says_so() {
    for to in [
        json!(["ana@example.com", "ben@example.com"]),
        json!("ana@example.com, ben@example.com"),
        json!("Ben <ben@example.com>, Ana <ana@example.com>"),
        json!(["ben@example.com", "Ana <ana@example.com>, x@example.com"]),
    ] {
        let world = World::new(start(), false);
        let mail = json!({ "external_id": "em_1", "channel": "email", "direction": "outbound", "to": "ana@example.com" });
        put_message(&world, "mail-1", mail).await;
        let summary = bounced(&world, "em_1", to.clone()).await;
        assert!(summary.contains("no address is marked") && summary.contains("addresses"), "{to}: {summary}");
        assert!(marked(&world).is_empty(), "{to}");
    }
}

#[tokio::test]
async fn a_bounce_without_an_address_marks_that_of_its_mail_once_it_is_known() {
    for to in [Value::Null, json!(""), json!(" "), json!([]), json!("undisclosed recipients"), json!({ "email": "ben@example.com" })] {
        for put_first in [true, false] {
            let world = World::new(start(), false);
            let mail = json!({ "external_id": "em_1", "channel": "email", "direction": "outbound", "to": "ana@example.com" });
            if put_first {
                put_message(&world, "mail-1", mail.clone()).await;
            }
            let summary = bounced(&world, "em_1", to.clone()).await;
            assert_eq!(summary.contains("no address is marked"), !put_first, "{to}: {summary}");
            assert_eq!(marked(&world).is_empty(), !put_first, "{to}");
            if !put_first {
                put_message(&world, "mail-1", mail).await;
            }
            assert_eq!(marked(&world), ["ana@example.com"], "{to}");
        }
    }
}

#[tokio::test]
async fn a_bounce_marks_the_address_that_it_names_and_not_the_one_that_was_put() {
    let world = World::new(start(), false);
    let mail = json!({ "external_id": "em_1", "channel": "email", "direction": "outbound", "to": "ana@example.com" });
    put_message(&world, "mail-1", mail).await;
    bounced(&world, "em_1", json!("ben@example.com")).await;
    assert_eq!(marked(&world), ["ben@example.com"]);
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

#[tokio::test]
async fn an_external_id_is_that_of_one_message_and_a_second_put_of_it_is_refused() {
    let with_id = |external_id: &str| json!({ "external_id": external_id, "channel": "sms", "direction": "outbound", "to": NUMBER });
    for heard_at in 0..3 {
        let world = world();
        for step in 0..3 {
            if step == heard_at {
                with(&world, text_status("SM9", "delivered", NUMBER, None, start())).await;
            }
            match step {
                0 => assert_eq!(put_message(&world, "first", with_id("SM9")).await, StatusCode::CREATED),
                1 => {
                    let answer = call(&world, Method::PUT, "/api/v1/messages/second", Some(with_id("SM9"))).await;
                    assert_eq!((answer.status, &answer.json["errors"][0]["field"]), (StatusCode::CONFLICT, &json!("external_id")));
                    assert!(answer.json["errors"][0]["message"].as_str().is_some_and(|problem| problem.contains("first")));
                    let answer = call(&world, Method::PUT, "/api/v1/messages/SM9", Some(with_id("SM9"))).await;
                    assert_eq!((answer.status, &answer.json["errors"][0]["field"]), (StatusCode::CONFLICT, &json!("id")));
                }
                _ => assert_eq!(put_message(&world, "first", with_id("SM9")).await, StatusCode::OK, "put again as it is"),
            }
        }
        let listed = call(&world, Method::GET, "/api/v1/messages", None).await.json["items"].as_array().map(Vec::len);
        assert_eq!((listed, &message(&world, "first").await["status"]), (Some(1), &json!("delivered")), "heard at {heard_at}");
        assert_eq!(put_message(&world, "second", with_id("SM10")).await, StatusCode::CREATED, "with an id of its own");
        // Nor the other way round: what was put under the id has it.
        assert_eq!(put_message(&world, "SM11", with_id("SM11")).await, StatusCode::CREATED);
        assert_eq!(put_message(&world, "third", with_id("SM11")).await, StatusCode::CONFLICT);
    }
}

#[tokio::test]
async fn a_text_of_sluice_s_own_has_its_external_id_whether_it_is_put_before_or_after() {
    for (id, field) in [("mine", "external_id"), ("SM1", "id")] {
        for put_first in [true, false] {
            let world = world();
            let own = confirmed(&world).await;
            let body = json!({ "external_id": "SM1", "channel": "sms", "direction": "outbound", "to": NUMBER });
            let path = format!("/api/v1/messages/{id}");
            if put_first {
                assert_eq!(put_message(&world, id, body.clone()).await, StatusCode::CREATED);
            }
            with(&world, text_status("SM1", "sent", NUMBER, Some(&own), start() + minutes(1))).await;
            if id == "mine" || !put_first {
                let refused = call(&world, Method::PUT, &path, Some(body)).await;
                assert_eq!((refused.status, &refused.json["errors"][0]["field"]), (StatusCode::CONFLICT, &json!(field)), "{put_first}");
            }
            with(&world, text_status("SM1", "delivered", NUMBER, Some(&own), start() + minutes(2))).await;
            let shown = message(&world, &own).await;
            assert_eq!((&shown["external_id"], &shown["status"]), (&json!("SM1"), &json!("delivered")), "{id}, {put_first}");
            assert_eq!(read(&world).await["sms_status"], "delivered");
            if put_first {
                let lost = message(&world, id).await;
                assert_eq!((&lost["external_id"], &lost["status"]), (&Value::Null, &json!("pending")), "{id}");
            }
        }
    }
}
