//! Payments and invoices find each other here.
//!
//! A payment is the way from its payment intent to its invoice: the one that was put with the intent, one that Stripe says it pays, or else one that is
//! like it. Each change of a payment is copied to its invoice in the same commit, so that an invoice's state follows from its own record.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    plan::{Stop, View},
    records::{Customer, CustomersInvoices, Invoice, InvoicePayment, InvoicePut, Link, OpenInvoices, Payment, Told, can_pay},
    refusal::Refusal,
    time::Timestamp,
};

/// The payment as it is, or as it begins now that something is heard of it.
pub(super) fn payment_heard_of(view: &mut View<'_>, intent: &str, at: Timestamp) -> Result<Payment, Stop> {
    let mut payment = view.read::<Payment>(intent)?.unwrap_or_else(|| Payment::first_heard(intent, at));
    payment.heard.join(at);
    Ok(payment)
}

/// The invoice as it is, or as it begins now that something is heard of it.
pub(super) fn invoice_heard_of(view: &mut View<'_>, id: &str, at: Timestamp) -> Result<Invoice, Stop> {
    let mut invoice = view.read::<Invoice>(id)?.unwrap_or_else(|| Invoice::first_heard(id, at));
    invoice.heard.join(at);
    Ok(invoice)
}

/// Settles an invoice that facts of Stripe's were joined to: the payments that it names hear of them, and hand them on.
pub(super) fn settle_stripe_invoice(view: &mut View<'_>, invoice: &Invoice, at: Timestamp) -> Result<(), Stop> {
    view.write(invoice)?;
    for intent in &invoice.intents {
        let mut payment = payment_heard_of(view, intent, at)?;
        if view.tells::<Invoice>(&invoice.id) {
            view.tell::<Payment>(intent);
        }
        payment.stripe_invoices.insert(invoice.id.clone(), invoice.said.clone());
        if let Some(customer) = &invoice.said.customer {
            Told::first(&mut payment.customer, customer.clone());
        }
        settle_payment(view, payment)?;
    }
    let invoice = invoice_heard_of(view, &invoice.id, at)?;
    settle_open(view, invoice)
}

/// Settles an invoice that was put: the payment intent that it was put with knows of it, and those that Stripe names do, too.
///
/// # Errors
/// [`Stop::Refuse`] if it is put with a payment intent that another invoice was put with before: one payment pays one invoice.
pub(crate) fn settle_invoice(view: &mut View<'_>, mut invoice: Invoice) -> Result<(), Stop> {
    let at = invoice.heard.last;
    let claims = invoice.put.as_ref().and_then(|put| put.said.stripe_payment_intent_id.clone());
    let claimed = std::mem::replace(&mut invoice.claimed, claims.clone());
    let given_up = claimed.as_ref().filter(|claimed| claims.as_ref() != Some(claimed));
    if let Some(intent) = given_up {
        invoice.payments.remove(intent);
    }
    let unlike = take_unlike(view, &mut invoice)?;
    view.write(&invoice)?;
    if let Some(intent) = given_up {
        let mut payment = payment_heard_of(view, intent, at)?;
        payment.claimed_by.remove(&invoice.id);
        settle_payment(view, payment)?;
    }
    if let Some(payment) = unlike {
        settle_payment(view, payment)?;
    }
    if let Some(intent) = claims.filter(|claims| claimed.as_ref() != Some(claims)) {
        let mut payment = payment_heard_of(view, &intent, at)?;
        if let Some(other) = payment.claimed_by.iter().find(|other| **other != invoice.id) {
            let message = format!("is that of invoice {other}, and one payment pays one invoice: put that one without it first");
            return Err(Stop::Refuse(Refusal::Taken { field: "stripe_payment_intent_id", message }));
        }
        payment.claimed_by.insert(invoice.id.clone());
        settle_payment(view, payment)?;
    }
    for intent in &invoice.intents {
        if let Some(payment) = view.read::<Payment>(intent)? {
            settle_payment(view, payment)?;
        }
    }
    let invoice = invoice_heard_of(view, &invoice.id, at)?;
    settle_open(view, invoice)
}

