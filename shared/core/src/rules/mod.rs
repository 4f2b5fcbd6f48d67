//! What each event means for the records: pure functions of event, records and time.

mod booking;
mod github;
mod put;
mod stripe;
mod timer;

pub use put::put_booking;
pub(crate) use timer::{BOOKING_PUT, DUE as TIMER_DUE, own_event};

use crate::{
    envelope::digest,
    plan::{Event, Stop, View},
};

/// The provider of events that Sluice makes itself: timers, and what the API causes.
pub const SLUICE: &str = "sluice";
/// The source of timers.
pub const TIMER: &str = "timer";
/// The source of what the API causes.
pub const API: &str = "api";

/// The source of alarms.
pub const ALARM: &str = "alarm";
/// The type of the event that tells of dead letters.
pub const DEAD_LETTERS: &str = "dead_letters.found";

/// Plans one event.
///
/// # Errors
/// [`Stop`] if a record is missing, or the event is to be parked or ignored.
pub fn plan(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    match event.provider {
        "stripe" => stripe::plan(event, view),
        "github" => github::plan(event, view),
        "twilio" | "shopify" | "sendro" | "standard" => {
            no_rule(event, view);
            Ok(())
        }
        // What it told of is told; there is nothing to plan again.
        SLUICE if event.kind == DEAD_LETTERS => Ok(()),
        SLUICE => timer::plan(event, view),
        provider => Err(Stop::Park {
            code: format!("unknown_provider:{provider}"),
            reason: format!("this version of Sluice has no rules for the provider {provider}; run a version that has, and replay"),
        }),
    }
}

/// The event is recorded, and passed on to whoever subscribed; nothing else is known to follow from it.
fn no_rule(event: &Event<'_>, view: &mut View<'_>) {
    tracing::warn!(event = event.id, provider = event.provider, kind = event.kind, "no rule for this type of event; it is recorded");
    view.summarize(format!("{}: no rule for this type", event.kind));
}

/// The body is not what the event's type promises.
pub(crate) fn unexpected_shape(event: &Event<'_>, what: &dyn std::fmt::Display) -> Stop {
    Stop::Park { code: format!("unexpected_shape:{}", event.kind), reason: format!("the body is not what {} promises: {what}", event.kind) }
}

/// The key of an event that Sluice makes itself.
#[must_use]
pub fn own_key(record: &crate::ports::Key, what: &str) -> String {
    let key = format!("{record}/{what}");
    if key.len() <= 200 { key } else { format!("{}/{}", record.kind, digest(&[&key])) }
}
