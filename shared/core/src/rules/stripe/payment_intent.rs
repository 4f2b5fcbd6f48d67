//! <https://docs.stripe.com/api/payment_intents/object>

use serde::Deserialize;
use serde_json::Value;

use super::{
    Envelope,
    shape::{
        Kind, List, Metadata, Named, Reference, amount, details, id, id_of, lenient, not_negative, not_negative_if_said, occurred_at, short,
    },
};
use crate::{
    decline,
    money::{Currency, Money},
    plan::{Event, Stop, View},
    ports::StripeObject,
    record::Record,
    records::{Booking, BookingFailure, BookingSuccess, Payment, PaymentDetails, PaymentFailure, Told, TransactionFact},
    rules::{
        booking,
        invoicing::{invoice_heard_of, payment_heard_of, settle_payment, settle_stripe_invoice},
    },
};

#[derive(Deserialize)]
pub(super) struct PaymentIntent {
    #[serde(default, rename = "object")]
    _kind: Kind<PaymentIntent>,
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(deserialize_with = "not_negative")]
    amount: i64,
    #[serde(default, deserialize_with = "not_negative_if_said")]
    amount_received: Option<i64>,
    currency: Currency,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    last_payment_error: Option<PaymentError>,
    #[serde(default, deserialize_with = "lenient")]
    customer: Option<Reference>,
    #[serde(default, deserialize_with = "lenient")]
    latest_charge: Option<Reference>,
    /// Inline until 2022.
    #[serde(default, deserialize_with = "lenient")]
    charges: Option<List<Value>>,
    /// Named until 2025.
    #[serde(default, deserialize_with = "lenient")]
    invoice: Option<Reference>,
    #[serde(default, deserialize_with = "lenient")]
    payment_method_types: Option<Vec<String>>,
}

impl Named for PaymentIntent {
    const NAME: &'static str = "payment_intent";
}

#[derive(Default, Deserialize)]
struct PaymentError {
    #[serde(default, deserialize_with = "short")]
    code: Option<String>,
    #[serde(default, deserialize_with = "short")]
    decline_code: Option<String>,
}

impl PaymentIntent {
    /// The latest charge, where the body has it.
    fn inline_charge(&self) -> Option<&Value> {
        let listed = self.charges.as_ref().and_then(|charges| charges.data.first());
        self.latest_charge.as_ref().and_then(Reference::object).or(listed)
    }
}

/// A payment was made. Of a booking: it is confirmed. Else it is an invoice's.
pub(super) fn succeeded(event: &Event<'_>, body: &Envelope<PaymentIntent>, view: &mut View<'_>) -> Result<(), Stop> {
    let intent = &body.data.object;
    let at = occurred_at(event)?;
    let booking_id = Metadata::booking_id(intent.metadata.as_ref());
    let received = intent.amount_received.filter(|received| *received > 0).unwrap_or(intent.amount);
    let currency = intent.currency.code().to_owned();
    match &booking_id {
        Some(booking_id) => view.want([Payment::key(&intent.id), Booking::key(booking_id)])?,
        None => view.want([Payment::key(&intent.id)])?,
    }
    let mut payment = payment_heard_of(view, &intent.id, event.received_at)?;
    view.tell::<Payment>(&intent.id);
    let before = payment.booking_id().map(str::to_owned);
    let (id, booking_of) = (body.id.clone(), booking_id.clone());
    payment.join_fact(TransactionFact { at, event: id, booking_id: booking_of, amount: received, currency: currency.clone() });
    join_customer(&mut payment, body, event)?;
    let paid = Money::new(received, intent.currency);

    let Some(booking_id) = booking_id else {
        join_details(&mut payment, event, body, view)?;
        return of_invoice(event, body, payment, &paid.to_string(), view);
    };
    if let Some(charge) = intent.inline_charge() {
        Told::latest(&mut payment.details, Told { at, event: body.id.clone(), what: details(charge) });
    }
    let mut booking = booking::heard_of(view, &booking_id, event.received_at)?;
    view.tell::<Booking>(&booking_id);
    booking.join_success(&intent.id, BookingSuccess { at, event: body.id.clone(), amount: received, currency });
    booking::hand_over_charges(view, &mut booking, &payment, before.as_deref())?;
    settle_payment(view, payment)?;
    booking::settle(view, booking)?;
    view.summarize(format!("{paid} paid for booking {booking_id}"));
    Ok(())
}

