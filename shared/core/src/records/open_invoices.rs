use std::collections::{BTreeMap, BTreeSet};

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
    /// Invoices by their id, with the time from which on they were known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    invoices: BTreeMap<String, Timestamp>,
    /// Payments by their intent, with the time at which they were made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    payments: BTreeMap<String, Timestamp>,
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
        Self { id: id.to_owned(), invoices: BTreeMap::new(), payments: BTreeMap::new() }
    }

    /// An invoice comes: the earliest payment that waits is its, or it waits itself.
    pub fn invoice(&mut self, id: &str, since: Timestamp) -> Option<String> {
        let payment = take_earliest(&mut self.payments);
        if payment.is_none() {
            self.invoices.insert(id.to_owned(), since);
        }
        payment
    }

    /// A payment comes: the oldest open invoice is its, or it waits itself.
    pub fn payment(&mut self, intent: &str, at: Timestamp) -> Option<String> {
        let invoice = take_earliest(&mut self.invoices);
        if invoice.is_none() {
            self.payments.insert(intent.to_owned(), at);
            if self.payments.len() > MOST {
                take_earliest(&mut self.payments);
            }
        }
        invoice
    }

    /// An invoice or a payment waits no more.
    pub fn leave(&mut self, id: &str) {
        self.invoices.remove(id);
        self.payments.remove(id);
    }
}

fn take_earliest(waiting: &mut BTreeMap<String, Timestamp>) -> Option<String> {
    let earliest = waiting.iter().min_by_key(|(id, at)| (**at, *id)).map(|(id, _)| id.clone())?;
    waiting.remove(&earliest);
    Some(earliest)
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

/// The open invoices of a customer whose Stripe id is not known: they are to be matched by likeness once it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomersInvoices {
    /// The owner's id of the customer.
    pub id: String,
    /// The invoices.
    pub invoices: BTreeSet<String>,
}

impl Record for CustomersInvoices {
    const KIND: &'static str = "customers_invoices";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }
}
