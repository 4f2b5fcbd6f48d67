//! What the mails to the people who run the business and the gateway say.

use serde::Serialize;

use super::{MailContext, MailTemplate, text};
use crate::{money::Money, time::Timestamp};

/// Why a payment revived no booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LatePayment {
    /// It was made after the end of the hold.
    AfterHold,
    /// The booking had been cancelled by its owner.
    Cancelled,
}

/// How a payment differs from the deposit of its booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// It is in another currency.
    OtherCurrency,
    /// It is less.
    TooLittle,
}

/// To support: there is something about the money of a booking that a person is to see to. Either a payment came, and is late, not the deposit, or both; or a
/// refund failed, so that its money is here again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SupportPayment {
    /// Why the payment revives nothing, if it came too late.
    pub late: Option<LatePayment>,
    /// How the payment differs from the deposit, if it does.
    pub differs: Option<Difference>,
    /// All that came back of refunds so far, where it is about these.
    #[serde(serialize_with = "text::money_if_known")]
    pub failed: Option<Money>,
    /// What stays refunded then, if anything does.
    #[serde(serialize_with = "text::money_if_known")]
    pub refunded: Option<Money>,
    /// The booking's id.
    #[serde(serialize_with = "text::free")]
    pub booking_id: String,
    /// The deposit that was to be paid, where the payment differs from it.
    #[serde(serialize_with = "text::money_if_known")]
    pub deposit: Option<Money>,
    /// What was paid.
    #[serde(serialize_with = "text::money_if_known")]
    pub amount: Option<Money>,
    /// When it was paid, by the provider's own time.
    #[serde(serialize_with = "text::time_if_known")]
    pub paid_at: Option<Timestamp>,
    /// When the hold ended, if that made it late.
    #[serde(serialize_with = "text::time_if_known")]
    pub hold_ended_at: Option<Timestamp>,
    /// Stripe's id of the payment intent.
    #[serde(serialize_with = "text::free_if_known")]
    pub payment_intent: Option<String>,
    /// The id of the event that told of it (`in_…`).
    #[serde(serialize_with = "text::free")]
    pub event_id: String,
    /// The customer's name.
    #[serde(serialize_with = "text::free_if_known")]
    pub customer_name: Option<String>,
    /// The customer's mail address.
    #[serde(serialize_with = "text::free_if_known")]
    pub customer_email: Option<String>,
    /// The customer's phone number.
    #[serde(serialize_with = "text::free_if_known")]
    pub customer_phone: Option<String>,
}

impl MailContext for SupportPayment {
    const TEMPLATE: MailTemplate = MailTemplate::SupportPayment;
}

/// To support: a text message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SupportTextFailed {
    /// The number that it went to.
    #[serde(serialize_with = "text::free")]
    pub to: String,
    /// Why it did not arrive, in words.
    #[serde(serialize_with = "text::free")]
    pub reason: String,
    /// The provider's code for it.
    #[serde(serialize_with = "text::free_if_known")]
    pub code: Option<String>,
    /// The booking that it was about. Its customer is mailed instead.
    #[serde(serialize_with = "text::free_if_known")]
    pub booking_id: Option<String>,
    /// The message's id.
    #[serde(serialize_with = "text::free")]
    pub message_id: String,
    /// The provider's id of it.
    #[serde(serialize_with = "text::free_if_known")]
    pub external_id: Option<String>,
    /// The id of the event that told of it (`in_…`).
    #[serde(serialize_with = "text::free")]
    pub event_id: String,
}

impl MailContext for SupportTextFailed {
    const TEMPLATE: MailTemplate = MailTemplate::SupportTextFailed;
}

/// To support: a mail was not sent, because earlier mail to its address bounced or was reported as unwanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SupportMailLeftOut {
    /// The mail's template, such as `booking_confirmed`.
    #[serde(serialize_with = "text::free")]
    pub mail: String,
    /// The record that it was about, such as `booking/12345`.
    #[serde(serialize_with = "text::free")]
    pub about: String,
    /// Why its address is left out.
    #[serde(serialize_with = "text::free")]
    pub reason: String,
    /// The id of the event that caused it (`in_…`).
    #[serde(serialize_with = "text::free")]
    pub event_id: String,
}

impl SupportMailLeftOut {
    /// The prefix of the subject of such an announcement; the subject of the one that was left out follows.
    pub const SUBJECT: &'static str = "left_out:";
}

impl MailContext for SupportMailLeftOut {
    const TEMPLATE: MailTemplate = MailTemplate::SupportMailLeftOut;
}

/// What the operator is alerted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Events were parked.
    Parked,
    /// Messages went to a dead-letter queue.
    DeadLettered,
    /// Effects can never succeed.
    EffectFailed,
    /// Stripe's API refuses the key, or the key lacks a permission.
    StripeKeyRefused,
    /// Messages of a tenant wait, because what its sources may have sent in an hour is spent.
    AllowanceSpent,
}

/// To the operator: something needs a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// What it is about.
    pub kind: AlertKind,
    /// Why it happened.
    #[serde(serialize_with = "text::free")]
    pub reason: String,
    /// How many there are for this reason, since `since` if that is known. At least 1.
    pub count: u64,
    /// The start of what was counted.
    #[serde(serialize_with = "text::time_if_known")]
    pub since: Option<Timestamp>,
    /// The latest event concerned (`in_…`).
    #[serde(serialize_with = "text::free_if_known")]
    pub event_id: Option<String>,
    /// The event's type.
    #[serde(serialize_with = "text::free_if_known")]
    pub event_type: Option<String>,
    /// Who sent the event.
    #[serde(serialize_with = "text::free_if_known")]
    pub provider: Option<String>,
    /// The effect that failed, such as `mail booking_confirmed to booking 12345`.
    #[serde(serialize_with = "text::free_if_known")]
    pub effect: Option<String>,
}

impl MailContext for Alert {
    const TEMPLATE: MailTemplate = MailTemplate::Alert;
}
