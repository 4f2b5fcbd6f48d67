//! <https://docs.stripe.com/api/charges/object> and <https://docs.stripe.com/api/refunds/object>

use serde::Deserialize;
use serde_json::Value;

use super::{
    Envelope,
    shape::{Kind, Metadata, Named, Reference, details, id, id_of, lenient, not_negative, occurred_at},
};
use crate::{
    money::{Currency, Money},
    plan::{Event, Stop, View},
    record::Record,
    records::{Booking, ChargeFact, Payment, Told},
    rules::{
        booking,
        invoicing::{invoice_heard_of, payment_heard_of, settle_payment, settle_stripe_invoice},
        unexpected_shape,
    },
};

#[derive(Deserialize)]
pub(super) struct Charge {
    #[serde(default, rename = "object")]
    _kind: Kind<Charge>,
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(deserialize_with = "not_negative")]
    amount: i64,
    /// Where more was captured than was authorized, more can be given back.
    #[serde(default, deserialize_with = "lenient")]
    amount_captured: Option<i64>,
    #[serde(deserialize_with = "not_negative")]
    amount_refunded: i64,
    currency: Currency,
    #[serde(default)]
    payment_intent: Option<Reference>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default, deserialize_with = "lenient")]
    customer: Option<Reference>,
    /// Named until 2025.
    #[serde(default, deserialize_with = "lenient")]
    invoice: Option<Reference>,
    #[serde(default, deserialize_with = "lenient")]
    receipt_url: Option<Value>,
    #[serde(default, deserialize_with = "lenient")]
    payment_method_details: Option<Value>,
}

impl Named for Charge {
    const NAME: &'static str = "charge";
}

/// Some or all of a charge was given back.
pub(super) fn refunded(event: &Event<'_>, body: &Envelope<Charge>, view: &mut View<'_>) -> Result<(), Stop> {
    let charge = &body.data.object;
    let at = occurred_at(event)?;
    if charge.amount_refunded > charge.amount.max(charge.amount_captured.unwrap_or_default()) {
        return Err(unexpected_shape(event, &format!("{} of {} refunded", charge.amount_refunded, charge.amount)));
    }
    let fact = ChargeFact::refunded_in_all(charge.amount, charge.currency.code(), charge.amount_refunded, at);
    let money = |amount| Money::new(amount, charge.currency);
    let what = format!("{} of {} refunded", money(charge.amount_refunded), money(charge.amount));
    let named = Metadata::booking_id(charge.metadata.as_ref());

    let Some(intent) = id_of(charge.payment_intent.as_ref()) else {
        let Some(booking_id) = named else {
            view.mark_unmatched();
            view.summarize(format!("{what}, for no booking and no payment that is known"));
            return Ok(());
        };
        view.summarize(format!("{what} for booking {booking_id}"));
        return join_to_booking(event, &booking_id, None, [(charge.id.clone(), fact)], view);
    };
    if let Some(booking_id) = &named {
        view.want([Payment::key(&intent), Booking::key(booking_id)])?;
    }
    let mut payment = payment_heard_of(view, &intent, event.received_at)?;
    view.tell::<Payment>(&intent);
    let before = payment.booking_id().map(str::to_owned);
    payment.join_charge(&charge.id, fact);
    let told = |what| Told { at, event: body.id.clone(), what };
    if let Some(customer) = id_of(charge.customer.as_ref()) {
        Told::first(&mut payment.customer, told(customer));
    }
    if let Some(booking_id) = named {
        Told::first(&mut payment.named, told(booking_id));
    }
    let said = details(&serde_json::json!({ "receipt_url": charge.receipt_url, "payment_method_details": charge.payment_method_details }));
    if charge.payment_method_details.is_some() {
        Told::latest(&mut payment.details, Told { at, event: body.id.clone(), what: said });
    }
    booking::take_charges_from(view, before.as_deref(), &payment)?;
    hand_on(event, payment, id_of(charge.invoice.as_ref()), &what, view)
}

#[derive(Deserialize)]
pub(super) struct Refund {
    #[serde(default, rename = "object")]
    _kind: Kind<Refund>,
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(deserialize_with = "not_negative")]
    amount: i64,
    currency: Currency,
    #[serde(default)]
    charge: Option<Reference>,
    #[serde(default)]
    payment_intent: Option<Reference>,
    #[serde(default)]
    status: Option<String>,
}

impl Named for Refund {
    const NAME: &'static str = "refund";
}

/// A refund failed, or was taken back before it left: its money is here again.
pub(super) fn refund_failed(event: &Event<'_>, body: &Envelope<Refund>, view: &mut View<'_>) -> Result<(), Stop> {
    let refund = &body.data.object;
    let at = occurred_at(event)?;
    let money = Money::new(refund.amount, refund.currency);
    if event.kind != "refund.failed" && !matches!(refund.status.as_deref(), Some("failed" | "canceled")) {
        view.summarize(format!("a refund of {money} is {}", refund.status.as_deref().unwrap_or("under way")));
        return Ok(());
    }
    let what = format!("a refund of {money} failed");
    let (Some(intent), Some(charge)) = (id_of(refund.payment_intent.as_ref()), id_of(refund.charge.as_ref())) else {
        view.mark_unmatched();
        view.summarize(format!("{what}, of no payment that is known"));
        return Ok(());
    };
    let mut payment = payment_heard_of(view, &intent, event.received_at)?;
    view.tell::<Payment>(&intent);
    payment.join_charge(&charge, ChargeFact::refund_failed(&refund.id, refund.amount, refund.currency.code(), at));
    hand_on(event, payment, None, &what, view)
}

/// Hands what was joined to a payment on to its booking and its invoices.
fn hand_on(event: &Event<'_>, payment: Payment, stripe_invoice: Option<String>, what: &str, view: &mut View<'_>) -> Result<(), Stop> {
    let (intent, booking_id, charges) = (payment.id.clone(), payment.booking_id().map(str::to_owned), payment.charges.clone());
    settle_payment(view, payment)?;
    if let Some(id) = stripe_invoice {
        let mut invoice = invoice_heard_of(view, &id, event.received_at)?;
        invoice.intents.insert(intent.clone());
        settle_stripe_invoice(view, &invoice, event.received_at)?;
    }
    if let Some(booking_id) = booking_id {
        view.summarize(format!("{what} for booking {booking_id}"));
        return join_to_booking(event, &booking_id, Some(&intent), charges, view);
    }
    let invoice = view.read::<Payment>(&intent)?.and_then(|payment| payment.invoice);
    match invoice {
        Some(invoice) => view.summarize(format!("{what} for invoice {invoice}")),
        None => {
            view.mark_unmatched();
            view.summarize(format!("{what}; kept until it is known what {intent} is for"));
        }
    }
    Ok(())
}

fn join_to_booking(
    event: &Event<'_>,
    booking_id: &str,
    intent: Option<&str>,
    charges: impl IntoIterator<Item = (String, ChargeFact)>,
    view: &mut View<'_>,
) -> Result<(), Stop> {
    let mut booking = booking::heard_of(view, booking_id, event.received_at)?;
    view.tell::<Booking>(booking_id);
    intent.into_iter().for_each(|intent| booking.join_intent(intent));
    for (charge, fact) in charges {
        booking.join_charge(&charge, intent, fact);
    }
    booking::settle(view, booking)
}
