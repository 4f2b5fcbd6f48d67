//! The samples under `events/`, as webhooks that were verified.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value};
use sluice_core::{
    body::PackedBody,
    envelope::{Envelope, InboundMessage},
    event::EventStatus,
    provider::{ALL, Named, Provider, Route},
    testing::World,
    time::Timestamp,
};
use sluice_signature::{Form, Message};

use crate::support::start;

/// A request as a provider sends it.
#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// One file under `events/`.
pub(crate) struct Sample {
    pub(crate) provider: &'static dyn Provider,
    /// Its path without `.json`, from the provider's folder.
    pub(crate) name: String,
    pub(crate) named: Named,
    /// Whether it only tries out an endpoint, so that nothing is recorded or published of it.
    pub(crate) trial: bool,
    request: Request,
}

/// All of them, by provider and name.
pub(crate) fn samples() -> Vec<Sample> {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut samples = Vec::new();
    for provider in ALL {
        let folder = events.join(provider.name());
        for path in files(&folder) {
            let relative = path.strip_prefix(&folder).expect("it is in there").with_extension("");
            let request = serde_json::from_str(&fs::read_to_string(&path).expect("readable")).expect("a sample");
            let (named, trial) = read(*provider, &request);
            samples.push(Sample { provider: *provider, name: relative.to_str().expect("UTF-8").to_owned(), named, trial, request });
        }
    }
    samples
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("readable").path());
    let mut found: Vec<_> = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    found.sort();
    found
}

/// What ingest reads of it: how it is named, and whether it is a trial.
fn read(provider: &dyn Provider, request: &Request) -> (Named, bool) {
    let headers: Vec<(&str, &[u8])> = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let url = format!("https://hooks.example.com{}", request.path);
    let message = Message { method: &request.method, url: &url, headers: &headers, body: request.body.as_bytes() };
    let channel = request.path.strip_prefix("/webhooks/twilio/").unwrap_or_default();
    let named = provider.name_event(&Route { channel, source: "default" }, &message).expect("it is named");
    (named, provider.is_trial(&message))
}

impl Sample {
    /// Its body as it is sent.
    pub(crate) fn body(&self) -> &str {
        &self.request.body
    }

    /// The message that ingest puts into the queue.
    pub(crate) fn message(&self, at: Timestamp) -> InboundMessage {
        let Named { key, kind, occurred_at, account } = self.named.clone();
        let lower = self.request.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
        InboundMessage::Event(Box::new(Envelope {
            provider: self.provider.name().to_owned(),
            source: "default".to_owned(),
            key,
            kind,
            occurred_at,
            account,
            tenant: None,
            received_at: at,
            query: String::new(),
            headers: lower.filter(|(name, _)| self.provider.kept_headers().contains(&name.as_str())).collect(),
            body: PackedBody::pack(self.provider.dictionary(), self.request.body.as_bytes()),
        }))
    }

    /// What subscribers are told: the body, a form as an object.
    pub(crate) fn data(&self) -> Map<String, Value> {
        if let Ok(body) = serde_json::from_str(&self.request.body) {
            return body;
        }
        let text = |bytes: &[u8]| Value::String(String::from_utf8(bytes.to_vec()).expect("UTF-8"));
        let form = Form::parse(self.request.body.as_bytes()).expect("a form");
        form.pairs().map(|(name, value)| (String::from_utf8(name.to_vec()).expect("UTF-8"), text(value))).collect()
    }
}

/// What changes nothing: a thin event without a key for Stripe's API, whose twin tells the same.
const IGNORED: [&str; 1] = ["stripe v1.payment_intent.succeeded"];

#[tokio::test]
async fn every_sample_goes_through_handling() {
    let world = World::new(start(), true);
    let samples = samples();
    assert!(samples.len() > 80, "{}", samples.len());
    for sample in &samples {
        world.enqueue(&sample.message(start())).await;
    }
    world.run_until_quiet().await;
    let events = world.events();
    for sample in &samples {
        let name = format!("{} {}", sample.provider.name(), sample.name);
        let event = events.iter().find(|event| event.provider == sample.provider.name() && event.key == sample.named.key).expect(&name);
        let expected = if IGNORED.contains(&name.as_str()) { EventStatus::Ignored } else { EventStatus::Done };
        assert_eq!(event.status, expected, "{name}: {:?}", event.reason);
        assert!(!event.summary.is_empty() && !event.summary.contains('\n'), "{name}: {:?}", event.summary);
    }
}