/// Takes away the payment that an invoice was matched to by likeness, if they are no longer alike by what was put now, or another payment intent was
/// named. The payment is to be settled once the invoice is written.
fn take_unlike(view: &mut View<'_>, invoice: &mut Invoice) -> Result<Option<Payment>, Stop> {
    let Some(put) = invoice.put.as_ref().map(|put| &put.said) else { return Ok(None) };
    let Some(intent) = invoice.payments.iter().find(|(_, payment)| payment.link == Link::Likeness).map(|(id, _)| id.clone()) else {
        return Ok(None);
    };
    let Some(mut payment) = view.read::<Payment>(&intent)? else { return Ok(None) };
    let stays = match &put.stripe_payment_intent_id {
        Some(named) => *named == intent,
        None => likeness_of(view, put)? == payment.likeness() && is_whole_for(&payment, invoice),
    };
    if stays {
        return Ok(None);
    }
    invoice.payments.remove(&intent);
    payment.likely = None;
    Ok(Some(payment))
}

/// Settles a payment that facts were joined to: finds its invoice, tells it, and writes it.
///
/// A payment is one invoice's: the one that was put with it, else one of Stripe's that was put and that Stripe says it pays, else one that is like it.
/// Besides, Stripe's own invoices that nobody has put keep what it says.
pub(super) fn settle_payment(view: &mut View<'_>, mut payment: Payment) -> Result<(), Stop> {
    let (mut put, mut links) = (None, BTreeMap::new());
    for id in payment.stripe_invoices.keys() {
        if view.read::<Invoice>(id)?.is_some_and(|invoice| invoice.put.is_some()) {
            put = put.or_else(|| Some(id.clone()));
        } else {
            links.insert(id.clone(), Link::Stripe);
        }
    }
    let named = payment.claimed_by.first().cloned().or(put);
    let released = find_by_likeness(view, &mut payment, named.is_some())?;
    payment.invoice = named.or_else(|| payment.likely.clone());
    view.write(&payment)?;
    links.extend(payment.invoice.as_ref().map(|id| (id.clone(), payment.link_to(id))));
    // Of several that an older version let be put with it each keeps it.
    links.extend(payment.claimed_by.iter().map(|id| (id.clone(), Link::Put)));
    let known: BTreeSet<String> = payment.claimed_by.iter().chain(payment.stripe_invoices.keys()).cloned().chain(released).collect();
    for id in known.into_iter().filter(|id| !links.contains_key(id)) {
        let mut invoice = invoice_at(view, &id, &payment)?;
        if invoice.payments.remove(&payment.id).is_some() {
            settle_open(view, invoice)?;
        }
    }
    for (id, link) in links {
        let mut invoice = invoice_at(view, &id, &payment)?;
        let seen = InvoicePayment::of(&payment, link);
        if invoice.payments.get(&payment.id) != Some(&seen) {
            invoice.heard.join(payment.heard.last);
            invoice.payments.insert(payment.id.clone(), seen);
            settle_open(view, invoice)?;
        }
    }
    Ok(())
}

/// An invoice as it is, or as it begins with what a payment says.
fn invoice_at(view: &mut View<'_>, id: &str, payment: &Payment) -> Result<Invoice, Stop> {
    Ok(view.read::<Invoice>(id)?.unwrap_or_else(|| Invoice::first_heard(id, payment.heard.last)))
}

/// Whether nothing of a payment had been given back when an invoice began to ask for its amount.
fn is_whole_for(payment: &Payment, invoice: &Invoice) -> bool {
    invoice.asks_since().is_none_or(|asks_since| can_pay(payment.given_back_since(), asks_since))
}

/// Looks for an invoice that is like the payment, once, and lets it wait where there is none. What is named for it takes it away from where it waits,
/// and from the invoice that it was matched to, which is returned; so does a refund, heard only now, that was made before that invoice was put.
fn find_by_likeness(view: &mut View<'_>, payment: &mut Payment, named: bool) -> Result<Option<String>, Stop> {
    if named || payment.booking_id().is_some() {
        if let Some(place) = payment.waits_in.take() {
            leave(view, &place, &payment.id)?;
        }
        return Ok(payment.likely.take());
    }
    let mut released = None;
    if let Some(likely) = &payment.likely {
        if payment.given_back_since().is_none() || view.read::<Invoice>(likely)?.is_none_or(|invoice| is_whole_for(payment, &invoice)) {
            return Ok(None);
        }
        released = payment.likely.take();
    }
    let Some((place, (at, _))) = payment.likeness().zip(payment.made()) else { return Ok(released) };
    if let Some(before) = payment.waits_in.take_if(|before| *before != place) {
        leave(view, &before, &payment.id)?;
    }
    // Where it waits nothing changes but by what is known of its refunds.
    if payment.waits_in.is_some() && payment.charges.is_empty() {
        return Ok(released);
    }
    let mut open = view.read::<OpenInvoices>(&place)?.unwrap_or_else(|| OpenInvoices::new(&place));
    payment.likely = open.payment(&payment.id, at, payment.given_back_since());
    payment.waits_in = payment.likely.is_none().then_some(place);
    view.write(&open)?;
    Ok(released)
}

