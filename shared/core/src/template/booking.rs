//! What the messages to a booking's customer say.

use serde::Serialize;

use super::{MailContext, MailTemplate, SmsContext, SmsTemplate, text};
use crate::{money::Money, time::Timestamp};

/// What every message about a booking knows. Its fields stand beside the message's own in a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookingFacts {
    /// The name of the business.
    #[serde(serialize_with = "text::free")]
    pub business_name: String,
    /// The customer's name; without one the greeting does without.
    #[serde(serialize_with = "text::free_if_known")]
    pub customer_name: Option<String>,
    /// The booking's id.
    #[serde(serialize_with = "text::free")]
    pub booking_id: String,
    /// When what is booked begins.
    #[serde(serialize_with = "text::time_if_known")]
    pub starts_at: Option<Timestamp>,
}

/// The deposit is paid and the booking confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookingConfirmed {
    /// The booking.
    #[serde(flatten)]
    pub booking: BookingFacts,
    /// The deposit that was paid.
    #[serde(serialize_with = "text::money")]
    pub deposit: Money,
}

impl MailContext for BookingConfirmed {
    const TEMPLATE: MailTemplate = MailTemplate::BookingConfirmed;
}

impl SmsContext for BookingConfirmed {
    const TEMPLATE: SmsTemplate = SmsTemplate::BookingConfirmed;
}

/// The booking is confirmed, as its owner says, and no deposit was paid. It goes in place of a text of somebody else's that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookingConfirmedUnpaid {
    /// The booking.
    #[serde(flatten)]
    pub booking: BookingFacts,
}

impl MailContext for BookingConfirmedUnpaid {
    const TEMPLATE: MailTemplate = MailTemplate::BookingConfirmedUnpaid;
}

/// A payment failed; the booking is held for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookingPaymentFailed {
    /// The booking.
    #[serde(flatten)]
    pub booking: BookingFacts,
    /// What should have been paid.
    #[serde(serialize_with = "text::money")]
    pub amount: Money,
    /// Why it failed, as whole sentences: see [`in_plain_words`](crate::decline::in_plain_words).
    #[serde(serialize_with = "text::free")]
    pub reason: String,
    /// Where to pay: see [`PayUrl::link`](crate::pay_url::PayUrl::link).
    pub pay_url: Option<String>,
    /// Until when the booking is held.
    #[serde(serialize_with = "text::time")]
    pub held_until: Timestamp,
}

impl MailContext for BookingPaymentFailed {
    const TEMPLATE: MailTemplate = MailTemplate::BookingPaymentFailed;
}

/// The hold ended without a payment, so the booking was cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookingHoldEnded {
    /// The booking.
    #[serde(flatten)]
    pub booking: BookingFacts,
    /// When the hold ended.
    #[serde(serialize_with = "text::time")]
    pub held_until: Timestamp,
}

impl MailContext for BookingHoldEnded {
    const TEMPLATE: MailTemplate = MailTemplate::BookingHoldEnded;
}

/// A payment made in time was heard of late: the cancellation is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookingReinstated {
    /// The booking.
    #[serde(flatten)]
    pub booking: BookingFacts,
    /// The deposit that was paid.
    #[serde(serialize_with = "text::money")]
    pub deposit: Money,
}

impl MailContext for BookingReinstated {
    const TEMPLATE: MailTemplate = MailTemplate::BookingReinstated;
}

impl SmsContext for BookingReinstated {
    const TEMPLATE: SmsTemplate = SmsTemplate::BookingReinstated;
}

/// The deposit, or a part of it, was refunded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookingRefunded {
    /// The booking.
    #[serde(flatten)]
    pub booking: BookingFacts,
    /// All that has been refunded so far.
    #[serde(serialize_with = "text::money")]
    pub refunded: Money,
    /// The whole deposit, if only a part of it has been refunded: see [`BookingRefunded::part_of`].
    #[serde(serialize_with = "text::money_if_known")]
    pub part_of: Option<Money>,
}

impl BookingRefunded {
    /// The deposit that `refunded` is only a part of; `None` if it is all of it, or if the two can't be compared.
    #[must_use]
    pub fn part_of(refunded: Money, deposit: Option<Money>) -> Option<Money> {
        deposit.filter(|deposit| deposit.currency == refunded.currency && refunded.amount < deposit.amount)
    }
}

impl MailContext for BookingRefunded {
    const TEMPLATE: MailTemplate = MailTemplate::BookingRefunded;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_less_of_the_same_currency() {
        let money = |amount, currency: &str| Money::new(amount, currency.parse().unwrap());
        let deposit = money(6_000, "usd");
        assert_eq!(BookingRefunded::part_of(money(2_000, "usd"), Some(deposit)), Some(deposit));
        assert_eq!(BookingRefunded::part_of(money(6_000, "usd"), Some(deposit)), None);
        assert_eq!(BookingRefunded::part_of(money(7_000, "usd"), Some(deposit)), None);
        assert_eq!(BookingRefunded::part_of(money(2_000, "eur"), Some(deposit)), None);
        assert_eq!(BookingRefunded::part_of(money(2_000, "usd"), None), None);
    }
}
