//! Texts, mails, and what they say of numbers and addresses.

use sluice_core::records::MessageStatus;

use super::*;
use crate::support::put;

#[tokio::test]
async fn texts_of_others_in_every_order() {
    for last in ["delivered", "undelivered"] {
        let mut steps = vec![Step::Put("/api/v1/bookings/12345", booking(json!({ "status": "confirmed" })))];
        for (minute, status) in [(1, "queued"), (2, "sending"), (3, "sent"), (4, last)] {
            steps.push(event(text_status("SM9", status, NUMBER, None, start() + minutes(minute))));
        }
        every_order(&steps, &["messages/SM9", "bookings/12345"], Mails::Same, true, |_| ()).await;
    }
}

#[tokio::test]
async fn texts_of_others_and_their_put_in_every_order() {
    let message = json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": NUMBER, "booking_id": "12345" });
    let steps = [
        Step::Put("/api/v1/messages/reminder-1", message),
        Step::Put("/api/v1/bookings/12345", booking(json!({ "status": "confirmed" }))),
        event(text_status("SM9", "sent", NUMBER, None, start() + minutes(1))),
        event(text_status("SM9", "failed", NUMBER, None, start() + minutes(2))),
        event(text_status("SM9", "undelivered", NUMBER, None, start() + minutes(3))),
    ];
    every_order(&steps, &["messages/reminder-1", "messages?unmatched=true", "bookings/12345"], Mails::Same, true, |_| ()).await;
}

#[tokio::test]
async fn callbacks_of_own_texts_in_every_order() {
    for last in ["delivered", "failed"] {
        let statuses = ["queued", "sending", "sent", last];
        let mut expected = None;
        for order in orders(statuses.len()) {
            let world = World::new(start(), true);
            put(&world, json!({})).await;
            with(&world, paid("evt_1", "pi_1", start(), start())).await;
            let id = world.documents("message")[0].document.key.id.clone();
            assert!(Message::is_own_id(&id));
            for number in &order {
                with(&world, text_status("SM1", statuses[*number], NUMBER, Some(&id), start() + minutes(*number as u64))).await;
            }
            let now = (end(&world, &[&format!("messages/{id}"), "bookings/12345"]).await, mails(&world));
            let expected = expected.get_or_insert_with(|| now.clone());
            assert_eq!(now, *expected, "order {order:?}");
        }
    }
}

#[tokio::test]
async fn callbacks_of_own_texts_that_bring_twilio_s_id_alone_in_every_order() {
    for last in ["delivered", "undelivered"] {
        let mut steps = vec![
            Step::Put("/api/v1/bookings/12345", booking(json!({}))),
            event(paid("evt_1", "pi_1", start(), start())),
            event(text_status("SM1", "queued", NUMBER, None, start() + minutes(1))),
            event(text_status("SM1", "sent", NUMBER, None, start() + minutes(2))),
        ];
        steps.push(event(text_status("SM1", last, NUMBER, None, start() + minutes(3))));
        let mut expected = None;
        for order in orders(steps.len()) {
            let world = World::new(start(), true);
            world.sent.name_texts("SM");
            take(&world, &steps, &order, false).await;
            let own: Vec<_> = world.documents("message").into_iter().map(|stored| stored.document.key.id.clone()).collect();
            let [_, id] = &own[..] else { panic!("{own:?} in the order {order:?}") };
            assert!(Message::is_own_id(id));
            let mut shown = end(&world, &[&format!("messages/{id}"), "messages?unmatched=true", "bookings/12345"]).await;
            // The text is that of whichever came second, the put or the payment.
            for field in ["id", "sent_at"] {
                shown[0].as_object_mut().map(|fields| fields.remove(field));
            }
            let now = (shown, mails(&world));
            let expected = expected.get_or_insert_with(|| now.clone());
            assert_eq!(now, *expected, "order {order:?}");
        }
    }
}

