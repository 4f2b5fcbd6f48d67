//! Stripe's events. Their shapes: <https://docs.stripe.com/api/events/types>. Endpoints keep the API version that they were
//! created with, so shapes of many years arrive; only what a rule needs is read, and nothing else is asked of them.

mod charge;
mod customer;
mod invoice;
mod payment_intent;
mod shape;
mod thin;

use std::sync::Arc;

use serde::{Deserialize, de::DeserializeOwned};

use super::{no_rule, unexpected_shape};
use crate::{
    event::Publishing,
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
    /// What changed, as it was before. Promised of updates alone.
    #[serde(default, deserialize_with = "shape::lenient")]
    previous_attributes: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct Mode {
    #[serde(default = "live")]
    livemode: bool,
}

fn live() -> bool {
    true
}

/// What an event means for the records.
type Rule = fn(&Event<'_>, &mut View<'_>) -> Result<(), Stop>;

/// The rule for events of this type.
fn rule(kind: &str) -> Option<Rule> {
    Some(match kind {
        "payment_intent.succeeded" => |event, view| payment_intent::succeeded(event, &*read(event, view)?, view),
        "payment_intent.payment_failed" => |event, view| payment_intent::payment_failed(event, &*read(event, view)?, view),
        "charge.refunded" => |event, view| charge::refunded(event, &*read(event, view)?, view),
        "refund.created" | "refund.failed" | "refund.updated" | "charge.refund.updated" => {
            |event, view| charge::refund_failed(event, &*read(event, view)?, view)
        }
        "invoice.paid" | "invoice.payment_succeeded" => |event, view| invoice::paid(event, &*read(event, view)?, view),
        "invoice.payment_failed" => |event, view| invoice::payment_failed(event, &*read(event, view)?, view),
        "invoice_payment.paid" => |event, view| invoice::payment_paid(event, &*read(event, view)?, view),
        "customer.created" | "customer.updated" => |event, view| customer::told(event, &*read(event, view)?, view),
        "customer.subscription.created" | "customer.subscription.updated" | "customer.subscription.deleted" => {
            |event, view| customer::subscription(event, &*read(event, view)?, view)
        }
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" | "checkout.session.async_payment_failed" => {
            |event, view| customer::checkout(event, &*read(event, view)?, view)
        }
        "setup_intent.succeeded" => |event, view| customer::setup(event, &*read(event, view)?, view),
        _ => return None,
    })
}

pub(super) fn plan(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    if thin::is_thin(event.kind) {
        return thin::plan(event, view);
    }
    match rule(event.kind) {
        Some(rule) => rule(event, view),
        None => {
            heed_mode(event, view)?;
            no_rule(event, view);
            Ok(())
        }
    }
}

/// Reads what a rule needs, in one pass.
fn read<T: DeserializeOwned + Send + Sync + 'static>(event: &Event<'_>, view: &View<'_>) -> Result<Arc<Envelope<T>>, Stop> {
    match view.body(|| parse::<Envelope<T>>(event)) {
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
    // Whoever subscribed would take it for one of money.
    let reason = "a test-mode event, and SLUICE_STRIPE_TEST_MODE is off".to_owned();
    Err(Stop::Ignore { reason, twin: None, publishing: Publishing::Withheld })
}

fn parse<T: DeserializeOwned>(event: &Event<'_>) -> Result<T, Stop> {
    serde_json::from_slice(event.body).map_err(|error| unexpected_shape(event, &error))
}
