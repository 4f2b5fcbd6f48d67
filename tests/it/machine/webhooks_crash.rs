//! `kill -9` while webhooks go out, again and again: every publication that was accepted reaches every receiver, and the log of attempts says what the
//! receivers saw.

use std::{collections::BTreeMap, sync::Mutex, thread, time::Duration};

use serde_json::{Value, json};
use sluice_tests::{Home, LONG, Receiver, Reply, Size, machine::Machine, until};

use super::webhooks::{impatient, subscribe};

/// So many publish at the same time.
const PUBLISHERS: usize = 4;
/// How long a receiver takes for an answer, so that attempts are under way at every kill.
const LATE: Duration = Duration::from_millis(40);
/// What the log says of an attempt that nobody could write down, among other words.
const CUT_SHORT: &str = "cut short";

/// Publishes until so many webhooks have come, and kills in the middle of it. The events that were accepted.
fn load(home: &mut Machine, receiver: &Receiver, round: usize, enough: usize) -> Vec<String> {
    let (client, accepted) = (home.client(), Mutex::new(Vec::new()));
    let before = receiver.count();
    thread::scope(|scope| {
        for _ in 0..PUBLISHERS {
            scope.spawn(|| {
                // Until nobody answers any more.
                while let Ok(answer) = client.try_post("/api/v1/events", &json!({ "type": "order.created", "data": { "round": round } })) {
                    let event = answer.expect(202).json();
                    accepted.lock().expect("not poisoned").push(event["id"].as_str().expect("an id").to_owned());
                }
            });
        }
        until("webhooks to come", LONG, || (receiver.count() >= before + enough).then_some(()));
        home.kill();
    });
    accepted.into_inner().expect("not poisoned")
}

#[test]
fn every_delivery_survives_kills_and_every_attempt_is_in_its_log() {
    let (kills, enough) = match Size::of_this_run() {
        Size::Small => (4, 80),
        Size::Large => (100, 200),
    };
    let receiver = Receiver::start();
    receiver.reply("/late", &[Reply::Late(LATE)]);
    let mut home = impatient().start();
    let subscriptions = ["/at-once", "/late"].map(|path| subscribe(&home, &receiver.url(path), json!({})));
    let mut accepted = Vec::new();
    for kill in 0..kills {
        // The first webhooks of a round are those that the last one has left.
        accepted.append(&mut load(&mut home, &receiver, kill, enough));
        home.start();
    }
    home.quiet();
    let mut requests: BTreeMap<String, usize> = BTreeMap::new();
    receiver.got().into_iter().for_each(|webhook| *requests.entry(webhook.headers["x-webhook-delivery"].clone()).or_default() += 1);
    let mut cut_short = 0;
    for subscription in &subscriptions {
        let path = format!("/api/v1/subscriptions/{}/deliveries", subscription["id"].as_str().expect("an id"));
        let deliveries = home.client().list(&path);
        for delivery in &deliveries {
            cut_short += check(delivery, requests.remove(delivery["id"].as_str().expect("an id")).unwrap_or(0), kills);
        }
        let delivered: Vec<&str> = deliveries.iter().filter_map(|delivery| delivery["event_id"].as_str()).collect();
        let lost: Vec<&String> = accepted.iter().filter(|event| !delivered.contains(&event.as_str())).collect();
        assert!(lost.is_empty(), "accepted, and never delivered: {lost:?}");
    }
    assert!(requests.is_empty(), "webhooks of deliveries that nobody knows: {requests:?}");
    assert!(cut_short > 0, "no kill has met an attempt");
}

/// Holds the log of a delivery to the number of its requests that the receiver saw. How many attempts were cut short.
fn check(delivery: &Value, requests: usize, kills: usize) -> usize {
    assert_eq!(delivery["status"], "delivered", "{delivery}");
    let attempts = delivery["attempts"].as_array().expect("attempts");
    assert_eq!(delivery["attempted"], attempts.len(), "{delivery}");
    let is_cut_short = |attempt: &&Value| attempt["error"].as_str().is_some_and(|error| error.contains(CUT_SHORT));
    let (cut_short, known): (Vec<&Value>, Vec<&Value>) = attempts.iter().partition(is_cut_short);
    assert!(known.iter().all(|attempt| attempt["status_code"] == 200), "{delivery}");
    // The receiver may have seen one that was cut short, or may not.
    assert!((known.len()..=attempts.len()).contains(&requests), "{requests} requests came: {delivery}");
    assert_eq!(known.len(), 1, "what was delivered is not sent again: {delivery}");
    assert!(cut_short.len() <= kills, "{delivery}");
    cut_short.len()
}
