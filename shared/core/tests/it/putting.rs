//! How records are put back as they were read, on what condition, and with which currencies.

use axum::http::{HeaderName, Method, StatusCode, header};
use serde_json::{Value, json};
use sluice_core::{
    records::{Booking, BookingStatus, Message},
    testing::{Fault, World},
};

use crate::{
    invoicing::{get, intent, invoice, put, with, world},
    same_moment::interrupted,
    support::{self, Answer, booking, call, call_with, failed, minutes, start, text_in, text_status},
};

async fn put_if(world: &World, path: &str, (name, value): (HeaderName, &str), body: Value) -> Answer {
    call_with(world, Method::PUT, &format!("/api/v1/{path}"), (name, value), Some(body)).await
}

/// Reads a record, changes a field, and puts the whole.
async fn change(world: &World, path: &str, field: &str, value: Value) -> Value {
    let mut whole = get(world, path).await;
    whole[field] = value;
    let shown = put(world, path, whole.clone()).await;
    assert_eq!(shown[field], whole[field], "{path}");
    shown
}

#[tokio::test]
async fn a_payment_that_was_found_by_likeness_is_no_word_of_who_puts_back_what_was_read() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_customer_id": null }))).await;
    put(&world, "customers/c1", json!({ "stripe_customer_id": "cus_1" })).await;
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    let shown = change(&world, "invoices/INV-1", "metadata", json!({ "a": "b" })).await;
    assert_eq!((&shown["status"], &shown["stripe_payment_intent_id"]), (&json!("paid"), &json!("pi_1")));
    // Neither the payment nor that it is paid has become the owner's word.
    put(&world, "invoices/INV-2", invoice(json!({ "stripe_payment_intent_id": "pi_1" }))).await;
    let shown = get(&world, "invoices/INV-1").await;
    assert_eq!((&shown["status"], &shown["stripe_payment_intent_id"], &shown["paid_at"]), (&json!("open"), &Value::Null, &Value::Null));
}

#[tokio::test]
async fn what_the_owner_had_said_stays_his_when_it_is_put_back() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_1", "status": "paid" }))).await;
    let paid_at = get(&world, "invoices/INV-1").await["paid_at"].clone();
    world.clock.advance(minutes(1));
    let shown = change(&world, "invoices/INV-1", "amount", json!(5000)).await;
    assert_eq!((&shown["status"], &shown["paid_at"]), (&json!("paid"), &paid_at));
    let other = invoice(json!({ "stripe_payment_intent_id": "pi_1" }));
    assert_eq!(call(&world, Method::PUT, "/api/v1/invoices/INV-2", Some(other)).await.status, StatusCode::CONFLICT);
    // What is said anew is the owner's, and what is left out is said no more.
    put(&world, "invoices/INV-1", invoice(json!({ "stripe_payment_intent_id": "pi_2" }))).await;
    let shown = get(&world, "invoices/INV-1").await;
    assert_eq!((&shown["status"], &shown["stripe_payment_intent_id"]), (&json!("open"), &json!("pi_2")));
}

#[tokio::test]
async fn whoever_takes_the_fields_that_can_be_put_out_of_what_was_read_says_no_more() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({}))).await;
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    let shown = get(&world, "invoices/INV-1").await;
    let fields = ["customer_id", "currency", "stripe_customer_id", "stripe_payment_intent_id", "status"];
    let mut word: Value = fields.iter().map(|field| ((*field).to_owned(), shown[field].clone())).collect();
    word["amount"] = json!(5000);
    let shown = put(&world, "invoices/INV-1", word).await;
    assert_eq!((&shown["status"], &shown["stripe_payment_intent_id"]), (&json!("open"), &Value::Null), "another amount is not like it");
    assert_eq!(get(&world, "payments?unmatched=true").await["items"][0]["id"], "pi_1");
}

#[tokio::test]
async fn the_state_of_a_booking_is_no_word_of_who_puts_it_back() {
    let world = world();
    put(&world, "bookings/12345", booking(json!({}))).await;
    support::with(&world, failed("evt_1", "pi_1", "expired_card", start(), start())).await;
    let shown = change(&world, "bookings/12345", "customer_name", json!("Ana Costa")).await;
    assert_eq!(shown["status"], "payment_pending");
    let word = async || world.record::<Booking>("12345").await.and_then(|booking| booking.put).expect("was put");
    assert_eq!(word().await.status, BookingStatus::Pending);
    // An owner's cancellation is kept with its time, however often it is put back.
    put(&world, "bookings/12345", booking(json!({ "status": "cancelled" }))).await;
    let since = word().await.cancelled_at;
    world.clock.advance(minutes(1));
    change(&world, "bookings/12345", "customer_name", json!("Ana Lima")).await;
    assert_eq!((word().await.status, word().await.cancelled_at), (BookingStatus::Cancelled, since));
    assert!(since.is_some());
}

