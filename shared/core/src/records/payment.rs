//! A payment: what is known of one payment intent, whom it belongs to, and what became of it.

mod shown;

pub use shown::{ShownPayment, ShownTransaction, Transaction};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ChargeFact, Heard, History, Link, OpenInvoices, Told, charge};
use crate::{
    kind::{Served, group_places, served_record},
    ports::{Index, Place},
    record::{Record, place},
    time::Timestamp,
};

/// What is known of one payment intent. It exists from the first that is heard of it, also if that is a refund, and is the way from the intent to
/// its booking and its invoice.
///
/// Its kind is called `transaction`: a transaction is a payment that succeeded, and both are this one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The payment intent's id.
    pub id: String,
    /// That it was made, as the payment intent says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<TransactionFact>,
    /// That it was made, as its invoice says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoiced: Option<Told<Amount>>,
    /// The latest failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Told<PaymentFailure>>,
    /// How it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Told<PaymentDetails>>,
    /// Who paid, by Stripe's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Told<String>>,
    /// The booking that a failure or a charge names; of a payment that was made, what it names itself stands before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<Told<String>>,
    /// What is known of refunds, by charge.
    #[serde(default, alias = "waiting", skip_serializing_if = "BTreeMap::is_empty")]
    pub charges: BTreeMap<String, ChargeFact>,
    /// Stripe's invoices that it is for, with what they say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stripe_invoices: BTreeMap<String, super::StripeInvoice>,
    /// The invoices that were put with this payment intent.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub claimed_by: BTreeSet<String>,
    /// The invoice that it was matched to by likeness, once. An authoritative link takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likely: Option<String>,
    /// Where it waits for an invoice that is like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_in: Option<String>,
    /// The invoice that it belongs to; derived, and stored for those who look at this record alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// When it was heard of.
    pub heard: Heard,
    /// Which events changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

/// That a payment was made, in the payment intent's words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TransactionFact {
    /// When it was made, by the provider.
    pub at: Timestamp,
    /// The provider's id of the event that said so.
    pub event: String,
    /// The booking that it is for.
    pub booking_id: Option<String>,
    /// How much, in the currency's smallest unit.
    pub amount: i64,
    /// The currency, lower case.
    pub currency: String,
}

/// An amount in a currency's smallest unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Amount {
    /// How much.
    pub amount: i64,
    /// The currency, lower case.
    pub currency: String,
}

/// Why a payment failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PaymentFailure {
    /// How much was to be paid.
    #[serde(flatten)]
    pub due: Amount,
    /// The bank's code, else Stripe's, such as `insufficient_funds`.
    pub decline_code: String,
}

/// How a payment was made, in the words of its charge.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PaymentDetails {
    /// The card's brand, such as `visa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// The last four digits of its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
    /// Where the receipt is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_url: Option<String>,
    /// Whether the card was there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub card_present: bool,
}

/// What a payment came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Made.
    Succeeded,
    /// Not made.
    Failed,
    /// Made, and all of it given back.
    Refunded,
    /// Made, and some of it given back.
    PartiallyRefunded,
}

crate::schema::described_words!(PaymentStatus: Succeeded, Failed, Refunded, PartiallyRefunded);

impl Payment {
    /// The name of the list of those that nobody has said what they are for.
    pub const UNMATCHED: &'static str = "transaction/unmatched";
    /// The type of the event that says of a payment that it failed.
    pub(crate) const FAILED_EVENT: &'static str = "payment_intent.payment_failed";

