//! What those who subscribed are told of messages, in every order of their steps and of a put: that one came in, once, and how far one came that was sent.

use super::*;
use crate::{business_events::subscribe, support::event as webhook};

/// What was told, each event once however often it was delivered: its type and the id of its record.
fn news(world: &World) -> Vec<(String, String)> {
    let got = world.receivers.got();
    let by_id: std::collections::BTreeMap<_, _> = got.iter().map(|got| (got.header("webhook-id").to_owned(), &got.body)).collect();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let bodies = by_id.into_values().map(|body| serde_json::from_slice::<Value>(body).expect("JSON"));
    let mut told: Vec<_> = bodies.map(|body| (text(&body["type"]), text(&body["data"]["id"]))).collect();
    told.sort();
    told
}

/// Has the steps happen in every order, with calls that go wrong in some, all of them but the puts twice.
async fn in_every_order(steps: &[Step], check: impl Fn(&[(String, String)], &str)) {
    for (number, order) in orders(steps.len()).into_iter().filter(|order| keeps_words_in_order(steps, order)).enumerate() {
        let mut calls = 0;
        for time in 0..=TestSize::of_this_run().pick(u64::from(number % 4 == 0), 3) {
            let world = World::new(start(), true);
            subscribe(&world, json!({ "event_types": ["message.*"] })).await;
            let began = world.faults.calls();
            let faults = if time > 0 { drawn_faults(number as u64 * 100 + time, calls) } else { Vec::new() };
            faults.iter().for_each(|(call, fault)| world.faults.plan(began + *call, *fault));
            take(&world, steps, &order, false).await;
            let events: Vec<_> = order.iter().copied().filter(|number| matches!(steps[*number], Step::Event(_))).collect();
            take(&world, steps, &events, true).await;
            calls = calls.max(world.faults.calls() - began);
            check(&news(&world), &format!("order {order:?}, {faults:?}"));
        }
    }
}

fn types(told: &[(String, String)]) -> Vec<&str> {
    told.iter().map(|(kind, _)| kind.as_str()).collect()
}

fn put(id: &'static str, direction: &str, external_id: &str) -> Step {
    Step::Put(id, json!({ "external_id": external_id, "channel": "sms", "direction": direction, "to": NUMBER, "from": NUMBER }))
}

const MINE: &str = "/api/v1/messages/mine";

#[tokio::test]
async fn a_text_that_came_in_is_told_once_and_as_nothing_that_was_sent() {
    let again = json!({ "external_id": "SM1", "channel": "sms", "direction": "inbound", "status": "delivered" });
    for (path, again) in [(MINE, again.clone()), ("/api/v1/messages/SM1", again)] {
        let steps = [
            event(text_in("SM1", "Is+ten+fine%3F", None, start())),
            event(text_status("SM1", "delivered", NUMBER, None, start() + minutes(1))),
            put(path, "inbound", "SM1"),
            Step::Put(path, again),
        ];
        in_every_order(&steps, |told, how| assert_eq!(types(told), ["message.received"], "{how}")).await;
    }
}

#[tokio::test]
async fn a_text_whose_put_said_the_wrong_way_at_first_is_told_once() {
    let steps = [
        event(text_in("SM1", "Hello", None, start())),
        put(MINE, "inbound", "SM1"),
        put(MINE, "outbound", "SM1"),
        put(MINE, "inbound", "SM1"),
    ];
    let received = |told: &[(String, String)]| types(told).iter().filter(|kind| **kind == "message.received").count();
    in_every_order(&steps, |told, how| assert_eq!(received(told), 1, "{how}: {told:?}")).await;
}

#[tokio::test]
async fn a_call_that_came_in_is_told_once_however_it_ends() {
    let call = |status: &str, direction: &str| {
        let body = format!("CallSid=CA1&CallStatus={status}&Direction={direction}&From=%2B15005550006&To=%2B15005550001");
        event(webhook("twilio", &format!("CA1:{status}"), &format!("call.{status}"), None, "", start(), &body))
    };
    for last in ["completed", "no-answer"] {
        let steps = |direction: &str| {
            let body = json!({ "external_id": "CA1", "channel": "voice", "direction": if direction == "inbound" { "inbound" } else { "outbound" } });
            [call("ringing", direction), call("in-progress", direction), call(last, direction), Step::Put("/api/v1/messages/call-1", body)]
        };
        in_every_order(&steps("inbound"), |told, how| assert_eq!(types(told), ["message.received"], "{last}, {how}")).await;
        let end = if last == "completed" { "message.delivered" } else { "message.failed" };
        in_every_order(&steps("outbound-api"), |told, how| assert_eq!(types(told), [end], "{last}, {how}")).await;
    }
}

#[tokio::test]
async fn a_text_that_was_sent_is_told_by_how_far_it_came() {
    for (last, kind) in [("delivered", "message.delivered"), ("undelivered", "message.failed")] {
        let steps = [
            put(MINE, "outbound", "SM9"),
            event(text_status("SM9", "queued", NUMBER, None, start())),
            event(text_status("SM9", "sent", NUMBER, None, start() + minutes(1))),
            event(text_status("SM9", last, NUMBER, None, start() + minutes(2))),
        ];
        in_every_order(&steps, |told, how| assert_eq!(told, [(kind.to_owned(), "mine".to_owned())], "{how}")).await;
    }
}

/// A put under the id of another text joins that one for a while. Both are told; and neither twice under the same id, whatever led where.
#[tokio::test]
async fn two_texts_that_were_taken_for_one_are_each_told() {
    let steps = [
        put(MINE, "inbound", "SM8"),
        put(MINE, "inbound", "SM9"),
        event(text_in("SM8", "Hello", None, start())),
        event(text_in("SM9", "Hello+again", None, start() + minutes(1))),
    ];
    in_every_order(&steps, |told, how| {
        let ids: BTreeSet<_> = told.iter().map(|(_, id)| id.as_str()).collect();
        assert!(types(told).iter().all(|kind| *kind == "message.received"), "{how}: {told:?}");
        assert_eq!(ids.len(), told.len(), "{how}: {told:?}");
        assert!(ids.contains("SM8") && (ids.contains("SM9") || ids.contains("mine")), "{how}: {told:?}");
    })
    .await;
}