#[tokio::test]
async fn what_stripe_says_of_a_customer_stays_stripes_when_it_is_put_back() {
    let world = world();
    put(&world, "customers/c1", json!({ "stripe_customer_id": "cus_1", "email": "owner@example.com" })).await;
    let contact = |name: &str| json!({ "id": "cus_1", "name": name, "email": "stripe@example.com", "phone": "+15035550101" });
    with(&world, "evt_1", "customer.created", contact("Ana")).await;
    let shown = change(&world, "customers/c1", "metadata", json!({ "a": "b" })).await;
    assert_eq!((&shown["name"], &shown["email"], &shown["phone"]), (&json!("Ana"), &json!("owner@example.com"), &json!("+15035550101")));
    with(&world, "evt_2", "customer.updated", contact("Ana Lima")).await;
    let shown = get(&world, "customers/c1").await;
    assert_eq!((&shown["name"], &shown["email"]), (&json!("Ana Lima"), &json!("owner@example.com")));
}

#[tokio::test]
async fn a_subscription_that_was_checked_out_is_no_word_of_who_puts_the_tenant_back() {
    let world = world();
    put(&world, "tenants/t1", json!({ "name": "Alder" })).await;
    let session = |number: u8| json!({ "id": "cs", "payment_status": "paid", "subscription": format!("sub_{number}"), "customer": format!("cus_{number}"), "client_reference_id": "t1" });
    with(&world, "evt_1", "checkout.session.completed", session(1)).await;
    let subscription = json!({ "id": "sub_1", "customer": "cus_1", "status": "active", "current_period_end": 1_797_000_000 });
    with(&world, "evt_2", "customer.subscription.created", subscription).await;
    let shown = change(&world, "tenants/t1", "name", json!("Alder Studio")).await;
    assert_eq!((&shown["subscription_status"], &shown["stripe_subscription_id"]), (&json!("active"), &json!("sub_1")));
    with(&world, "evt_3", "checkout.session.completed", session(2)).await;
    let shown = get(&world, "tenants/t1").await;
    assert_eq!((&shown["stripe_customer_id"], &shown["stripe_subscription_id"]), (&json!("cus_2"), &json!("sub_2")));
}

#[tokio::test]
async fn how_far_a_message_came_is_no_word_of_who_puts_it_back() {
    let world = world();
    put(&world, "messages/m1", json!({ "external_id": "SM1", "channel": "sms", "direction": "outbound" })).await;
    support::with(&world, text_status("SM1", "delivered", "+15005550006", None, start())).await;
    let shown = change(&world, "messages/m1", "from", json!("BOOKINGS")).await;
    assert_eq!((&shown["status"], &shown["to"]), (&json!("delivered"), &json!("+15005550006")));
    let word = world.record::<Message>("m1").await.and_then(|message| message.put).expect("was put");
    assert_eq!((word.status, word.to, word.from.as_deref(), word.external_id.as_deref()), (None, None, Some("BOOKINGS"), Some("SM1")));
}

#[tokio::test]
async fn what_can_only_be_read_is_put_back_as_it_is_shown_or_refused() {
    let world = world();
    put(&world, "invoices/INV-1", invoice(json!({}))).await;
    let read = get(&world, "invoices/INV-1").await;
    let with_field = |field: &str, value: Value| {
        let mut whole = read.clone();
        whole[field] = value;
        whole
    };
    for (field, value) in
        [("amount_paid", json!(4900)), ("paid_at", json!("2026-11-22T06:00:00Z")), ("total", json!(1)), ("id", json!("INV-2"))]
    {
        let answer = call(&world, Method::PUT, "/api/v1/invoices/INV-1", Some(with_field(field, value))).await;
        assert_eq!(
            (answer.status, &answer.json["errors"][0]["field"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)),
            "{}",
            answer.json
        );
        assert_eq!(answer.json["errors"].as_array().map(Vec::len), Some(1), "{}", answer.json);
    }
    // Who changed it meanwhile is not overwritten.
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({}))).await;
    let answer = call(&world, Method::PUT, "/api/v1/invoices/INV-1", Some(with_field("amount", json!(5000)))).await;
    assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(get(&world, "invoices/INV-1").await["amount"], 4900);
    // Of a record that is not there nothing was read.
    let answer = call(&world, Method::PUT, "/api/v1/invoices/INV-9", Some(with_field("id", json!("INV-9")))).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.json["errors"].as_array().expect("errors").iter().any(|error| error["field"] == "amount_paid"));
}

