//! Messages by example: what is put, what comes in, and whose an id of a provider is.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    records::{Booking, MessageStatus},
    testing::World,
};

use crate::support::{
    NUMBER, call, confirmed, message, minutes, own_text, paid, put, put_message, read, start, text_in, text_status, unmatched, with,
};

fn world() -> World {
    World::new(start(), true)
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

/// What is put of a text that somebody else has sent.
fn sent_as(external_id: &str) -> Value {
    json!({ "external_id": external_id, "channel": "sms", "direction": "outbound", "to": "+15005550099", "booking_id": "12345" })
}

#[tokio::test]
async fn a_corrected_external_id_gives_back_what_was_said_under_the_wrong_one() {
    // When the three of them are heard of: before the put, before its correction, or after both.
    for heard in 0..3 {
        let world = world();
        put(&world, json!({ "status": "confirmed", "customer_phone": "+15005550099" })).await;
        for step in 0..3 {
            if step == heard {
                with(&world, text_status("SM8", "undelivered", "+15005550098", None, start() + minutes(1))).await;
                with(&world, text_status("SM9", "sent", "+15005550099", None, start() + minutes(1))).await;
                with(&world, text_status("SM9", "delivered", "+15005550099", None, start() + minutes(2))).await;
            }
            match step {
                0 => assert_eq!(put_message(&world, "reminder", sent_as("SM8")).await, StatusCode::CREATED),
                1 => assert_eq!(put_message(&world, "reminder", sent_as("SM9")).await, StatusCode::OK, "heard at {heard}"),
                _ => {}
            }
        }
        let shown = message(&world, "reminder").await;
        assert_eq!(
            (&shown["external_id"], &shown["status"], &shown["error_code"]),
            (&json!("SM9"), &json!("delivered"), &Value::Null),
            "heard at {heard}"
        );
        assert_eq!(read(&world).await["sms_status"], "delivered", "heard at {heard}");
        // The other one is whoever's it is.
        assert_eq!(unmatched(&world).await, ["SM8"], "heard at {heard}");
        let other = json!({ "external_id": "SM8", "channel": "sms", "direction": "outbound", "to": "+15005550098" });
        assert_eq!(put_message(&world, "other", other).await, StatusCode::CREATED, "heard at {heard}");
        let shown = message(&world, "other").await;
        assert_eq!((&shown["status"], &shown["error_code"]), (&json!("failed"), &json!("30006")), "heard at {heard}");
    }
}

#[tokio::test]
async fn an_external_id_that_was_a_typo_leaves_nothing_behind() {
    let world = world();
    put_message(&world, "reminder", sent_as("SM8")).await;
    // A put without one takes it back, too.
    assert_eq!(put_message(&world, "reminder", json!({ "channel": "sms", "direction": "outbound" })).await, StatusCode::OK);
    assert_eq!(message(&world, "reminder").await["external_id"], Value::Null);
    assert!(unmatched(&world).await.is_empty());
    assert_eq!(call(&world, Method::GET, "/api/v1/messages/SM8", None).await.status, StatusCode::NOT_FOUND);
    with(&world, text_status("SM8", "delivered", NUMBER, None, start() + minutes(1))).await;
    assert_eq!(message(&world, "reminder").await["status"], "pending");
    assert_eq!(unmatched(&world).await, ["SM8"]);
}

#[tokio::test]
async fn a_message_that_was_matched_by_a_wrong_external_id_is_matched_anew() {
    let world = world();
    put(&world, json!({ "status": "confirmed" })).await;
    with(&world, text_status("SM8", "delivered", NUMBER, None, start() + minutes(1))).await;
    let with_id = |id: &str| json!({ "external_id": id, "channel": "sms", "direction": "outbound", "to": "+15005550099" });
    put_message(&world, "reminder", with_id("SM8")).await;
    put_message(&world, "reminder", with_id("SM9")).await;
    assert_eq!(message(&world, "SM8").await["booking_id"], "12345");
    assert_eq!(message(&world, "reminder").await["booking_id"], Value::Null);
    assert_eq!(read(&world).await["sms_status"], "delivered");
}

#[tokio::test]
async fn an_external_id_that_can_t_be_corrected_is_refused_and_says_how_to_go_on() {
    let world = world();
    let refused = async |id: &str, body: Value| {
        let answer = call(&world, Method::PUT, &format!("/api/v1/messages/{id}"), Some(body)).await;
        assert_eq!((answer.status, &answer.json["errors"][0]["field"]), (StatusCode::CONFLICT, &json!("external_id")), "{id}");
        answer.json["errors"][0]["message"].as_str().unwrap_or_default().to_owned()
    };
    // Sluice's own: Twilio tells its id.
    world.sent.name_texts("SM");
    let own = confirmed(&world).await;
    assert!(refused(&own, sent_as("SM5")).await.contains("Twilio tells its id"));
    assert_eq!(put_message(&world, &own, sent_as("SM1")).await, StatusCode::CREATED, "as it is");
    // One that goes by the provider's id itself.
    put_message(&world, "SM8", sent_as("SM8")).await;
    assert!(refused("SM8", sent_as("SM9")).await.contains("put one of its own"));
    // One whose address was marked for what was said of the other mail.
    let mail = |id: &str| json!({ "external_id": id, "channel": "email", "direction": "outbound", "to": "ana@example.com" });
    put_message(&world, "mail-1", mail("em_1")).await;
    let bounced = json!({ "type": "email.bounced", "emailId": "em_1", "data": {} });
    with(&world, crate::support::event("sendro", "em_1:b", "email.bounced", None, "", start(), &bounced.to_string())).await;
    assert!(refused("mail-1", mail("em_2")).await.contains("marked the address"));
    assert_eq!(put_message(&world, "mail-2", mail("em_2")).await, StatusCode::CREATED);
}

#[tokio::test]
async fn a_text_of_sluice_s_own_takes_what_was_said_of_it_from_a_message_that_was_put_with_its_id() {
    for id in ["mine", "SM1"] {
        let world = world();
        let body = json!({ "external_id": "SM1", "channel": "sms", "direction": "outbound", "to": NUMBER, "booking_id": "12345" });
        put_message(&world, id, body).await;
        with(&world, text_status("SM1", "delivered", NUMBER, None, start())).await;
        assert_eq!(message(&world, id).await["status"], "delivered");
        world.sent.name_texts("SM");
        put(&world, json!({})).await;
        with(&world, paid("evt_1", "pi_1", start(), start())).await;
        let own = own_text(&world);
        let states =
            [message(&world, &own).await, message(&world, id).await].map(|shown| [shown["status"].clone(), shown["external_id"].clone()]);
        assert_eq!(states, [[json!("delivered"), json!("SM1")], [json!("pending"), Value::Null]], "{id}");
        let booking = world.record::<Booking>("12345").await.expect("was put");
        assert_eq!(booking.latest_text().map(|text| text.status), Some(MessageStatus::Delivered), "{id}");
    }
}

#[tokio::test]
async fn a_put_whose_id_turned_out_to_be_another_s_is_planned_once_more_and_refused_only_when_it_is_put_anew() {
    for id in ["mine", "SM1"] {
        let world = world();
        let body = json!({ "external_id": "SM1", "channel": "sms", "direction": "outbound", "to": "+15005550099", "status": "failed" });
        assert_eq!(put_message(&world, id, body.clone()).await, StatusCode::CREATED);
        world.run_until_quiet().await;
        // Support was told, so that the put is an event.
        let event = world.events().into_iter().find(|event| event.kind == "message.put").expect("is recorded");
        world.sent.name_texts("SM");
        let own = confirmed(&world).await;
        let shown = async |id: &str| {
            let shown = message(&world, id).await;
            [shown["external_id"].clone(), shown["status"].clone()]
        };
        let ends = [[json!("SM1"), json!("pending")], [Value::Null, json!("failed")]];
        assert_eq!([shown(&own).await, shown(id).await], ends, "{id}");
        assert_eq!(call(&world, Method::POST, &format!("/api/v1/inbound/{}/replay", event.id), None).await.status, StatusCode::ACCEPTED);
        world.run_until_quiet().await;
        let replayed = call(&world, Method::GET, &format!("/api/v1/inbound/{}", event.id), None).await.json;
        assert_eq!((&replayed["status"], &replayed["attempts"]), (&json!("done"), &json!(event.attempts + 1)), "{id}: {replayed}");
        assert_eq!([shown(&own).await, shown(id).await], ends, "{id}");
        assert_eq!(put_message(&world, id, body).await, if id == "mine" { StatusCode::CONFLICT } else { StatusCode::OK }, "{id}");
    }
}
