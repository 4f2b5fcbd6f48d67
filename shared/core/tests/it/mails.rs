//! Mails over Sendro and SES by example: how far they came, and which addresses take no more.

use serde_json::{Value, json};
use sluice_core::{
    effect::EffectState,
    event::EventStatus,
    ports::{DeadLetters, QueueName},
    testing::{Sent, World},
};

use crate::support::{headlines, mail_event, message, minutes, paid, put, put_message, refunded, start, unmatched, with};

fn world() -> World {
    World::new(start(), true)
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

/// SES says so where its events begin to be published to the topic: it is no event, and no reason for the alarm of the dead letters.
#[tokio::test]
async fn that_ses_can_publish_its_events_is_no_event() {
    let world = world();
    let text = "Successfully validated SNS topic for Amazon SES event publishing.";
    let wrapped = json!({ "Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:123456789012:mail", "Message": text }).to_string();
    for greeting in [text, &format!("{text}\n"), &wrapped] {
        world.enqueue_garbage(greeting).await;
    }
    let dead = async || {
        world.run_until_quiet().await;
        world.clock.advance(minutes(120));
        assert!(!world.step().await, "nothing waits");
        world.queue.list(QueueName::Inbound, 10).await.expect("can be listed").1
    };
    assert_eq!(dead().await, 0, "each is done with at once");
    assert!(world.events().is_empty());
    world.enqueue_garbage(&format!("{text} More.")).await;
    assert_eq!(dead().await, 1, "and nothing that only begins like it");
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
