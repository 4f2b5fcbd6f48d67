//! Examples that every template must cope with: one with all there may be, one with the least.

use minijinja::{Value, value::Serde};

use super::{
    Alert, AlertKind, BookingConfirmed, BookingConfirmedUnpaid, BookingFacts, BookingHoldEnded, BookingPaymentFailed, BookingRefunded,
    BookingReinstated, Difference, LatePayment, MailTemplate, OrderConfirmed, ShopDataRequest, SmsTemplate, SubscriptionTrouble,
    SupportMailLeftOut, SupportPayment, SupportTextFailed, Trouble,
};
use crate::{money::Money, time::Timestamp};

pub(super) fn of_mail(template: MailTemplate) -> Vec<Value> {
    match template {
        MailTemplate::BookingConfirmed => values([full(), least()].map(confirmed)),
        MailTemplate::BookingConfirmedUnpaid => values([full(), least()].map(confirmed_unpaid)),
        MailTemplate::BookingPaymentFailed => values([full(), least()].map(payment_failed)),
        MailTemplate::BookingHoldEnded => values([full(), least()].map(hold_ended)),
        MailTemplate::BookingReinstated => values([full(), least()].map(reinstated)),
        MailTemplate::BookingRefunded => values([full(), least()].map(refunded)),
        MailTemplate::SupportPayment => values([
            late_payment(),
            late_payment_least(),
            differing_payment(),
            differing_payment_least(),
            late_and_differing(LatePayment::AfterHold, Difference::TooLittle),
            refund_failed(),
            refund_failed_least(),
        ]),
        MailTemplate::OrderConfirmed => values([order_made(), order_made_least()]),
        MailTemplate::ShopDataRequest => values([data_request(), data_request_least()]),
        MailTemplate::SupportTextFailed => values([text_failed(), text_failed_least()]),
        MailTemplate::SupportMailLeftOut => values([mail_left_out()]),
        MailTemplate::SubscriptionTrouble => values(
            [Trouble::DeliveryFailed, Trouble::Failing, Trouble::Disabled].into_iter().flat_map(|why| [trouble(why), trouble_least(why)]),
        ),
        MailTemplate::Alert => values(
            [AlertKind::Parked, AlertKind::DeadLettered, AlertKind::EffectFailed, AlertKind::StripeKeyRefused, AlertKind::AllowanceSpent]
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

pub(super) fn confirmed_unpaid(booking: BookingFacts) -> BookingConfirmedUnpaid {
    BookingConfirmedUnpaid { booking }
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

/// A payment that is late.
pub(super) fn late_payment() -> SupportPayment {
    SupportPayment {
        late: Some(LatePayment::AfterHold),
        differs: None,
        failed: None,
        refunded: None,
        booking_id: "12345".to_owned(),
        deposit: None,
        amount: Some(dollars(6_000)),
        paid_at: Some(now()),
        hold_ended_at: Some(Timestamp::from_seconds(NOW - 600)),
        payment_intent: Some("pi_3Example".to_owned()),
        event_id: "in_example".to_owned(),
        customer_name: Some("Anna Smith".to_owned()),
        customer_email: Some("anna@example.com".to_owned()),
        customer_phone: Some("+15005550006".to_owned()),
    }
}

/// The same of whose customer nothing is known.
fn of_nobody(mail: SupportPayment) -> SupportPayment {
    SupportPayment { customer_name: None, customer_email: None, customer_phone: None, ..mail }
}

pub(super) fn late_payment_least() -> SupportPayment {
    of_nobody(SupportPayment { late: Some(LatePayment::Cancelled), hold_ended_at: None, ..late_payment() })
}

/// A payment that is not the deposit.
pub(super) fn differing_payment() -> SupportPayment {
    let (deposit, amount) = (Some(dollars(6_000)), Some(dollars(2_500)));
    SupportPayment { late: None, differs: Some(Difference::TooLittle), deposit, amount, hold_ended_at: None, ..late_payment() }
}

pub(super) fn differing_payment_least() -> SupportPayment {
    let amount = Some(Money::new(6_000, "eur".parse().expect("a currency")));
    of_nobody(SupportPayment { differs: Some(Difference::OtherCurrency), amount, ..differing_payment() })
}

/// A payment that is both.
pub(super) fn late_and_differing(why: LatePayment, differs: Difference) -> SupportPayment {
    let SupportPayment { deposit, amount, .. } =
        if differs == Difference::TooLittle { differing_payment() } else { differing_payment_least() };
    SupportPayment { late: Some(why), differs: Some(differs), deposit, amount, ..late_payment() }
}

/// A refund that failed.
pub(super) fn refund_failed() -> SupportPayment {
    let (failed, refunded) = (Some(dollars(4_000)), Some(dollars(2_000)));
    SupportPayment {
        late: None,
        failed,
        refunded,
        amount: None,
        paid_at: None,
        hold_ended_at: None,
        payment_intent: None,
        ..late_payment()
    }
}

pub(super) fn refund_failed_least() -> SupportPayment {
    of_nobody(SupportPayment { failed: Some(dollars(6_000)), refunded: None, ..refund_failed() })
}

pub(super) fn order_made() -> OrderConfirmed {
    OrderConfirmed {
        business_name: "Acme Spa".to_owned(),
        customer_name: Some("Anna Smith".to_owned()),
        order_name: "#1001".to_owned(),
        total: Some(dollars(5_450)),
    }
}

pub(super) fn order_made_least() -> OrderConfirmed {
    OrderConfirmed { customer_name: None, total: None, ..order_made() }
}

pub(super) fn data_request() -> ShopDataRequest {
    ShopDataRequest {
        shop: "acme.myshopify.com".to_owned(),
        to_owner: true,
        request_id: Some("99914".to_owned()),
        customer_id: Some("820982911946154512".to_owned()),
        held: vec!["Customer 820982911946154512: Anna Smith, anna@example.com".to_owned(), "Order #1001: $54.50, paid".to_owned()],
        event_id: "in_example".to_owned(),
    }
}

pub(super) fn data_request_least() -> ShopDataRequest {
    ShopDataRequest { to_owner: false, request_id: None, customer_id: None, held: Vec::new(), ..data_request() }
}

pub(super) fn text_failed() -> SupportTextFailed {
    SupportTextFailed {
        to: "+15005550006".to_owned(),
        reason: "the number is a landline, or its carrier can't be reached".to_owned(),
        code: Some("30006".to_owned()),
        booking_id: Some("12345".to_owned()),
        message_id: "ms_example".to_owned(),
        external_id: Some("SM2e541c3a9012c0f462cb5535e64cd299".to_owned()),
        event_id: "in_example".to_owned(),
    }
}

pub(super) fn text_failed_least() -> SupportTextFailed {
    SupportTextFailed { code: None, booking_id: None, external_id: None, ..text_failed() }
}

pub(super) fn mail_left_out() -> SupportMailLeftOut {
    SupportMailLeftOut {
        mail: "booking_confirmed".to_owned(),
        about: "booking/12345".to_owned(),
        reason: "an earlier mail to this address came back".to_owned(),
        event_id: "in_example".to_owned(),
    }
}

pub(super) fn trouble(why: Trouble) -> SubscriptionTrouble {
    SubscriptionTrouble {
        why,
        url: "https://example.com/webhooks".to_owned(),
        subscription_id: "sub_example".to_owned(),
        description: Some("the warehouse".to_owned()),
        reason: Some("every attempt has failed for 5 days".to_owned()),
        failing_since: Some(Timestamp::from_seconds(NOW - 216_000)),
        disabled_after: Some(Timestamp::from_seconds(NOW + 216_000)),
        attempts: 6,
        delivery_id: Some("dlv_example".to_owned()),
        event_type: Some("booking.refunded".to_owned()),
        status_code: Some(500),
        error: Some("the receiver answered 500".to_owned()),
        response: Some("<h1>Internal Server Error</h1>".to_owned()),
    }
}

pub(super) fn trouble_least(why: Trouble) -> SubscriptionTrouble {
    SubscriptionTrouble {
        description: None,
        failing_since: None,
        disabled_after: None,
        attempts: 1,
        delivery_id: None,
        event_type: None,
        status_code: None,
        error: None,
        response: None,
        ..trouble(why)
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
