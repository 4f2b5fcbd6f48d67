use serde::{Deserialize, Serialize};

use super::{Payment, PaymentStatus};
use crate::{
    decline,
    kind::{Filter, Served, state_of},
    ports::{Index, Key, Place, PortError, Stored},
    record::Record,
    records::{Booking, History, HistoryEntry, Invoice},
    schema::described,
    state::State,
    time::Timestamp,
};

described! {
    /// A payment as the API shows it.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct ShownPayment as "Payment" {
        id: String,
        stripe_payment_intent_id: String,
        invoice_id: Option<String>,
        booking_id: Option<String>,
        stripe_invoice_id: Option<String>,
        stripe_customer_id: Option<String>,
        amount: Option<i64>,
        currency: Option<String>,
        status: Option<PaymentStatus>,
        method: Option<&'static str>,
        card: Option<Card>,
        receipt_url: Option<String>,
        refunded_amount: i64,
        decline_code: Option<String>,
        failure_reason: Option<&'static str>,
        at: Option<Timestamp>,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

described! {
    /// The card of a payment.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    struct Card as "PaymentCard" {
        brand: Option<String>,
        last4: Option<String>,
    }
}

impl Served for Payment {
    const NAME: &'static str = "payment";
    const LIST: &'static str = Self::KIND;
    const UNMATCHED: &'static str = Self::UNMATCHED;
    const FILTERS: &'static [Filter] = &[
        Filter::state("status", &["succeeded", "failed", "refunded", "partially_refunded"]),
        Filter::held_by::<Booking>("booking_id", Booking::intents_of),
        Filter::group("invoice_id", Index::Group),
        Filter::group("stripe_customer_id", Index::Group2),
        Filter::state("method", &["tap_to_pay", "stripe_online"]),
    ];
    type Shown = ShownPayment;

    fn shown(&self) -> ShownPayment {
        let status = self.status();
        let failure = self.failure.as_ref().filter(|_| status == Some(PaymentStatus::Failed)).map(|failure| &failure.what);
        let details = self.details.as_ref().map(|details| &details.what);
        let method = match (details.is_some_and(|details| details.card_present), status) {
            (true, _) => Some("tap_to_pay"),
            (false, Some(_)) => Some("stripe_online"),
            (false, None) => None,
        };
        ShownPayment {
            id: self.id.clone(),
            stripe_payment_intent_id: self.id.clone(),
            invoice_id: self.invoice.clone(),
            booking_id: self.booking_id().map(str::to_owned),
            stripe_invoice_id: self.stripe_invoices.keys().next().cloned(),
            stripe_customer_id: self.customer.as_ref().map(|customer| customer.what.clone()),
            amount: self.amount(),
            currency: self.currency(),
            status,
            method,
            card: details
                .filter(|details| details.brand.is_some() || details.last4.is_some())
                .map(|details| Card { brand: details.brand.clone(), last4: details.last4.clone() }),
            receipt_url: details.and_then(|details| details.receipt_url.clone()),
            refunded_amount: self.refunded_amount(),
            decline_code: failure.map(|failure| failure.decline_code.clone()),
            failure_reason: failure.map(|failure| decline::in_plain_words(Some(&failure.decline_code), None)),
            at: self.made().map(|(at, _)| at).or_else(|| self.failure.as_ref().map(|failure| failure.at)),
            created_at: self.heard.first,
            updated_at: self.heard.last,
        }
    }

    /// The invoices of Stripe's that it pays: what Stripe said of those may have come before it was known which payment that is.
    fn told_under(&self) -> Vec<Key> {
        self.stripe_invoices.keys().map(|id| Invoice::key(id)).collect()
    }

    fn history_under(&self, other: &Stored) -> Result<Option<History>, PortError> {
        Invoice::from_stored(other).map(|invoice| Some(invoice.history))
    }

    /// What Stripe said of the invoice changes nothing that is shown of its payment: what it says of that was noted with the payment itself.
    fn retold(entry: &HistoryEntry) -> Option<HistoryEntry> {
        Some(entry.seen_as(&[])).filter(|_| Invoice::is_told_by_stripe(entry.kind()))
    }

    fn group(&self, field: &str) -> Option<&str> {
        match field {
            "invoice_id" => self.invoice.as_deref(),
            "stripe_customer_id" => self.customer.as_ref().map(|customer| customer.what.as_str()),
            _ => None,
        }
    }

    fn is_served(&self) -> bool {
        self.status().is_some()
    }

    fn waits(&self) -> bool {
        self.is_unmatched()
    }
}

/// A payment that was made, as a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transaction(Payment);

described! {
    /// A transaction as the API shows it.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct ShownTransaction as "Transaction" {
        id: String,
        stripe_payment_intent_id: String,
        booking_id: Option<String>,
        amount: Option<i64>,
        currency: Option<String>,
        at: Option<Timestamp>,
    }
}

impl Served for Transaction {
    const NAME: &'static str = "transaction";
    const LIST: &'static str = Payment::LIST;
    const UNMATCHED: &'static str = Payment::UNMATCHED;
    const FILTERS: &'static [Filter] = &[Filter::held_by::<Booking>("booking_id", Booking::intents_of)];
    type Shown = ShownTransaction;

    fn shown(&self) -> ShownTransaction {
        let (at, amount) = self.0.made().unzip();
        ShownTransaction {
            id: self.0.id.clone(),
            stripe_payment_intent_id: self.0.id.clone(),
            booking_id: self.0.booking_id().map(str::to_owned),
            amount: amount.as_ref().map(|amount| amount.amount),
            currency: amount.map(|amount| amount.currency),
            at,
        }
    }

    fn told_under(&self) -> Vec<Key> {
        self.0.told_under()
    }

    fn history_under(&self, other: &Stored) -> Result<Option<History>, PortError> {
        self.0.history_under(other)
    }

    fn retold(entry: &HistoryEntry) -> Option<HistoryEntry> {
        Payment::retold(entry)
    }

    fn is_served(&self) -> bool {
        self.0.made().is_some()
    }

    /// What failed is no transaction that waits.
    fn waits(&self) -> bool {
        self.0.is_unmatched() && (self.0.made().is_some() || !self.0.charges.is_empty())
    }
}

impl Record for Transaction {
    const KIND: &'static str = Payment::KIND;
    const STATES: &'static [&'static str] = Payment::STATES;

    fn id(&self) -> &str {
        &self.0.id
    }

    fn state(&self) -> State {
        state_of(self)
    }

    fn history_mut(&mut self) -> Option<&mut History> {
        self.0.history_mut()
    }

    fn places(&self) -> Vec<Place> {
        self.0.places()
    }
}
