use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Invoice, InvoiceStatus};
use crate::{
    form::{self, Form},
    kind::{Owned, put_record},
    plan::{Stop, View},
    records::{Amount, Word, keep_unsaid},
    rules,
    time::Timestamp,
};

/// The owner's word on an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoicePut {
    /// Whose it is, by the owner's id of the customer.
    pub customer_id: String,
    /// The tenant that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The payment intent that is to pay it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe_payment_intent_id: Option<String>,
    /// Stripe's id of the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe_customer_id: Option<String>,
    /// How much is due.
    #[serde(flatten)]
    pub due: Amount,
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// The state as its owner sees it.
    #[serde(default)]
    pub status: InvoiceStatus,
    /// Since when the owner has it paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_since: Option<Timestamp>,
    /// Since when it asks this customer for this amount, put anew or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks_since: Option<Timestamp>,
    /// The owner's own notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl InvoicePut {
    /// Whether it asks the same customer for the same amount. One that is only named by another id is the same.
    fn asks_the_same(&self, other: &Self) -> bool {
        let customer = match (&self.stripe_customer_id, &other.stripe_customer_id) {
            (Some(one), Some(another)) => one == another,
            _ => self.customer_id == other.customer_id,
        };
        customer && self.due == other.due
    }
}

impl Owned for Invoice {
    type Put = InvoicePut;
    const FIELDS: &'static [&'static str] =
        &["customer_id", "tenant", "stripe_payment_intent_id", "stripe_customer_id", "amount", "currency", "due_at", "status", "metadata"];

    fn read_put(form: &mut Form<'_>, now: Timestamp) -> InvoicePut {
        let status = form.optional("status", form::one_of("open, overdue, paid or refunded")).unwrap_or_default();
        InvoicePut {
            customer_id: form.required("customer_id", form::id),
            tenant: form.optional("tenant", form::id),
            stripe_payment_intent_id: form.optional("stripe_payment_intent_id", form::id),
            stripe_customer_id: form.optional("stripe_customer_id", form::id),
            due: Amount { amount: form.required("amount", form::amount), currency: form.required("currency", form::currency) },
            due_at: form.optional("due_at", form::time),
            status,
            paid_since: (status >= InvoiceStatus::Paid).then_some(now),
            asks_since: None,
            metadata: form.optional("metadata", form::metadata).unwrap_or_default(),
        }
    }

    put_record!();

    fn join_put(&mut self, at: Timestamp, mut put: InvoicePut) {
        self.heard.join(at);
        let asked = self.put.as_ref().filter(|known| known.said.asks_the_same(&put)).and_then(|_| self.asks_since());
        put.asks_since = asked.or(Some(at));
        if let Some(known) = self.put.as_ref().map(|known| &known.said) {
            keep_unsaid(&mut put.stripe_payment_intent_id, self.stripe_payment_intent_id(), known.stripe_payment_intent_id.as_ref());
            keep_unsaid(&mut put.stripe_customer_id, self.stripe_customer_id(), known.stripe_customer_id.as_ref());
            if put.status == self.status() {
                put.status = known.status;
            }
            // One that stays paid has been so since the first time.
            let since = known.paid_since.or(put.paid_since);
            put.paid_since = since.filter(|_| put.status >= InvoiceStatus::Paid);
        }
        Word::join(&mut self.put, at, put);
    }

    fn settle(self, view: &mut View<'_>) -> Result<(), Stop> {
        rules::settle_invoice(view, self)
    }
}
