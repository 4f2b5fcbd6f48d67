//! Stripe's events. Their shapes: <https://docs.stripe.com/api/events/types>. Endpoints keep the API version that they were
//! created with, so shapes of many years arrive; only what a rule needs is read, and nothing else is asked of them.

mod charge;
mod payment_intent;

use serde::{Deserialize, de::DeserializeOwned};

use super::unexpected_shape;
use crate::{
    ids::record_id,
    plan::{Event, Stop, View},
};

/// The part of every Stripe event that rules look at.
#[derive(Deserialize)]
struct Envelope<T> {
    /// `evt_…`
    id: String,
    data: Data<T>,
}

#[derive(Deserialize)]
struct Data<T> {
    object: T,
}

#[derive(Deserialize)]
struct Mode {
    #[serde(default = "live")]
    livemode: bool,
}

fn live() -> bool {
    true
}

/// The notes that a payment or charge carries.
#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    booking_id: Option<String>,
}

impl Metadata {
    /// The booking named, if the name can be one.
    fn booking_id(metadata: Option<&Self>) -> Option<String> {
        metadata?.booking_id.clone().filter(|id| record_id(id).is_ok())
    }
}

pub(super) fn plan(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let mode: Mode = serde_json::from_slice(event.body).map_err(|error| unexpected_shape(event, &error))?;
    if !mode.livemode && !view.policy.stripe_test_mode {
        return Err(Stop::Ignore("a test-mode event, and SLUICE_STRIPE_TEST_MODE is off".to_owned()));
    }
    match event.kind {
        "payment_intent.succeeded" => payment_intent::succeeded(event, &read(event)?, view),
        "payment_intent.payment_failed" => payment_intent::payment_failed(event, &read(event)?, view),
        "charge.refunded" => charge::refunded(event, &read(event)?, view),
        kind => {
            tracing::warn!(event = event.id, kind, "no rule for this type of event; it is recorded");
            view.summarize(format!("{kind}: no rule for this type"));
            Ok(())
        }
    }
}

fn read<T: DeserializeOwned>(event: &Event<'_>) -> Result<Envelope<T>, Stop> {
    serde_json::from_slice(event.body).map_err(|error| unexpected_shape(event, &error))
}
