//! An invoice: what its owner says of it, what Stripe's invoice of the same id says, what its payments say, and the state that follows.

mod paid;
mod put;
mod shown;

pub use put::InvoicePut;
pub use shown::ShownInvoice;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Amount, ChargeFact, Heard, History, Payment, Told, Word};
use crate::{
    kind::{group_places, served_record},
    ports::{Index, Place},
    record::{Record, place},
    time::Timestamp,
};

/// An invoice's facts. One that Stripe makes exists under Stripe's id, too, and keeps what Stripe says of it for the payments that name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// The owner's id of it, or Stripe's.
    pub id: String,
    /// The owner's word. Until there is one the invoice is unmatched: it keeps facts and is not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<Word<InvoicePut>>,
    /// What Stripe's invoice of this id says.
    #[serde(default, skip_serializing_if = "StripeInvoice::is_empty")]
    pub said: StripeInvoice,
    /// The payment intents that Stripe says pay it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub intents: BTreeSet<String>,
    /// Whether Stripe says that it was paid without any: in another way, or because nothing was due.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_intent: bool,
    /// What is known of its payments, by payment intent; copied from them with every change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub payments: BTreeMap<String, InvoicePayment>,
    /// The payment intent that knows that this invoice was put with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
    /// Where it waits for a payment that is like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_in: Option<String>,
    /// When it was heard of.
    pub heard: Heard,
    /// Which events changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

/// An invoice's state, put by its owner or derived. A later one of these stands before an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// To be paid.
    #[default]
    Open,
    /// To be paid, and a payment failed.
    Overdue,
    /// Paid.
    Paid,
    /// Paid, and all of it given back.
    Refunded,
}

crate::schema::described_words!(InvoiceStatus: Open, Overdue, Paid, Refunded);

/// What one of Stripe's invoices says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeInvoice {
    /// That it is paid; the first to say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Told<()>>,
    /// That a payment failed; the latest to say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Told<()>>,
    /// Stripe's id of the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Told<String>>,
    /// How much is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Told<Amount>>,
}

impl StripeInvoice {
    /// Whether nothing was said yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a payment counts as an invoice's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// The invoice was put with its payment intent.
    Put,
    /// Stripe says so.
    Stripe,
    /// Customer and amount are the same, and nobody says otherwise.
    Likeness,
}

/// What an invoice keeps of one of its payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoicePayment {
    /// Why it is its.
    pub link: Link,
    /// When it was made, and how much it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<(Timestamp, Amount)>,
    /// When an invoice of Stripe's that it pays became paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_paid: Option<Timestamp>,
    /// Whether an invoice of Stripe's that it was to pay says that it failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invoice_failed: bool,
    /// What is known of refunds, by charge.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub charges: BTreeMap<String, ChargeFact>,
}

impl InvoicePayment {
    /// What an invoice keeps of `payment`, which is its by `link`.
    #[must_use]
    pub fn of(payment: &Payment, link: Link) -> Self {
        let paid = payment.stripe_invoices.values().filter_map(|invoice| invoice.paid.as_ref());
        Self {
            link,
            made: payment.made(),
            invoice_paid: paid.map(|told| told.at).min(),
            invoice_failed: payment.stripe_invoices.values().any(|invoice| invoice.failed.is_some()),
            charges: payment.charges.clone(),
        }
    }
}

impl Invoice {
    /// The name of the list of invoices that are known from events alone, and wait for more of them.
    pub const UNMATCHED: &'static str = "invoice/unmatched";

    /// Of the invoice `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            put: None,
            said: StripeInvoice::default(),
            intents: BTreeSet::new(),
            without_intent: false,
            payments: BTreeMap::new(),
            claimed: None,
            open_in: None,
            heard: Heard::at(at),
            history: History::default(),
        }
    }

    /// How much is due: the owner's word, else Stripe's.
    #[must_use]
    pub fn due(&self) -> Option<&Amount> {
        self.put.as_ref().map(|put| &put.said.due).or_else(|| self.said.due.as_ref().map(|due| &due.what))
    }

    /// The currency that it is in.
    #[must_use]
    pub fn currency(&self) -> Option<&str> {
        let charged = || self.payments.values().flat_map(|payment| payment.charges.values()).next().map(|charge| charge.currency.as_str());
        self.due().map(|due| due.currency.as_str()).or_else(charged)
    }

    /// The payment intent that is to pay it: the owner's word, else the first that is known.
    #[must_use]
    pub fn stripe_payment_intent_id(&self) -> Option<&str> {
        let put = self.put.as_ref().and_then(|put| put.said.stripe_payment_intent_id.as_ref());
        put.or_else(|| self.payments.keys().chain(&self.intents).next()).map(String::as_str)
    }

    /// Stripe's id of its customer: the owner's word, else that of Stripe's invoice.
    #[must_use]
    pub fn stripe_customer_id(&self) -> Option<&str> {
        let put = self.put.as_ref().and_then(|put| put.said.stripe_customer_id.as_deref());
        put.or_else(|| self.said.customer.as_ref().map(|customer| customer.what.as_str()))
    }

    /// Since when its owner has it ask for what is due; `None` while it was not put.
    #[must_use]
    pub fn asks_since(&self) -> Option<Timestamp> {
        self.put.as_ref().map(|put| put.said.asks_since.unwrap_or(self.heard.first))
    }

    /// Whether it waits for Stripe to say which payment intents pay it, so that the invoices of these hear of it. One that nobody puts waits for nothing
    /// else.
    pub(super) fn seeks_intent(&self) -> bool {
        self.put.is_none() && self.intents.is_empty() && !self.without_intent
    }

    /// Whether a payment may be matched to it by likeness: it was put, is to be paid, and no payment intent is named for it.
    #[must_use]
    pub fn takes_any_payment(&self) -> bool {
        let named = self.intents.is_empty() && self.put.as_ref().is_some_and(|put| put.said.stripe_payment_intent_id.is_none());
        named && self.status() < InvoiceStatus::Paid
    }
}

impl Record for Invoice {
    const KIND: &'static str = "invoice";
    const STATES: &'static [&'static str] = &["status", "paid_at", "amount", "currency", "amount_paid", "refunded_amount", "due_at"];

    served_record!();

    fn places(&self) -> Vec<Place> {
        let (index, name) = match &self.put {
            Some(_) => (Index::List, Self::KIND),
            None if self.seeks_intent() => (Index::Flag, Self::UNMATCHED),
            None => return Vec::new(),
        };
        let mut places = vec![place(index, name, self.heard.first, &self.id)];
        places.extend(group_places(self, self.heard.first));
        places
    }
}
