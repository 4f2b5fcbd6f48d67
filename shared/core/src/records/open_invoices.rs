use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Amount;
use crate::{ports::Place, record::Record, time::Timestamp};

/// How many payments of one customer and amount wait at most. One that is pushed out stays among the unmatched, for its owner to see to.
const MOST: usize = 500;

/// Where invoices and payments meet that name no id in common: the open invoices of one Stripe customer over one amount, and the payments of that
/// customer and amount that belong to nothing. Found by key and changed in the commit of either side, so that neither misses the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenInvoices {
    id: String,
    /// Invoices by their id, with the time since which each asks for this amount.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    invoices: BTreeMap<String, Timestamp>,
    /// Payments by their intent, with the time at which they were made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    payments: BTreeMap<String, Timestamp>,
    /// Since when some of a payment has been given back, where that is so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    given_back: BTreeMap<String, Timestamp>,
}

/// Whether a payment can be that of an invoice that asks for its amount since `asks_since`, by when some of it was given back. What had been given back by
/// then pays nothing that is asked for later; what was given back afterwards was paid for it before. Both times are facts, so that this is the same whatever
/// is heard first. Stripe's are whole seconds: what was given back in the second in which the invoice was put counts as given back after it.
#[must_use]
pub fn can_pay(given_back_since: Option<Timestamp>, asks_since: Timestamp) -> bool {
    given_back_since.is_none_or(|given_back| given_back.seconds() >= asks_since.seconds())
}

impl OpenInvoices {
    /// The id for what one Stripe customer pays in one amount.
    #[must_use]
    pub fn id_for(stripe_customer: &str, amount: &Amount) -> String {
        format!("{stripe_customer}:{}:{}", amount.currency, amount.amount)
    }

    /// Nobody is there yet.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), invoices: BTreeMap::new(), payments: BTreeMap::new(), given_back: BTreeMap::new() }
    }

    /// The earliest payment that waits and can be that of an invoice that asks since then, by what is known here.
    #[must_use]
    pub fn payment_for(&self, asks_since: Timestamp) -> Option<String> {
        let fits = |payment: &String| can_pay(self.given_back.get(payment).copied(), asks_since);
        earliest(self.payments.iter().filter(|(payment, _)| fits(payment)))
    }

    /// Notes since when some of a payment that waits has been given back: older versions did not when that happened.
    pub fn note_given_back(&mut self, intent: &str, since: Timestamp) {
        self.given_back.insert(intent.to_owned(), since);
    }

    /// An invoice comes: the earliest payment that waits and can be its is its, or it waits itself.
    pub fn invoice(&mut self, id: &str, asks_since: Timestamp) -> Option<String> {
        let payment = self.payment_for(asks_since);
        match &payment {
            Some(payment) => self.leave(payment),
            None => drop(self.invoices.insert(id.to_owned(), asks_since)),
        }
        payment
    }

    /// A payment comes, or has been given back in part: the oldest open invoice that it can pay is its, or it waits itself.
    pub fn payment(&mut self, intent: &str, at: Timestamp, given_back_since: Option<Timestamp>) -> Option<String> {
        self.leave(intent);
        let invoice = earliest(self.invoices.iter().filter(|(_, asks_since)| can_pay(given_back_since, **asks_since)));
        if let Some(invoice) = &invoice {
            self.leave(invoice);
            return Some(invoice.clone());
        }
        self.payments.insert(intent.to_owned(), at);
        self.given_back.extend(given_back_since.map(|since| (intent.to_owned(), since)));
        if self.payments.len() > MOST
            && let Some(pushed_out) = earliest(self.payments.iter())
        {
            self.leave(&pushed_out);
        }
        None
    }

    /// An invoice or a payment waits no more.
    pub fn leave(&mut self, id: &str) {
        self.invoices.remove(id);
        self.payments.remove(id);
        self.given_back.remove(id);
    }
}

fn earliest<'a>(waiting: impl Iterator<Item = (&'a String, &'a Timestamp)>) -> Option<String> {
    waiting.min_by_key(|(id, at)| (**at, *id)).map(|(id, _)| id.clone())
}

impl Record for OpenInvoices {
    const KIND: &'static str = "open_invoices";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }
}
