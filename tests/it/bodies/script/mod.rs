//! A script of events of all providers and puts, some of them twice or out of order: whatever the home, it ends in the same records.

mod cast;
mod ending;
mod steps;

use serde_json::Value;
use sluice_tests::{Home, InboundWebhook};

use self::{
    cast::Cast,
    steps::{Step, steps},
};

/// What is done in the script, by its label.
type Settled = Vec<(&'static str, Value)>;

pub(crate) fn a_script_of_all_providers_ends_in_the_same_records(home: &dyn Home) {
    let mut cast = Cast::fresh();
    let mut settled = Settled::new();
    let steps = steps();
    let events = steps.iter().filter(|step| !matches!(step, Step::Put(..))).count();
    assert!(events >= 40, "{events} events");
    for step in steps {
        match step {
            Step::Event(label, webhook) => {
                let record = handled(home, &cast, &webhook);
                cast.name_event(record["id"].as_str().expect("an id"), label);
                settled.push((label, record));
            }
            Step::Again(webhook) => {
                let record = handled(home, &cast, &webhook);
                assert!(settled.iter().any(|(_, known)| known["id"] == record["id"]), "a duplicate is an event of its own: {record}");
            }
            Step::OfOwnText(label, booking, webhook) => {
                let text = own_text(home, &cast, booking);
                let record = handled(home, &cast, &webhook.at(format!("/webhooks/twilio/sms-status?ref={text}")));
                cast.name_event(record["id"].as_str().expect("an id"), label);
                settled.push((label, record));
            }
            Step::Put(path, body) => put(home, &cast, path, &body),
        }
    }
    // As they are in the end: a callback may mark what an earlier event had sent.
    for (_, record) in &mut settled {
        *record = home.settled_as(record["id"].as_str().expect("an id"));
    }
    insta::assert_snapshot!("the_end_of_the_script", ending::shown(home, &cast, &settled));
}

/// Delivers a webhook and waits for the end of its event.
#[track_caller]
fn handled(home: &dyn Home, cast: &Cast, webhook: &InboundWebhook) -> Value {
    let webhook = webhook.clone().rewritten(|text| cast.play(text));
    home.receive(&webhook).expect(200);
    home.settled_as(&webhook.inbound_id())
}

/// Puts a record, and waits until what it tells anybody is told.
#[track_caller]
fn put(home: &dyn Home, cast: &Cast, path: &str, body: &Value) {
    let path = cast.play(&format!("/api/v1/{path}"));
    let body = serde_json::from_str(&cast.play(&body.to_string())).expect("names are names");
    home.client().put(&path, &body).expect(201);
    let history = home.client().get(&format!("{path}/history")).expect(200).json();
    if let Some(event) = history["items"][0]["event_id"].as_str() {
        home.settled_as(event);
    }
}

/// The text that was sent about a booking.
#[track_caller]
fn own_text(home: &dyn Home, cast: &Cast, booking: &str) -> String {
    let texts = home.client().list(&cast.play(&format!("/api/v1/messages?booking_id={booking}&channel=sms")));
    let own: Vec<_> = texts.iter().filter_map(|text| text["id"].as_str().filter(|id| id.starts_with("ms_"))).collect();
    let [own] = own[..] else { panic!("one text of the booking's, not {texts:?}") };
    own.to_owned()
}
