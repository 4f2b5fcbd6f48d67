use std::collections::BTreeMap;

use serde::Serialize;

use super::{Invoice, InvoiceStatus};
use crate::{
    kind::{Filter, Served},
    ports::{Index, Key, PortError, Stored},
    record::Record,
    records::{History, HistoryEntry, Payment},
    schema::described,
    time::Timestamp,
};

described! {
    /// An invoice as the API shows it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct ShownInvoice as "Invoice" {
        id: String,
        customer_id: Option<String>,
        tenant: Option<String>,
        stripe_payment_intent_id: Option<String>,
        stripe_customer_id: Option<String>,
        amount: Option<i64>,
        currency: Option<String>,
        /// What its payments came to in its currency, refunds included.
        amount_paid: i64,
        /// What is still to be paid; 0 once it is paid.
        amount_remaining: Option<i64>,
        due_at: Option<Timestamp>,
        status: InvoiceStatus,
        paid_at: Option<Timestamp>,
        refunded_amount: i64,
        payments: Vec<String>,
        metadata: BTreeMap<String, String>,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

impl Invoice {
    /// Whether an event of this type is what Stripe says of an invoice of its own.
    pub(crate) fn is_told_by_stripe(kind: &str) -> bool {
        kind.starts_with("invoice.") && kind != "invoice.put"
    }
}

impl Served for Invoice {
    const NAME: &'static str = "invoice";
    const LIST: &'static str = Self::KIND;
    const UNMATCHED: &'static str = Self::UNMATCHED;
    const FILTERS: &'static [Filter] = &[
        Filter::state("status", &["open", "overdue", "paid", "refunded"]),
        Filter::group("customer_id", Index::Group),
        Filter::group("stripe_customer_id", Index::Group2),
        Filter::group("tenant", Index::Group3),
    ];
    type Shown = ShownInvoice;

    fn shown(&self) -> ShownInvoice {
        let put = self.put.as_ref().map(|put| &put.said);
        ShownInvoice {
            id: self.id.clone(),
            customer_id: put.map(|put| put.customer_id.clone()),
            tenant: put.and_then(|put| put.tenant.clone()),
            stripe_payment_intent_id: self.stripe_payment_intent_id().map(str::to_owned),
            stripe_customer_id: self.stripe_customer_id().map(str::to_owned),
            amount: self.due().map(|due| due.amount),
            currency: self.currency().map(str::to_owned),
            amount_paid: self.amount_paid(),
            amount_remaining: self.amount_remaining(),
            due_at: put.and_then(|put| put.due_at),
            status: self.status(),
            paid_at: self.paid_at(),
            refunded_amount: self.refunded_amount(),
            payments: self.payments.keys().cloned().collect(),
            metadata: put.map(|put| put.metadata.clone()).unwrap_or_default(),
            created_at: self.heard.first,
            updated_at: self.heard.last,
        }
    }

    fn lies_in_space_of(shown: &mut ShownInvoice, tenant: &str) {
        shown.tenant = Some(tenant.to_owned());
    }

    fn told_under(&self) -> Vec<Key> {
        self.payments.keys().map(|intent| Payment::key(intent)).collect()
    }

    /// The invoices of Stripe's that a payment pays: what Stripe said of those may have come before it was known which payment that is.
    fn told_under_of(&self, other: &Stored) -> Result<Vec<Key>, PortError> {
        match other.document.key.kind.as_ref() {
            Payment::KIND => {
                let of_stripe = Payment::from_stored(other)?.stripe_invoices.into_keys().filter(|id| *id != self.id);
                Ok(of_stripe.map(|id| Self::key(&id)).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn history_under(&self, other: &Stored) -> Result<Option<History>, PortError> {
        match other.document.key.kind.as_ref() {
            Payment::KIND => Payment::from_stored(other).map(|payment| Some(payment.history)),
            _ => Self::from_stored(other).map(|invoice| Some(invoice.history)),
        }
    }

    /// Of an invoice of Stripe's only what Stripe said of it.
    fn retold_of(kind: &str) -> fn(&HistoryEntry) -> Option<HistoryEntry> {
        match kind {
            Self::KIND => |entry| Some(entry.seen_as(&[("status", "status")])).filter(|_| Self::is_told_by_stripe(entry.kind())),
            _ => Self::retold,
        }
    }

    /// What became of a payment; that one failed changes no invoice. Another payment may count, too, so that no amount is told.
    fn retold(entry: &HistoryEntry) -> Option<HistoryEntry> {
        const SEEN_AS: [(&str, &str); 4] =
            [("status", "status"), ("stripe_invoice_id", "status"), ("amount", "amount_paid"), ("refunded_amount", "refunded_amount")];
        Some(entry.seen_as(&SEEN_AS)).filter(|_| entry.kind() != Payment::FAILED_EVENT)
    }

    /// What was said of a payment counts for as long as that is its, and what Stripe said of the invoice under its own id for good.
    fn keeps(&self, _: &HistoryEntry) -> bool {
        !self.said.is_empty() || !self.intents.is_empty()
    }

    fn group(&self, field: &str) -> Option<&str> {
        let put = self.put.as_ref().map(|put| &put.said);
        match field {
            "customer_id" => put.map(|put| put.customer_id.as_str()),
            "stripe_customer_id" => self.stripe_customer_id(),
            "tenant" => put.and_then(|put| put.tenant.as_deref()),
            _ => None,
        }
    }

    fn is_served(&self) -> bool {
        self.put.is_some()
    }

    fn waits(&self) -> bool {
        self.seeks_intent()
    }
}
