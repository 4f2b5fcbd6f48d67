//! <https://docs.stripe.com/api/invoices/object> and <https://docs.stripe.com/api/invoice-payment/object>
//!
//! Until March 2025 an invoice named its payment intent; since then only the payments of an invoice do, which are events of their own and can be asked for.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Envelope,
    shape::{Kind, List, Named, Reference, amount, details, id, id_of, in_words, lenient, not_negative_if_said, occurred_at},
};
use crate::{
    money::Currency,
    plan::{Event, Stop, View},
    ports::{StripeLookup, StripeObject},
    records::{self, Amount, Told},
    rules::{
        invoicing::{invoice_heard_of, payment_heard_of, settle_stripe_invoice},
        unexpected_shape,
    },
    time::Timestamp,
};

#[derive(Deserialize)]
pub(super) struct Invoice {
    #[serde(default, rename = "object")]
    _kind: Kind<Invoice>,
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default, deserialize_with = "not_negative_if_said")]
    amount_due: Option<i64>,
    #[serde(default, deserialize_with = "not_negative_if_said")]
    amount_paid: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    currency: Option<Currency>,
    #[serde(default, deserialize_with = "lenient")]
    customer: Option<Reference>,
    /// Named until March 2025.
    #[serde(default, deserialize_with = "lenient")]
    payment_intent: Option<Reference>,
    /// There only where it was expanded.
    #[serde(default, deserialize_with = "lenient")]
    payments: Option<List<InvoicePayment>>,
    #[serde(default, deserialize_with = "lenient")]
    status_transitions: Option<Transitions>,
}

impl Named for Invoice {
    const NAME: &'static str = "invoice";
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct InvoicePayment {
    #[serde(default, rename = "object")]
    _kind: Kind<InvoicePayment>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) invoice: Option<Reference>,
    #[serde(default, deserialize_with = "not_negative_if_said")]
    amount_paid: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    currency: Option<Currency>,
    #[serde(default, deserialize_with = "lenient")]
    payment: Option<Payment>,
    #[serde(default, deserialize_with = "lenient")]
    status_transitions: Option<Transitions>,
}

impl Named for InvoicePayment {
    const NAME: &'static str = "invoice_payment";
}

#[derive(Clone, Debug, Deserialize)]
struct Payment {
    #[serde(default, deserialize_with = "lenient")]
    payment_intent: Option<Reference>,
}

#[derive(Clone, Debug, Deserialize)]
struct Transitions {
    #[serde(default, deserialize_with = "lenient")]
    paid_at: Option<i64>,
}

impl InvoicePayment {
    fn intent(&self) -> Option<String> {
        id_of(self.payment.as_ref()?.payment_intent.as_ref())
    }

    /// What was paid; `None` while nothing was.
    fn paid(&self) -> Option<Amount> {
        Some(amount(self.amount_paid.filter(|paid| *paid > 0)?, self.currency?))
    }
}

fn paid_at(transitions: Option<&Transitions>, event: &Event<'_>) -> Result<Timestamp, Stop> {
    Ok(transitions.and_then(|transitions| transitions.paid_at).map_or(occurred_at(event)?, Timestamp::from_seconds))
}

/// Payment intents, with what each has paid.
type Paying = Vec<(String, Option<Amount>)>;

/// The payment intents of an invoice, with what each has paid: as the body says, or as Stripe says. `None` if neither says.
fn intents(event: &Event<'_>, body: &Envelope<Invoice>, view: &View<'_>) -> Result<Option<Paying>, Stop> {
    let invoice = &body.data.object;
    if let Some(intent) = id_of(invoice.payment_intent.as_ref()) {
        let paid = invoice.amount_paid.filter(|paid| *paid > 0).zip(invoice.currency).map(|(paid, currency)| amount(paid, currency));
        return Ok(Some(vec![(intent, paid)]));
    }
    let list = match &invoice.payments {
        Some(list) => Some(list.clone()),
        None => view.look_up(event.in_stripe(body.livemode, StripeObject::InvoicePayments(invoice.id.clone())))?.found(),
    };
    Ok(list.map(|list| list.data.iter().filter_map(|payment: &InvoicePayment| Some((payment.intent()?, payment.paid()))).collect()))
}

/// An invoice was paid.
pub(super) fn paid(event: &Event<'_>, body: &Envelope<Invoice>, view: &mut View<'_>) -> Result<(), Stop> {
    let at = paid_at(body.data.object.status_transitions.as_ref(), event)?;
    heard_of(event, body, Some(at), view)
}

/// A payment of an invoice failed.
pub(super) fn payment_failed(event: &Event<'_>, body: &Envelope<Invoice>, view: &mut View<'_>) -> Result<(), Stop> {
    heard_of(event, body, None, view)
}