/// A payment that names no booking: Stripe says which of its invoices it pays, or one is found that is like it, or it waits.
fn of_invoice(event: &Event<'_>, body: &Envelope<PaymentIntent>, payment: Payment, paid: &str, view: &mut View<'_>) -> Result<(), Stop> {
    let intent = &body.data.object;
    let mut invoices: Vec<String> = id_of(intent.invoice.as_ref()).into_iter().collect();
    if invoices.is_empty() && payment.claimed_by.is_empty() && payment.stripe_invoices.is_empty() {
        let lookup = event.in_stripe(body.livemode, StripeObject::PaymentIntentInvoices(intent.id.clone()));
        let found = view.look_up::<List<super::invoice::InvoicePayment>>(lookup)?.found();
        invoices.extend(found.into_iter().flat_map(|list| list.data).filter_map(|payment| id_of(payment.invoice.as_ref())));
    }
    if invoices.is_empty() {
        settle_payment(view, payment)?;
    } else {
        // Written before it is settled: nothing is to be looked for by likeness.
        view.write(&payment)?;
    }
    for id in invoices {
        let mut invoice = invoice_heard_of(view, &id, event.received_at)?;
        invoice.intents.insert(intent.id.clone());
        settle_stripe_invoice(view, &invoice, event.received_at)?;
    }
    match view.read::<Payment>(&intent.id)?.and_then(|payment| payment.invoice) {
        Some(invoice) => view.summarize(format!("{paid} paid for invoice {invoice}")),
        None => {
            view.mark_unmatched();
            view.summarize(format!("{paid} paid, for no booking and no invoice that is known"));
        }
    }
    Ok(())
}

/// How it was paid: as the body says, or as Stripe says of its charge.
fn join_details(payment: &mut Payment, event: &Event<'_>, body: &Envelope<PaymentIntent>, view: &View<'_>) -> Result<(), Stop> {
    let intent = &body.data.object;
    let said = match (intent.inline_charge(), id_of(intent.latest_charge.as_ref())) {
        (Some(charge), _) => Some(details(charge)),
        (None, Some(id)) => {
            view.look_up::<Value>(event.in_stripe(body.livemode, StripeObject::Charge(id)))?.found().map(|charge| details(&charge))
        }
        (None, None) => None,
    };
    let only_present =
        || matches!(intent.payment_method_types.as_deref(), Some([only]) if only == "card_present" || only == "interac_present");
    let said = said.or_else(|| only_present().then(|| PaymentDetails { card_present: true, ..PaymentDetails::default() }));
    if let Some(what) = said {
        Told::latest(&mut payment.details, Told { at: occurred_at(event)?, event: body.id.clone(), what });
    }
    Ok(())
}

fn join_customer(payment: &mut Payment, body: &Envelope<PaymentIntent>, event: &Event<'_>) -> Result<(), Stop> {
    if let Some(what) = id_of(body.data.object.customer.as_ref()) {
        Told::first(&mut payment.customer, Told { at: occurred_at(event)?, event: body.id.clone(), what });
    }
    Ok(())
}

/// A payment failed. Of a booking: it is held for a while, and the customer is told.
pub(super) fn payment_failed(event: &Event<'_>, body: &Envelope<PaymentIntent>, view: &mut View<'_>) -> Result<(), Stop> {
    let intent = &body.data.object;
    let at = occurred_at(event)?;
    let error = intent.last_payment_error.as_ref();
    let reason = error.and_then(|error| error.decline_code.as_deref().or(error.code.as_deref())).unwrap_or("generic_decline");
    let due = Money::new(intent.amount, intent.currency);
    let words = decline::in_plain_words(Some(reason), None);
    let named = Metadata::booking_id(intent.metadata.as_ref());
    if let Some(booking_id) = &named {
        view.want([Payment::key(&intent.id), Booking::key(booking_id)])?;
    }
    let mut payment = payment_heard_of(view, &intent.id, event.received_at)?;
    view.tell::<Payment>(&intent.id);
    let failure = PaymentFailure { due: amount(intent.amount, intent.currency), decline_code: reason.to_owned() };
    Told::latest(&mut payment.failure, Told { at, event: body.id.clone(), what: failure });
    join_customer(&mut payment, body, event)?;
    if let Some(charge) = intent.inline_charge() {
        Told::latest(&mut payment.details, Told { at, event: body.id.clone(), what: details(charge) });
    }
    let Some(booking_id) = named else {
        let invoice = id_of(intent.invoice.as_ref());
        settle_payment(view, payment)?;
        if let Some(id) = invoice {
            let mut invoice = invoice_heard_of(view, &id, event.received_at)?;
            invoice.intents.insert(intent.id.clone());
            settle_stripe_invoice(view, &invoice, event.received_at)?;
        }
        match view.read::<Payment>(&intent.id)?.and_then(|payment| payment.invoice) {
            Some(invoice) => view.summarize(format!("{due} failed for invoice {invoice}: {words}")),
            None => {
                view.mark_unmatched();
                view.summarize(format!("{due} failed, for no booking and no invoice that is known: {words}"));
            }
        }
        return Ok(());
    };
    let before = payment.booking_id().map(str::to_owned);
    Told::first(&mut payment.named, Told { at, event: body.id.clone(), what: booking_id.clone() });
    let mut booking = booking::heard_of(view, &booking_id, event.received_at)?;
    view.tell::<Booking>(&booking_id);
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
    booking::hand_over_charges(view, &mut booking, &payment, before.as_deref())?;
    settle_payment(view, payment)?;
    booking::settle(view, booking)?;
    view.summarize(format!("{due} failed for booking {booking_id}: {words}"));
    Ok(())
}