#[tokio::test]
async fn what_has_happened_is_at_most_a_day_ahead_of_the_clock_here() {
    let world = world();
    let sent_at = |at: Value| json!({ "channel": "sms", "direction": "outbound", "to": "+15005550006", "sent_at": at });
    for at in [json!("2099-01-01T00:00:00Z"), json!(start() + minutes(24 * 60 + 1))] {
        let answer = call(&world, Method::PUT, "/api/v1/messages/m1", Some(sent_at(at.clone()))).await;
        assert_eq!((answer.status, &answer.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("sent_at")), "{at}");
    }
    put(&world, "messages/m1", sent_at(json!(start() + minutes(24 * 60)))).await;
    // What is still to come may be as far ahead as it likes.
    put(&world, "invoices/INV-1", invoice(json!({ "due_at": "2099-01-01T00:00:00Z" }))).await;
    put(&world, "bookings/12345", booking(json!({ "starts_at": "2099-01-01T00:00:00Z" }))).await;
}

#[tokio::test]
async fn a_currency_that_is_put_is_one_of_iso_4217s() {
    let world = world();
    for (path, word) in [("bookings/12345", booking(json!({}))), ("invoices/INV-1", invoice(json!({})))] {
        for (code, taken) in [("xyz", false), ("xxx", false), ("us", false), ("usd", true), ("KWD", true), ("jpy", true)] {
            let mut word = word.clone();
            word["currency"] = json!(code);
            let answer = call(&world, Method::PUT, &format!("/api/v1/{path}"), Some(word)).await;
            assert_eq!(answer.status.is_success(), taken, "{path}, {code}: {}", answer.json);
            if !taken {
                let error = &answer.json["errors"][0];
                assert_eq!((answer.status, &error["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("currency")));
                assert!(error["message"].as_str().is_some_and(|message| message.contains(code) && message.contains("ISO 4217")), "{error}");
            }
        }
    }
    // Providers know their currencies.
    with(&world, "evt_1", "payment_intent.succeeded", intent(json!({ "currency": "xyz" }))).await;
    assert_eq!(get(&world, "payments/pi_1").await["currency"], "xyz");
}

#[tokio::test]
async fn if_none_match_of_a_put_begins_a_record_and_changes_none() {
    let world = world();
    let once = (header::IF_NONE_MATCH, "*");
    // What was heard of it before is no record that was put.
    support::with(&world, failed("evt_1", "pi_1", "expired_card", start(), start())).await;
    let begun = put_if(&world, "bookings/12345", once.clone(), booking(json!({}))).await;
    assert_eq!((begun.status, &begun.json["status"]), (StatusCode::CREATED, &json!("payment_pending")));
    let again = put_if(&world, "bookings/12345", once, booking(json!({ "customer_name": "Ana Costa" }))).await;
    assert_eq!((again.status, &again.json["status"]), (StatusCode::PRECONDITION_FAILED, &json!(412)));
    assert_eq!(get(&world, "bookings/12345").await["customer_name"], "Ana Lima");
    for (value, status) in [
        ("\"2\", W/\"1\"", StatusCode::PRECONDITION_FAILED),
        ("W/\"2\"", StatusCode::PRECONDITION_FAILED),
        ("two", StatusCode::BAD_REQUEST),
        ("\"1\", \"7\"", StatusCode::OK),
    ] {
        let answer = put_if(&world, "bookings/12345", (header::IF_NONE_MATCH, value), booking(json!({}))).await;
        assert_eq!(answer.status, status, "{value}");
    }
}

#[tokio::test]
async fn if_match_of_a_put_is_one_of_several_versions_or_whichever_is_there() {
    let world = world();
    let put_if = async |path: &str, tags: &str| put_if(&world, path, (header::IF_MATCH, tags), booking(json!({}))).await.status;
    // What was only heard of is not there to be read.
    support::with(&world, failed("evt_1", "pi_1", "expired_card", start(), start())).await;
    for path in ["bookings/12345", "bookings/777"] {
        assert_eq!(put_if(path, "*").await, StatusCode::PRECONDITION_FAILED, "{path}");
        assert_eq!(put_if(path, "\"0\"").await, StatusCode::PRECONDITION_FAILED, "{path}");
        assert_eq!(call(&world, Method::GET, &format!("/api/v1/{path}"), None).await.status, StatusCode::NOT_FOUND);
    }
    put(&world, "bookings/777", booking(json!({}))).await;
    for (tags, status) in [
        ("*", StatusCode::OK),
        ("\"7\", \"2\"", StatusCode::OK),
        ("\"7\", \"2\"", StatusCode::PRECONDITION_FAILED),
        ("W/\"3\"", StatusCode::PRECONDITION_FAILED),
        ("\"none of ours\"", StatusCode::PRECONDITION_FAILED),
        ("\"3", StatusCode::BAD_REQUEST),
        ("3", StatusCode::OK),
    ] {
        assert_eq!(put_if("bookings/777", tags).await, status, "{tags}");
    }
    let weak = (header::IF_MATCH, "W/\"4\"");
    let read = call_with(&world, Method::GET, "/api/v1/bookings/777", weak, None).await;
    assert_eq!((read.status, &read.json["status"]), (StatusCode::PRECONDITION_FAILED, &json!(412)));
    assert_eq!(call_with(&world, Method::GET, "/api/v1/bookings/777", (header::IF_MATCH, "*"), None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_version_in_the_body_holds_beside_if_match() {
    let world = world();
    put(&world, "bookings/12345", booking(json!({}))).await;
    for (tag, version, status) in [
        ("\"1\"", 2, StatusCode::PRECONDITION_FAILED),
        ("\"2\"", 1, StatusCode::PRECONDITION_FAILED),
        ("*", 2, StatusCode::PRECONDITION_FAILED),
        ("\"1\"", 1, StatusCode::OK),
    ] {
        let mut whole = get(&world, "bookings/12345").await;
        whole["version"] = json!(version);
        for body in [whole, booking(json!({ "version": version }))] {
            let answer = put_if(&world, "bookings/12345", (header::IF_MATCH, tag), body).await;
            assert_eq!(answer.status, status, "{tag}, {version}: {}", answer.json);
            if status == StatusCode::OK {
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_version_in_the_body_of_what_is_not_there_is_not_met() {
    let world = world();
    for version in [0, 1] {
        let answer = call(&world, Method::PUT, "/api/v1/bookings/12345", Some(booking(json!({ "version": version })))).await;
        assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "{}", answer.json);
    }
    let answer = call(&world, Method::PUT, "/api/v1/bookings/12345", Some(booking(json!({ "version": "1" })))).await;
    assert_eq!((answer.status, &answer.json["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("version")));
}

#[tokio::test]
async fn of_two_that_begin_a_record_at_the_same_moment_one_is_refused() {
    let mut call = 0;
    loop {
        let world = world();
        let (first, second) = (std::cell::Cell::new(None), std::cell::Cell::new(None));
        let begin = async |name: &str| {
            put_if(&world, "bookings/12345", (header::IF_NONE_MATCH, "*"), booking(json!({ "customer_name": name }))).await.status
        };
        let begun = world.faults.calls();
        world.faults.plan(begun + call, Fault::Yield);
        interrupted(async { first.set(Some(begin("Ana").await)) }, async { second.set(Some(begin("Bea").await)) }).await;
        let calls = world.faults.calls() - begun;
        let winner = match (first.get().expect("an answer"), second.get().expect("an answer")) {
            (StatusCode::CREATED, StatusCode::PRECONDITION_FAILED) => "Ana",
            (StatusCode::PRECONDITION_FAILED, StatusCode::CREATED) => "Bea",
            other => panic!("interrupted at call {call}: {other:?}"),
        };
        assert_eq!(get(&world, "bookings/12345").await["customer_name"], winner, "interrupted at call {call}");
        call += 1;
        if call >= calls {
            return;
        }
    }
}

#[tokio::test]
async fn a_record_that_is_as_the_caller_knows_it_is_not_sent_again() {
    let world = world();
    let path = "/api/v1/customers/c1";
    let word = json!({ "name": "Ana", "phone": "+15005550006" });
    let made = call(&world, Method::PUT, path, Some(word.clone())).await;
    let tag = made.tag.expect("a tag");
    let asked = async |tag: &str| call_with(&world, Method::GET, path, (header::IF_NONE_MATCH, tag), None).await;
    for known in [tag.clone(), format!("W/{tag}"), format!("\"0\", {tag}"), "*".to_owned()] {
        let answer = asked(&known).await;
        assert_eq!((answer.status, answer.json, answer.tag), (StatusCode::NOT_MODIFIED, Value::Null, Some(tag.clone())), "{known}");
    }
    // Also what is shown of it and lies beside it counts: the number wants no texts any more.
    support::with(&world, text_in("SM1", "STOP", None, start())).await;
    let answer = asked(&tag).await;
    assert_eq!((answer.status, &answer.json["sms_opt_out"], &answer.json["version"]), (StatusCode::OK, &json!(true), &json!(1)));
    let other = answer.tag.expect("a tag");
    assert_ne!(other, tag);
    // A tag is good for a put, too.
    assert_eq!(put_if(&world, "customers/c1", (header::IF_MATCH, &other), word.clone()).await.status, StatusCode::OK);
    assert_eq!(put_if(&world, "customers/c1", (header::IF_MATCH, &other), word).await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(asked(&other).await.status, StatusCode::OK);
    // Nothing is known of what is not there.
    assert_eq!(
        call_with(&world, Method::GET, "/api/v1/customers/c2", (header::IF_NONE_MATCH, "*"), None).await.status,
        StatusCode::NOT_FOUND
    );
}
