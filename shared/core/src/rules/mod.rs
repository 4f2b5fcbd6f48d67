//! What each event means for the records: pure functions of event, records and time.

mod address;
mod booking;
mod customers;
mod fields;
mod github;
mod invoicing;
mod message;
mod own_text;
mod put;
mod sendro;
mod ses;
mod shopify;
mod stripe;
mod timer;
mod twilio;
mod waiting_invoices;

pub(crate) use booking::settle_put as settle_put_booking;
pub(crate) use customers::{settle_customer, settle_tenant};
pub(crate) use invoicing::settle_invoice;
pub(crate) use message::settle_put as settle_put_message;
pub use own_text::Refused;
pub(crate) use own_text::{taken as text_taken, to_other_number as text_to_other_number, unsent as text_unsent};
pub use put::put;
pub(crate) use ses::{envelope as ses_envelope, is_greeting_of_ses};
pub(crate) use shopify::{DataRequest, Redaction, UNSIGNED_TOPIC, redact_named, redact_older};
pub(crate) use timer::{DUE as TIMER_DUE, own_event};
pub(crate) use twilio::{errors as twilio_errors, keyword, space_of_text};

use crate::{
    envelope::digest,
    plan::{Event, Stop, View},
    provider,
};

/// The provider of events that Sluice makes itself: timers, and what the API causes.
pub const SLUICE: &str = "sluice";
/// The provider of what Amazon SES says about mails, which comes over the queue and not as a webhook.
pub const SES: &str = "ses";
/// The source of timers.
pub const TIMER: &str = "timer";
/// The source of what the API causes.
pub const API: &str = "api";

/// The source of what is published on its own account.
pub const PUBLISH: &str = "publish";

/// The source of jobs that have a subscription catch up.
pub const CATCH_UP: &str = "catch_up";

/// The source of alarms.
pub const ALARM: &str = "alarm";
/// The type of the event that tells of dead letters.
pub const DEAD_LETTERS: &str = "dead_letters.found";
/// The type of the event that tells of a key that Stripe's API refuses, and the code of its alarm.
pub const STRIPE_KEY_REFUSED: &str = "stripe_key.refused";
/// The code of the alarm that tells that what a tenant's sources may have sent in an hour is spent.
pub const ALLOWANCE_SPENT: &str = "allowance.spent";

/// Plans one event.
///
/// # Errors
/// [`Stop`] if a record is missing, or the event is to be parked or ignored.
pub fn plan(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    match event.provider {
        "stripe" => stripe::plan(event, view),
        "github" => github::plan(event, view),
        "twilio" => twilio::plan(event, view),
        "sendro" => sendro::plan(event, view),
        SES => ses::plan(event, view),
        "shopify" => shopify::plan(event, view),
        // What it told of is told; there is nothing to plan again.
        SLUICE if [DEAD_LETTERS, STRIPE_KEY_REFUSED].contains(&event.kind) => Ok(()),
        SLUICE if [PUBLISH, CATCH_UP].contains(&event.source) => Ok(()),
        SLUICE => timer::plan(event, view),
        provider if provider::NAMES.contains(&provider) => {
            no_rule(event, view);
            Ok(())
        }
        provider => Err(Stop::Park {
            code: format!("unknown_provider:{provider}"),
            reason: format!("this version of Sluice has no rules for the provider {provider}; run a version that has, and replay"),
        }),
    }
}

/// The event is recorded, and passed on to whoever subscribed; nothing else is known to follow from it. Its summary says so, and so does the
/// line of the log on what became of it.
fn no_rule(event: &Event<'_>, view: &mut View<'_>) {
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