    /// Of the payment intent `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            fact: None,
            invoiced: None,
            failure: None,
            details: None,
            customer: None,
            named: None,
            charges: BTreeMap::new(),
            stripe_invoices: BTreeMap::new(),
            claimed_by: BTreeSet::new(),
            likely: None,
            waits_in: None,
            invoice: None,
            heard: Heard::at(at),
            history: History::default(),
        }
    }

    /// Joins that the payment was made. Of two events that tell of it the earlier one stays.
    pub fn join_fact(&mut self, fact: TransactionFact) {
        if self.fact.as_ref().is_none_or(|known| fact < *known) {
            self.fact = Some(fact);
        }
    }

    /// Joins what is known of a charge's refunds.
    pub fn join_charge(&mut self, charge: &str, fact: ChargeFact) {
        charge::join_charge(&mut self.charges, charge, fact);
    }

    /// The booking that it is for, if one is named.
    #[must_use]
    pub fn booking_id(&self) -> Option<&str> {
        let own = self.fact.as_ref().and_then(|fact| fact.booking_id.as_deref());
        own.or_else(|| self.named.as_ref().map(|named| named.what.as_str()))
    }

    /// When it was made and how much it was; `None` if nobody said that it was.
    #[must_use]
    pub fn made(&self) -> Option<(Timestamp, Amount)> {
        let intent = self.fact.as_ref().map(|fact| (fact.at, Amount { amount: fact.amount, currency: fact.currency.clone() }));
        intent.or_else(|| self.invoiced.as_ref().map(|told| (told.at, told.what.clone())))
    }

    /// The currency that it is in.
    #[must_use]
    pub fn currency(&self) -> Option<String> {
        let failed = || self.failure.as_ref().map(|failure| failure.what.due.currency.clone());
        let charged = || self.charges.values().next().map(|charge| charge.currency.clone());
        self.made().map(|(_, amount)| amount.currency).or_else(charged).or_else(failed)
    }

    /// How much it is, as far as it is known.
    #[must_use]
    pub fn amount(&self) -> Option<i64> {
        let charged = || self.currency().map(|currency| charge::charged(&self.charges, &currency)).filter(|amount| *amount > 0);
        let failed = || self.failure.as_ref().map(|failure| failure.what.due.amount);
        self.made().map(|(_, amount)| amount.amount).or_else(charged).or_else(failed)
    }

    /// How much of it has been refunded.
    #[must_use]
    pub fn refunded_amount(&self) -> i64 {
        self.currency().map_or(0, |currency| charge::refunded(&self.charges, &currency))
    }

    /// What it came to; `None` if nothing is known but that there is a payment intent. What was refunded was paid before.
    #[must_use]
    pub fn status(&self) -> Option<PaymentStatus> {
        let charged = self.currency().map_or(0, |currency| charge::charged(&self.charges, &currency));
        match (self.made(), self.refunded_amount()) {
            (None, 0) if charged == 0 => self.failure.as_ref().map(|_| PaymentStatus::Failed),
            (_, 0) => Some(PaymentStatus::Succeeded),
            (made, refunded) => {
                let total = made.map_or(0, |(_, amount)| amount.amount).max(charged);
                Some(if refunded >= total { PaymentStatus::Refunded } else { PaymentStatus::PartiallyRefunded })
            }
        }
    }

    /// Since when some of it has been given back, and has stayed so.
    #[must_use]
    pub fn given_back_since(&self) -> Option<Timestamp> {
        let currency = self.currency()?;
        self.charges.values().filter(|charge| charge.currency == currency).filter_map(ChargeFact::given_back_since).min()
    }

    /// Where an invoice like it is looked for; `None` while it is not known who paid, or that it was paid.
    #[must_use]
    pub fn likeness(&self) -> Option<String> {
        self.customer.as_ref().zip(self.made()).map(|(customer, (_, amount))| OpenInvoices::id_for(&customer.what, &amount))
    }

    /// Why the invoice `id` is its.
    #[must_use]
    pub fn link_to(&self, id: &str) -> Link {
        if self.claimed_by.contains(id) {
            Link::Put
        } else if self.stripe_invoices.contains_key(id) {
            Link::Stripe
        } else {
            Link::Likeness
        }
    }

    /// Whether nobody has said what it is for: no booking and no invoice, neither its owner's nor one of Stripe's.
    fn is_unmatched(&self) -> bool {
        self.booking_id().is_none() && self.invoice.is_none() && self.stripe_invoices.is_empty()
    }
}

impl Record for Payment {
    const KIND: &'static str = "transaction";
    const STATES: &'static [&'static str] =
        &["status", "booking_id", "invoice_id", "amount", "currency", "at", "refunded_amount", "decline_code"];

    served_record!();

    fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        // By when it was heard of, as all lists are: that never changes once it is listed, and what is new comes last in the index.
        let at = self.heard.first;
        if self.is_served() {
            places.push(place(Index::List, Self::KIND, at, &self.id));
        }
        places.extend(group_places(self, at));
        if self.is_unmatched() {
            places.push(place(Index::Flag, Self::UNMATCHED, at, &self.id));
        }
        places
    }
}
