//! <https://docs.stripe.com/api/charges/object>

use serde::Deserialize;

use super::{Envelope, Metadata};
use crate::{
    money::{Currency, Money},
    plan::{Event, Stop, View},
    records::{ChargeFact, Transaction},
    rules::{booking, unexpected_shape},
};

#[derive(Deserialize)]
pub(super) struct Charge {
    id: String,
    amount: i64,
    amount_refunded: i64,
    currency: Currency,
    #[serde(default)]
    payment_intent: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

/// Some or all of a charge was given back.
pub(super) fn refunded(event: &Event<'_>, body: &Envelope<Charge>, view: &mut View<'_>) -> Result<(), Stop> {
    let charge = &body.data.object;
    let at = event.occurred_at.ok_or_else(|| unexpected_shape(event, &"it has no `created`"))?;
    let fact = ChargeFact { amount: charge.amount, currency: charge.currency.code().to_owned(), refunded: charge.amount_refunded, at };
    let money = |amount| Money::new(amount, charge.currency);
    let what = format!("{} of {} refunded", money(charge.amount_refunded), money(charge.amount));

    let booking_id = match (Metadata::booking_id(charge.metadata.as_ref()), charge.payment_intent.as_deref()) {
        (Some(booking_id), _) => booking_id,
        (None, None) => {
            view.mark_unmatched();
            view.summarize(format!("{what}, for no booking and no payment that is known"));
            return Ok(());
        }
        (None, Some(intent)) => {
            let transaction = view.read::<Transaction>(intent)?;
            match transaction.as_ref().and_then(Transaction::booking_id) {
                Some(booking_id) => booking_id.to_owned(),
                None => {
                    let mut transaction = transaction.unwrap_or_else(|| Transaction::first_heard(intent, event.received_at));
                    transaction.heard.join(event.received_at);
                    transaction.keep(&charge.id, fact);
                    view.write(&transaction);
                    view.mark_unmatched();
                    view.summarize(format!("{what}; kept until the booking of {intent} is known"));
                    return Ok(());
                }
            }
        }
    };
    let mut booking = booking::heard_of(view, &booking_id, event.received_at)?;
    booking.join_charge(&charge.id, fact);
    booking::settle(view, booking);
    view.summarize(format!("{what} for booking {booking_id}"));
    Ok(())
}
