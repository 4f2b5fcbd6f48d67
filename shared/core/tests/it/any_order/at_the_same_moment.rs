//! Two things at the same moment, of every kind besides bookings.

use super::*;
use crate::{
    same_moment::{interrupted, never_miss_each_other},
    shopify::{ORDER, order, redact_customer},
};

/// One step, as its sender makes it happen.
async fn happen(world: &World, step: &Step) {
    match step {
        Step::Event(message) => with(world, (**message).clone()).await,
        Step::Put(path, body) => {
            let answer = call(world, Method::PUT, path, Some(body.clone())).await;
            assert!(answer.status.is_success(), "{}", answer.json);
        }
    }
}

/// Two steps at the same moment, after those `before`.
async fn at_the_same_moment(before: &[Step], [first, second]: [&Step; 2], paths: &[&str]) {
    let begin = async || {
        let world = World::new(start(), true);
        take(&world, before, &(0..before.len()).collect::<Vec<_>>(), false).await;
        world
    };
    let (first, second) = (async |world: &World| happen(world, first).await, async |world: &World| happen(world, second).await);
    never_miss_each_other(begin, first, second, async |world: &World| (end(world, paths).await, mails(world))).await;
}

#[tokio::test]
async fn two_at_the_same_moment_never_miss_each_other() {
    let message = json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": NUMBER });
    let message = Step::Put("/api/v1/messages/reminder-1", message);
    let confirmed = Step::Put("/api/v1/bookings/12345", booking(json!({ "status": "confirmed" })));
    let open = Step::Put("/api/v1/bookings/12345", booking(json!({})));
    let failed = event(text_status("SM9", "failed", NUMBER, None, start() + minutes(1)));
    let pays = event(paid("evt_1", "pi_1", start(), start()));
    let texts = ["messages/reminder-1", "messages?unmatched=true", "bookings/12345"];
    at_the_same_moment(&[], [&message, &failed], &texts).await;
    at_the_same_moment(std::slice::from_ref(&message), [&confirmed, &failed], &texts).await;
    at_the_same_moment(&[], [&confirmed, &failed], &["messages/SM9", "messages?unmatched=true", "bookings/12345"]).await;
    at_the_same_moment(&[open], [&pays, &failed], &["messages/SM9", "messages?unmatched=true", "bookings/12345"]).await;
    let alike = json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": NUMBER });
    one_of_two_puts(&alike).await;
    let made = event(shopify("w1", "orders/create", start(), &order(start(), &json!({ "email": "", "customer": null }))));
    let redacted = event(shopify("w2", "customers/redact", start(), &redact_customer(&[820_982_911_946_154_613])));
    at_the_same_moment(&[], [&made, &redacted], &[&format!("orders/{ORDER}")]).await;
}

/// Two messages that are put with one id of the provider's at the same moment: one has it, the other is refused, at whichever call of theirs they meet.
async fn one_of_two_puts(body: &Value) {
    let mut calls = 1;
    let mut call_number = 0;
    while call_number < calls {
        let world = World::new(start(), true);
        let began = world.faults.calls();
        world.faults.plan(began + call_number, Fault::Yield);
        let answers = std::cell::RefCell::new(Vec::new());
        let put = async |id: &str| {
            let answer = call(&world, Method::PUT, &format!("/api/v1/messages/{id}"), Some(body.clone())).await;
            answers.borrow_mut().push((answer.status.as_u16(), id.to_owned()));
        };
        interrupted(put("one"), put("other")).await;
        calls = calls.max(world.faults.calls() - began);
        with(&world, text_status("SM9", "delivered", NUMBER, None, start())).await;
        let mut answers = answers.into_inner();
        answers.sort();
        let [(201, has), (409, refused)] = &answers[..] else { panic!("call {call_number}: {answers:?}") };
        assert_eq!(call(&world, Method::GET, &format!("/api/v1/messages/{has}"), None).await.json["status"], "delivered");
        assert_eq!(call(&world, Method::GET, &format!("/api/v1/messages/{refused}"), None).await.status.as_u16(), 404);
        call_number += 1;
    }
}