#[tokio::test]
async fn texts_of_others_and_the_correction_of_their_put_in_every_order() {
    let sent_as = |id: &str| json!({ "external_id": id, "channel": "sms", "direction": "outbound", "to": NUMBER });
    let steps = [
        Step::Put("/api/v1/messages/reminder-1", sent_as("SM8")),
        Step::Put("/api/v1/messages/reminder-1", sent_as("SM9")),
        event(text_status("SM8", "undelivered", "+15005550098", None, start() + minutes(1))),
        event(text_status("SM9", "sent", NUMBER, None, start() + minutes(1))),
        event(text_status("SM9", "delivered", NUMBER, None, start() + minutes(2))),
    ];
    every_order(&steps, &["messages/reminder-1"], Mails::Same, true, |world| {
        let documents = world.documents("message");
        let message = |id: &str| {
            let stored = documents.iter().find(|stored| stored.document.key.id == id).expect("was heard of");
            Message::from_stored(stored).expect("can be read")
        };
        let (wrong, right, put) = (message("SM8"), message("SM9"), message("reminder-1"));
        assert_eq!((wrong.status(), wrong.external_id(), wrong.to()), (MessageStatus::Failed, Some("SM8"), Some("+15005550098")));
        assert!(wrong.is_unmatched() && right.same_as.as_deref() == Some("reminder-1"));
        assert_eq!((put.status(), put.external_id()), (MessageStatus::Delivered, Some("SM9")));
    })
    .await;
}

#[tokio::test]
async fn mails_in_every_order() {
    let message = json!({ "external_id": "em_1", "channel": "email", "direction": "outbound", "to": "ana@example.com" });
    let mut steps = vec![Step::Put("/api/v1/messages/mail-1", message)];
    for (minute, kind) in ["sent", "delivered", "opened", "bounced", "complained"].into_iter().enumerate() {
        steps.push(event(mail_event("em_1", kind, start() + minutes(minute as u64))));
    }
    every_order(&steps, &["messages/mail-1", "messages?unmatched=true"], Mails::Same, false, |world| {
        assert_eq!(world.documents("address").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn two_texts_of_one_booking_in_every_order() {
    let steps = [
        Step::Put("/api/v1/bookings/12345", booking(json!({ "status": "confirmed" }))),
        event(text_status("SM8", "sent", NUMBER, None, start() + minutes(1))),
        event(text_status("SM8", "delivered", NUMBER, None, start() + minutes(4))),
        event(text_status("SM9", "sent", NUMBER, None, start() + minutes(2))),
        event(text_status("SM9", "undelivered", NUMBER, None, start() + minutes(3))),
    ];
    every_order(&steps, &["messages/SM8", "messages/SM9", "bookings/12345"], Mails::Same, true, |_| ()).await;
}

#[tokio::test]
async fn bounces_without_an_address_in_every_order() {
    let bounced = |to: Value, id: &str| {
        let body = json!({ "type": "email.bounced", "emailId": id, "data": { "to": to } });
        let key = format!("{id}:email.bounced");
        event(crate::support::event("sendro", &key, "email.bounced", None, "", start() + minutes(2), &body.to_string()))
    };
    let mail = |id: &str, to: &str| json!({ "external_id": id, "channel": "email", "direction": "outbound", "to": to });
    let steps = [
        Step::Put("/api/v1/messages/mail-1", mail("em_1", "eve@example.com")),
        Step::Put("/api/v1/messages/mail-2", mail("em_2", "ben@example.com")),
        bounced(json!(""), "em_1"),
        bounced(json!(["ana@example.com", "ben@example.com"]), "em_2"),
        event(mail_event("em_3", "complained", start() + minutes(1))),
    ];
    let marks = |world: &World| {
        let marked: Vec<_> = world.documents("address").into_iter().map(|stored| stored.document.key.id.clone()).collect();
        assert_eq!(marked, ["ana@example.com", "eve@example.com"]);
    };
    every_order(&steps, &["messages/mail-1", "messages/mail-2", "messages?unmatched=true"], Mails::Same, false, marks).await;
}

#[tokio::test]
async fn opt_outs_in_every_order() {
    let steps = [
        event(text_in("SM1", "STOP", None, start() + minutes(1))),
        event(text_in("SM2", "START", None, start() + minutes(2))),
        event(text_in("SM3", "Unsubscribe", None, start() + minutes(3))),
        event(text_in("SM4", "Thanks", None, start() + minutes(4))),
    ];
    let out = |world: &World| {
        let phone = Phone::from_stored(&world.documents("phone")[0]).expect("can be read");
        assert!(phone.has_opted_out(), "{phone:?}");
    };
    every_order(&steps, &["messages/SM1", "messages/SM4"], Mails::Same, true, out).await;
}
