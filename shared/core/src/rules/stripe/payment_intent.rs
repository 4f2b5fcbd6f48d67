//! <https://docs.stripe.com/api/payment_intents/object>

use serde::Deserialize;

use super::{Envelope, Metadata};
use crate::{
    decline,
    money::{Currency, Money},
    plan::{Event, Stop, View},
    record::Record,
    records::{Booking, BookingFailure, BookingSuccess, Transaction, TransactionFact},
    rules::{booking, unexpected_shape},
};

#[derive(Deserialize)]
pub(super) struct PaymentIntent {
    id: String,
    amount: i64,
    #[serde(default)]
    amount_received: Option<i64>,
    currency: Currency,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    last_payment_error: Option<PaymentError>,
}

#[derive(Default, Deserialize)]
struct PaymentError {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
}

/// The deposit is paid: the booking is confirmed, and the payment is logged.
pub(super) fn succeeded(event: &Event<'_>, body: &Envelope<PaymentIntent>, view: &mut View<'_>) -> Result<(), Stop> {
    let intent = &body.data.object;
    let at = event.occurred_at.ok_or_else(|| unexpected_shape(event, &"it has no `created`"))?;
    let booking_id = Metadata::booking_id(intent.metadata.as_ref());
    let amount = intent.amount_received.filter(|received| *received > 0).unwrap_or(intent.amount);
    let currency = intent.currency.code().to_owned();

    if let Some(booking_id) = &booking_id {
        view.want([Transaction::key(&intent.id), Booking::key(booking_id)])?;
    }
    let mut transaction = view.read::<Transaction>(&intent.id)?.unwrap_or_else(|| Transaction::first_heard(&intent.id, event.received_at));
    transaction.heard.join(event.received_at);
    let fact = TransactionFact { at, event: body.id.clone(), booking_id: booking_id.clone(), amount, currency: currency.clone() };
    transaction.join_fact(fact);

    let paid = Money::new(amount, intent.currency);
    let Some(booking_id) = booking_id else {
        view.write(&transaction);
        view.mark_unmatched();
        view.summarize(format!("{paid} paid, for no booking"));
        return Ok(());
    };
    let mut booking = booking::heard_of(view, &booking_id, event.received_at)?;
    booking.join_success(&intent.id, BookingSuccess { at, event: body.id.clone(), amount, currency });
    for (charge, fact) in std::mem::take(&mut transaction.waiting) {
        booking.join_charge(&charge, fact);
    }
    view.write(&transaction);
    booking::settle(view, booking);
    view.summarize(format!("{paid} paid for booking {booking_id}"));
    Ok(())
}

/// A payment failed: the booking is held for a while, and the customer is told.
pub(super) fn payment_failed(event: &Event<'_>, body: &Envelope<PaymentIntent>, view: &mut View<'_>) -> Result<(), Stop> {
    let intent = &body.data.object;
    let at = event.occurred_at.ok_or_else(|| unexpected_shape(event, &"it has no `created`"))?;
    let error = intent.last_payment_error.as_ref();
    let reason = error.and_then(|error| error.decline_code.as_deref().or(error.code.as_deref())).unwrap_or("generic_decline");
    let due = Money::new(intent.amount, intent.currency);
    let words = decline::in_plain_words(Some(reason), None);

    let Some(booking_id) = Metadata::booking_id(intent.metadata.as_ref()) else {
        view.mark_unmatched();
        view.summarize(format!("{due} failed, for no booking: {words}"));
        return Ok(());
    };
    let mut booking = booking::heard_of(view, &booking_id, event.received_at)?;
    booking.join_failure(
        &intent.id,
        BookingFailure {
            at,
            event: body.id.clone(),
            received_at: event.received_at,
            hold_until: event.received_at + view.policy.hold,
            reason: reason.to_owned(),
        },
    );
    booking::settle(view, booking);
    view.summarize(format!("{due} failed for booking {booking_id}: {words}"));
    Ok(())
}
