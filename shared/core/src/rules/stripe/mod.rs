//! Stripe's events. Their shapes: <https://docs.stripe.com/api/events/types>. Endpoints keep the API version that they were
//! created with, so shapes of many years arrive; only what a rule needs is read, and nothing else is asked of them.

mod charge;
mod payment_intent;

use serde::{Deserialize, de::DeserializeOwned};

use super::{no_rule, unexpected_shape};
use crate::{
    ids::record_id,
    plan::{Event, Stop, View},
};

/// The part of every Stripe event that rules look at.
#[derive(Deserialize)]
struct Envelope<T> {
    /// `evt_…`
    id: String,
    #[serde(default = "live")]
    livemode: bool,
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
    match event.kind {
        "payment_intent.succeeded" => payment_intent::succeeded(event, &read(event, view)?, view),
        "payment_intent.payment_failed" => payment_intent::payment_failed(event, &read(event, view)?, view),
        "charge.refunded" => charge::refunded(event, &read(event, view)?, view),
        _ => {
            heed_mode(event, view)?;
            no_rule(event, view);
            Ok(())
        }
    }
}

/// Reads what a rule needs, in one pass: a plan is made several times, and reading the body is most of its work.
fn read<T: DeserializeOwned>(event: &Event<'_>, view: &View<'_>) -> Result<Envelope<T>, Stop> {
    match parse::<Envelope<T>>(event) {
        Ok(body) => heed(body.livemode, view).map(|()| body),
        // A test-mode event is not asked for its shape where it is to be ignored.
        Err(stop) => heed_mode(event, view).and(Err(stop)),
    }
}

fn heed_mode(event: &Event<'_>, view: &View<'_>) -> Result<(), Stop> {
    heed(parse::<Mode>(event)?.livemode, view)
}

fn heed(livemode: bool, view: &View<'_>) -> Result<(), Stop> {
    if livemode || view.policy.stripe_test_mode {
        return Ok(());
    }
    Err(Stop::Ignore("a test-mode event, and SLUICE_STRIPE_TEST_MODE is off".to_owned()))
}

fn parse<T: DeserializeOwned>(event: &Event<'_>) -> Result<T, Stop> {
    serde_json::from_slice(event.body).map_err(|error| unexpected_shape(event, &error))
}
