//! Thin events say what happened to which object, and no more: <https://docs.stripe.com/event-destinations#thin-events>. Those of API v1's objects are
//! twins of snapshot events (`v1.invoice.paid` of `invoice.paid`), and mean the same. Whichever comes second changes nothing.

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{heed, live, parse, rule};
use crate::{
    envelope::event_id,
    event::Publishing,
    plan::{Event, Stop, View},
    ports::{StripeAnswer, StripeObject},
    record::to_json,
    rules::{no_rule, unexpected_shape},
    time::Timestamp,
};

#[derive(Deserialize)]
struct Thin {
    id: String,
    #[serde(default = "live")]
    livemode: bool,
    /// The object that it is about; some events are about none.
    #[serde(default)]
    related_object: Option<Related>,
    /// The id of the snapshot event that tells the same, where Stripe makes both.
    #[serde(default)]
    snapshot_event: Option<String>,
}

#[derive(Deserialize)]
struct Related {
    /// The path at which it is read.
    url: String,
}

/// What rules look at of the snapshot before they read it themselves.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    created: i64,
}

/// Whether a type is that of a thin event: snapshot events have no version in front.
pub(super) fn is_thin(kind: &str) -> bool {
    kind.starts_with("v1.") || kind.starts_with("v2.")
}

pub(super) fn plan(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let thin: Thin = parse(event)?;
    heed(thin.livemode, view)?;
    // What has no rule is not worth a question.
    let Some(rule) = event.kind.strip_prefix("v1.").and_then(rule) else {
        no_rule(event, view);
        return Ok(());
    };
    let (body, occurred_at) = match &thin.snapshot_event {
        Some(snapshot) => twin(event, &thin, snapshot, view)?,
        None => (around_object(event, &thin, view)?, whole_seconds(event)),
    };
    let kind = event.kind.trim_start_matches("v1.");
    rule(&Event { kind, occurred_at, body: &body, ..*event }, view)
}

/// The snapshot event itself: its id and time, so that both say the same, and the object as it was then.
fn twin(event: &Event<'_>, thin: &Thin, snapshot: &str, view: &mut View<'_>) -> Result<(Vec<u8>, Option<Timestamp>), Stop> {
    let twin = event_id(event.provider, event.source, snapshot);
    let object = StripeObject::Event(snapshot.to_owned());
    let why = match view.look_up::<Box<RawValue>>(event.in_stripe(thin.livemode, object))? {
        StripeAnswer::Found(body) => {
            let body = body.get().as_bytes().to_vec();
            let head: Head =
                serde_json::from_slice(&body).map_err(|error| unexpected_shape(event, &format!("its twin {snapshot}: {error}")))?;
            if event.kind.strip_prefix("v1.") != Some(head.kind.as_str()) {
                return Err(unexpected_shape(event, &format!("its twin {snapshot} is a {}", head.kind)));
            }
            view.link_twin(twin);
            return Ok((body, Some(Timestamp::from_seconds(head.created))));
        }
        // What it was about may still be there.
        StripeAnswer::NotThere => match around_object(event, thin, view) {
            Ok(body) => return Ok((body, whole_seconds(event))),
            Err(Stop::Ignore { .. }) => "Stripe has it no more",
            Err(stop) => return Err(stop),
        },
        StripeAnswer::NotKnown => NO_KEY,
    };
    let reason = format!("a thin event whose snapshot {snapshot} can't be read: {why}; {twin} tells the same if that comes here, too");
    Err(Stop::Ignore { reason, twin: Some(twin), publishing: Publishing::Published })
}

/// When it happened, as a snapshot says it, so that both say the same.
fn whole_seconds(event: &Event<'_>) -> Option<Timestamp> {
    event.occurred_at.map(|at| Timestamp::from_seconds(at.seconds()))
}

/// A snapshot event around the object as it is now.
fn around_object(event: &Event<'_>, thin: &Thin, view: &View<'_>) -> Result<Vec<u8>, Stop> {
    let Some(related) = &thin.related_object else {
        let reason = "a thin event that names neither an object nor a snapshot".to_owned();
        return Err(Stop::Ignore { reason, twin: None, publishing: Publishing::Published });
    };
    let object = StripeObject::Related(related.url.clone());
    let why = match view.look_up::<Box<RawValue>>(event.in_stripe(thin.livemode, object))? {
        StripeAnswer::Found(object) => {
            return Ok(to_json(&json!({ "id": thin.id, "livemode": thin.livemode, "data": { "object": object } })));
        }
        StripeAnswer::NotThere => "Stripe has no such object",
        StripeAnswer::NotKnown => NO_KEY,
    };
    let reason = format!("a thin event whose object {} can't be read: {why}", related.url);
    Err(Stop::Ignore { reason, twin: None, publishing: Publishing::Published })
}

const NO_KEY: &str = "there is no key for Stripe's API (STRIPE_SECRET_KEY); set one and replay";
