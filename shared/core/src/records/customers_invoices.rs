use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    ports::Place,
    record::{Record, due_place},
    time::Timestamp,
};

/// The open invoices of a customer whose Stripe id is not known: they are to be matched by likeness once it is. There may be more of them than one commit can
/// take, so that the oldest are taken first and the others a little later: a payment is the oldest invoice's that is like it, and so in either case finds the
/// same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomersInvoices {
    /// The owner's id of the customer.
    pub id: String,
    /// Those that an older version noted, without their times.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    invoices: BTreeSet<String>,
    /// The others, with the time since which each asks for what is due.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    asking: BTreeMap<String, Timestamp>,
    /// When the next of them are to be matched; `None` while the Stripe id is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

impl CustomersInvoices {
    /// None waits yet.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), invoices: BTreeSet::new(), asking: BTreeMap::new(), due_at: None }
    }

    /// An invoice comes, or asks for something else since this time. Whether that was new.
    pub fn join(&mut self, invoice: &str, asks_since: Timestamp) -> bool {
        let noted = self.invoices.remove(invoice);
        noted | (self.asking.insert(invoice.to_owned(), asks_since) != Some(asks_since))
    }

    /// Those that wait, the oldest first.
    #[must_use]
    pub fn oldest_first(&self) -> Vec<String> {
        let mut asking: Vec<_> = self.asking.iter().map(|(id, since)| (*since, id)).collect();
        asking.sort_unstable();
        self.invoices.iter().chain(asking.into_iter().map(|(_, id)| id)).cloned().collect()
    }

    /// An invoice waits no more.
    pub fn leave(&mut self, invoice: &str) {
        self.invoices.remove(invoice);
        self.asking.remove(invoice);
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.invoices.is_empty() && self.asking.is_empty()
    }
}

impl Record for CustomersInvoices {
    const KIND: &'static str = "customers_invoices";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        self.due_at.map(|due_at| due_place(&Self::key(&self.id), due_at)).into_iter().collect()
    }
}