/// Joins what Stripe's invoice says: that it is paid, or else that a payment failed.
fn heard_of(event: &Event<'_>, body: &Envelope<Invoice>, paid_at: Option<Timestamp>, view: &mut View<'_>) -> Result<(), Stop> {
    let said = &body.data.object;
    let at = occurred_at(event)?;
    let intents = intents(event, body, view)?;
    let mut invoice = invoice_heard_of(view, &said.id, event.received_at)?;
    view.tell::<records::Invoice>(&said.id);
    match paid_at {
        Some(at) => Told::first(&mut invoice.said.paid, Told { at, event: body.id.clone(), what: () }),
        None => Told::latest(&mut invoice.said.failed, Told { at, event: body.id.clone(), what: () }),
    }
    if let Some(what) = id_of(said.customer.as_ref()) {
        Told::first(&mut invoice.said.customer, Told { at, event: body.id.clone(), what });
    }
    if let Some((due, currency)) = said.amount_due.zip(said.currency) {
        Told::latest(&mut invoice.said.due, Told { at, event: body.id.clone(), what: amount(due, currency) });
    }
    let nothing_paid = paid_at.is_some() && said.amount_paid == Some(0);
    invoice.without_intent |= nothing_paid || (paid_at.is_some() && intents.as_ref().is_some_and(Vec::is_empty));
    for (intent, paid) in intents.into_iter().flatten() {
        if let (Some(what), Some(at)) = (paid, paid_at) {
            let lookup = event.in_stripe(body.livemode, StripeObject::PaymentIntent(intent.clone()));
            join_paid(event, &intent, Told { at, event: body.id.clone(), what }, lookup, view)?;
        }
        invoice.intents.insert(intent);
    }
    settle_stripe_invoice(view, &invoice, event.received_at)?;
    let money = in_words(if paid_at.is_some() { said.amount_paid } else { said.amount_due }, said.currency);
    let what = if paid_at.is_some() { format!("{money} paid") } else { format!("{money} failed") };
    summarize(&what, &said.id, view)
}

/// A payment towards an invoice was made.
pub(super) fn payment_paid(event: &Event<'_>, body: &Envelope<InvoicePayment>, view: &mut View<'_>) -> Result<(), Stop> {
    let said = &body.data.object;
    let at = paid_at(said.status_transitions.as_ref(), event)?;
    let Some(id) = id_of(said.invoice.as_ref()) else {
        return Err(unexpected_shape(event, &"it names no invoice"));
    };
    let mut invoice = invoice_heard_of(view, &id, event.received_at)?;
    view.tell::<records::Invoice>(&id);
    let money = in_words(said.amount_paid, said.currency);
    if let Some(intent) = said.intent() {
        if let Some(what) = said.paid() {
            let lookup = event.in_stripe(body.livemode, StripeObject::PaymentIntent(intent.clone()));
            join_paid(event, &intent, Told { at, event: body.id.clone(), what }, lookup, view)?;
        }
        invoice.intents.insert(intent);
    }
    settle_stripe_invoice(view, &invoice, event.received_at)?;
    summarize(&format!("{money} paid"), &id, view)
}

/// Joins to a payment what its invoice says that it paid, and how it was paid if nobody has said that and Stripe knows.
fn join_paid(event: &Event<'_>, intent: &str, told: Told<Amount>, lookup: StripeLookup, view: &mut View<'_>) -> Result<(), Stop> {
    let mut payment = payment_heard_of(view, intent, event.received_at)?;
    if payment.details.is_none() {
        let found = view.look_up::<Value>(lookup)?.found();
        if let Some(charge) = found.as_ref().map(|intent| &intent["latest_charge"]).filter(|charge| charge.is_object()) {
            payment.details = Some(Told { at: told.at, event: told.event.clone(), what: details(charge) });
        }
    }
    Told::first(&mut payment.invoiced, told);
    view.write(&payment)
}

/// Says which invoice it is: Stripe's own if it was put, else that of a payment of it.
fn summarize(what: &str, id: &str, view: &mut View<'_>) -> Result<(), Stop> {
    let Some(invoice) = view.read::<records::Invoice>(id)? else { return Ok(()) };
    let mut known = invoice.put.is_some().then(|| id.to_owned());
    for intent in &invoice.intents {
        let payment = view.read::<records::Payment>(intent)?;
        known = known.or(payment.and_then(|payment| payment.invoice));
    }
    match known {
        Some(invoice) => view.summarize(format!("{what} for invoice {invoice}")),
        None => {
            view.mark_unmatched();
            view.summarize(format!("{what} for Stripe's invoice {id}, which is not known here"));
        }
    }
    Ok(())
}
