//! The invoices of a customer whose Stripe id becomes known: they are open for payments that are like them from then on, and the oldest ones first.

use std::time::Duration;

use super::invoicing::settle_open;
use crate::{
    plan::{Stop, View},
    record::Record,
    records::{Customer, CustomersInvoices, Invoice},
};

/// How many documents a plan may rely on when one more invoice is taken. A commit has 100 at most: each of these may bring a page of its history along and
/// what is told of it, and an invoice three of them (itself, the place where it waits, and its payment).
const ENOUGH: usize = 27;

/// Takes the invoices that wait for the customer's Stripe id, as many as the commit at hand can hold. The others follow one step after the other, each begun
/// by a timer.
pub(super) fn take(view: &mut View<'_>, customer: &str) -> Result<(), Stop> {
    let Some(mut waiting) = view.read::<CustomersInvoices>(customer)? else { return Ok(()) };
    let oldest = waiting.oldest_first();
    view.want(oldest.iter().take(ENOUGH).map(|id| Invoice::key(id)))?;
    for id in oldest {
        if view.relies_on() >= ENOUGH {
            break;
        }
        if let Some(invoice) = view.read::<Invoice>(&id)? {
            settle_open(view, invoice)?;
        }
        waiting.leave(&id);
    }
    // Later than the time of the timer at hand: otherwise the next one would be taken for it.
    waiting.due_at = (!waiting.is_empty()).then(|| view.now + Duration::from_millis(1));
    view.write(&waiting)
}

/// The time has come to take some more of them.
pub(super) fn due(view: &mut View<'_>, customer: &str) -> Result<(), Stop> {
    let Some(mut waiting) = view.read::<CustomersInvoices>(customer)? else { return Err(Stop::Nothing) };
    if waiting.due_at.is_none_or(|due_at| due_at > view.now) {
        return Err(Stop::Nothing);
    }
    view.summarize(format!("invoices of customer {customer} are open for payments"));
    if view.read::<Customer>(customer)?.is_some_and(|customer| customer.stripe_id().is_some()) {
        return take(view, customer);
    }
    // It was put without its Stripe id meanwhile.
    waiting.due_at = None;
    view.write(&waiting)
}
