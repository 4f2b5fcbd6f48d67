//! Examples that every template must cope with: one with all there may be, one with the least.

use minijinja::{Value, value::Serde};

use super::{
    Alert, AlertKind, BookingConfirmed, BookingFacts, BookingHoldEnded, BookingPaymentFailed, BookingRefunded, BookingReinstated,
    LatePayment, MailTemplate, SmsTemplate, SupportLatePayment,
};
use crate::{money::Money, time::Timestamp};

pub(super) fn of_mail(template: MailTemplate) -> Vec<Value> {
    match template {
        MailTemplate::BookingConfirmed => values([full(), least()].map(confirmed)),
        MailTemplate::BookingPaymentFailed => values([full(), least()].map(payment_failed)),
        MailTemplate::BookingHoldEnded => values([full(), least()].map(hold_ended)),
        MailTemplate::BookingReinstated => values([full(), least()].map(reinstated)),
        MailTemplate::BookingRefunded => values([full(), least()].map(refunded)),
        MailTemplate::SupportLatePayment => values([late_payment(), late_payment_least()]),
        MailTemplate::Alert => values(
            [AlertKind::Parked, AlertKind::DeadLettered, AlertKind::EffectFailed]
                .into_iter()
                .flat_map(|kind| [alert(kind), alert_least(kind)]),
        ),
    }
}

pub(super) fn of_sms(template: SmsTemplate) -> Vec<Value> {
    match template {
        SmsTemplate::BookingConfirmed => values([full(), least()].map(confirmed)),
        SmsTemplate::BookingReinstated => values([full(), least()].map(reinstated)),
    }
}

fn values<T: serde::Serialize>(examples: impl IntoIterator<Item = T>) -> Vec<Value> {
    examples.into_iter().map(|example| Value::from(Serde(example))).collect()
}

fn dollars(amount: i64) -> Money {
    Money::new(amount, "usd".parse().expect("three letters"))
}

/// 22 November 2026, 06:16:36 UTC.
const NOW: i64 = 1_795_328_196;

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

pub(super) fn full() -> BookingFacts {
    BookingFacts {
        business_name: "Acme Spa".to_owned(),
        customer_name: Some("Anna Smith".to_owned()),
        booking_id: "12345".to_owned(),
        starts_at: Some(Timestamp::from_seconds(NOW + 86_400)),
    }
}

pub(super) fn least() -> BookingFacts {
    BookingFacts { customer_name: None, starts_at: None, ..full() }
}

pub(super) fn confirmed(booking: BookingFacts) -> BookingConfirmed {
    BookingConfirmed { booking, deposit: dollars(6_000) }
}

pub(super) fn payment_failed(booking: BookingFacts) -> BookingPaymentFailed {
    BookingPaymentFailed {
        pay_url: booking.starts_at.map(|_| "https://example.com/pay/12345".to_owned()),
        booking,
        amount: dollars(6_000),
        reason: "The card doesn't have enough money available.".to_owned(),
        held_until: Timestamp::from_seconds(NOW + 7_200),
    }
}

pub(super) fn hold_ended(booking: BookingFacts) -> BookingHoldEnded {
    BookingHoldEnded { booking, held_until: now() }
}

pub(super) fn reinstated(booking: BookingFacts) -> BookingReinstated {
    BookingReinstated { booking, deposit: dollars(6_000) }
}

pub(super) fn refunded(booking: BookingFacts) -> BookingRefunded {
    let part = booking.starts_at.is_some();
    BookingRefunded { booking, refunded: dollars(if part { 2_000 } else { 6_000 }), part_of: part.then(|| dollars(6_000)) }
}

pub(super) fn late_payment() -> SupportLatePayment {
    SupportLatePayment {
        why: LatePayment::AfterHold,
        booking_id: "12345".to_owned(),
        amount: dollars(6_000),
        paid_at: now(),
        hold_ended_at: Some(Timestamp::from_seconds(NOW - 600)),
        payment_intent: "pi_3Example".to_owned(),
        event_id: "in_example".to_owned(),
        customer_name: Some("Anna Smith".to_owned()),
        customer_email: Some("anna@example.com".to_owned()),
        customer_phone: Some("+15005550006".to_owned()),
    }
}

pub(super) fn late_payment_least() -> SupportLatePayment {
    SupportLatePayment {
        why: LatePayment::Cancelled,
        hold_ended_at: None,
        customer_name: None,
        customer_email: None,
        customer_phone: None,
        ..late_payment()
    }
}

pub(super) fn alert(kind: AlertKind) -> Alert {
    Alert {
        kind,
        reason: "data.object.amount is missing".to_owned(),
        count: 3,
        since: Some(Timestamp::from_seconds(NOW - 3_600)),
        event_id: Some("in_example".to_owned()),
        event_type: Some("charge.refunded".to_owned()),
        provider: Some("stripe".to_owned()),
        effect: Some("mail booking_refunded to booking 12345".to_owned()),
    }
}

pub(super) fn alert_least(kind: AlertKind) -> Alert {
    Alert { count: 1, since: None, event_id: None, event_type: None, provider: None, effect: None, ..alert(kind) }
}