/// Settles where an invoice waits for a payment that is like it, and writes it.
pub(super) fn settle_open(view: &mut View<'_>, mut invoice: Invoice) -> Result<(), Stop> {
    let place = place_of(view, &invoice)?;
    if place != invoice.open_in {
        if let Some(before) = invoice.open_in.take() {
            leave(view, &before, &invoice.id)?;
        }
        if let Some(place) = place {
            let mut open = view.read::<OpenInvoices>(&place)?.unwrap_or_else(|| OpenInvoices::new(&place));
            let asks_since = invoice.asks_since().unwrap_or(invoice.heard.first);
            heed_payments(view, &mut open, asks_since)?;
            match open.invoice(&invoice.id, asks_since) {
                Some(intent) => matched(view, &mut invoice, &intent)?,
                None => invoice.open_in = Some(place),
            }
            view.write(&open)?;
        }
    }
    view.write(&invoice)
}

/// Lets the payment that an invoice would be matched to speak for itself: what waits is a copy, and older versions left it as it was when some of a payment
/// was given back. One that is gone, or was given back in part before the invoice asked, is looked past.
fn heed_payments(view: &mut View<'_>, open: &mut OpenInvoices, asks_since: Timestamp) -> Result<(), Stop> {
    while let Some(intent) = open.payment_for(asks_since) {
        let Some(payment) = view.read::<Payment>(&intent)? else {
            open.leave(&intent);
            continue;
        };
        match payment.given_back_since().filter(|since| !can_pay(Some(*since), asks_since)) {
            Some(since) => open.note_given_back(&intent, since),
            None => break,
        }
    }
    Ok(())
}

/// A payment that waited for an invoice like this one is its.
fn matched(view: &mut View<'_>, invoice: &mut Invoice, intent: &str) -> Result<(), Stop> {
    let Some(mut payment) = view.read::<Payment>(intent)? else { return Ok(()) };
    payment.waits_in = None;
    payment.likely = Some(invoice.id.clone());
    payment.invoice = Some(invoice.id.clone());
    invoice.payments.insert(intent.to_owned(), InvoicePayment::of(&payment, Link::Likeness));
    view.write(&payment)
}

/// Where payments like an invoice's are looked for. An invoice whose customer's Stripe id is not known waits for that.
fn place_of(view: &mut View<'_>, invoice: &Invoice) -> Result<Option<String>, Stop> {
    if !invoice.takes_any_payment() {
        return Ok(None);
    }
    let Some(put) = invoice.put.as_ref().map(|put| &put.said) else { return Ok(None) };
    if let Some(place) = likeness_of(view, put)? {
        return Ok(Some(place));
    }
    let customer = &put.customer_id;
    let mut waiting = view.read::<CustomersInvoices>(customer)?.unwrap_or_else(|| CustomersInvoices::new(customer));
    if waiting.join(&invoice.id, invoice.asks_since().unwrap_or(invoice.heard.first)) {
        view.write(&waiting)?;
    }
    Ok(None)
}

/// Where payments like an invoice that was put so are looked for; `None` while its customer's Stripe id is not known.
fn likeness_of(view: &mut View<'_>, put: &InvoicePut) -> Result<Option<String>, Stop> {
    if let Some(customer) = &put.stripe_customer_id {
        return Ok(Some(OpenInvoices::id_for(customer, &put.due)));
    }
    let customer = view.read::<Customer>(&put.customer_id)?;
    Ok(customer.as_ref().and_then(Customer::stripe_id).map(|customer| OpenInvoices::id_for(customer, &put.due)))
}

fn leave(view: &mut View<'_>, place: &str, id: &str) -> Result<(), Stop> {
    let Some(mut open) = view.read::<OpenInvoices>(place)? else { return Ok(()) };
    open.leave(id);
    view.write(&open)
}
