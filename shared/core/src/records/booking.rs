//! A booking: what its owner says of it, what its payments and refunds say, and the state that follows from both.

mod announce;
mod facts;
mod put;
mod refund_mails;
mod shown;
mod texts;

pub use announce::{News, PaymentNews, Unconfirmed};
pub use facts::{BookingFailure, BookingPut, BookingStatus, BookingSuccess, HoldFact};
pub use refund_mails::RefundMail;
pub use shown::ShownBooking;
pub use texts::{MailInstead, TextState};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::{announce::Due, facts::PaymentFacts};
use super::{Announcements, ChargeFact, Heard, History, charge::charged, charge::join_charge};
use crate::{
    kind::{group_places, served_record},
    ports::{Index, Place, PortError, Stored},
    record::{Record, due_place, place},
    template::Difference,
    time::Timestamp,
};

/// A booking's facts. Everything else is derived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// The owner's id of it.
    pub id: String,
    /// The owner's word. Until there is one the booking is unmatched: it keeps facts and is not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<BookingPut>,
    /// What is known of its payments, by payment intent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    payments: BTreeMap<String, PaymentFacts>,
    /// What is known of refunds, by charge.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    charges: BTreeMap<String, ChargeFact>,
    /// The texts about it, by message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    texts: BTreeMap<String, TextState>,
    /// Texts to its customer that it takes over once it is confirmed, unless another booking has by then.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) waiting_texts: BTreeSet<String>,
    /// The latest time that a timer told it had come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    elapsed: Option<Timestamp>,
    /// When it was heard of.
    pub heard: Heard,
    /// How often it announced anything.
    #[serde(default, skip_serializing_if = "Announcements::is_empty")]
    pub announcements: Announcements,
    /// What it announced.
    #[serde(default, skip_serializing_if = "News::is_empty")]
    told: News,
    /// When it wants to be looked at again; derived, and stored for the sweeper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Which events changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

impl Booking {
    /// The name of the list of bookings that are known from events alone.
    pub const UNMATCHED: &'static str = "booking/unmatched";

    /// Of the booking `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            put: None,
            payments: BTreeMap::new(),
            charges: BTreeMap::new(),
            texts: BTreeMap::new(),
            waiting_texts: BTreeSet::new(),
            elapsed: None,
            heard: Heard::at(at),
            announcements: Announcements::default(),
            told: News::default(),
            due_at: None,
            history: History::default(),
        }
    }

    /// Joins the owner's word; the latest one stands. A status that is put as it is shown says nothing.
    pub fn join_put(&mut self, mut put: BookingPut) {
        self.heard.join(put.at);
        if let Some(known) = &self.put {
            if known.at > put.at {
                return;
            }
            if put.status == self.status() {
                put.status = known.status;
            }
            put.keep_cancellation_of(known);
        }
        self.put = Some(put);
    }

    /// Joins a payment that succeeded.
    pub fn join_success(&mut self, intent: &str, success: BookingSuccess) {
        self.payments.entry(intent.to_owned()).or_default().join_success(success);
    }

    /// Joins a payment that failed.
    pub fn join_failure(&mut self, intent: &str, failure: BookingFailure) {
        self.payments.entry(intent.to_owned()).or_default().join_failure(failure);
    }

    /// Joins that a payment is its, of which nothing else is known yet.
    pub fn join_intent(&mut self, intent: &str) {
        self.payments.entry(intent.to_owned()).or_default();
    }

    /// The payment intents that were said to be its, out of its document. Of some it turned out otherwise.
    pub(super) fn intents_of(stored: &Stored) -> Result<Vec<String>, PortError> {
        Ok(Self::from_stored(stored)?.payments.into_keys().collect())
    }

    /// Joins what is known of a charge's refunds, and that it is that of the payment `intent`, where that is known.
    pub fn join_charge(&mut self, charge: &str, intent: Option<&str>, fact: ChargeFact) {
        join_charge(&mut self.charges, charge, fact);
        if let Some(intent) = intent {
            self.payments.entry(intent.to_owned()).or_default().charges.insert(charge.to_owned());
        }
    }

    /// Joins that the time has come to be `at`.
    pub fn join_elapsed(&mut self, at: Timestamp) {
        self.elapsed = self.elapsed.max(Some(at));
    }

    /// When the booking is given up if no payment is made: the earliest failure's time and the hold in force then.
    #[must_use]
    pub fn hold_until(&self) -> Option<Timestamp> {
        self.payments.values().filter_map(|payment| payment.hold.as_ref()).min().map(|hold| hold.until)
    }

    fn successes(&self) -> impl Iterator<Item = (&str, &BookingSuccess)> {
        self.payments.iter().filter_map(|(intent, payment)| Some((intent.as_str(), payment.success.as_ref()?)))
    }

    /// Whether a payment was made, by its own time, before the hold ended (or there never was a hold).
    #[must_use]
    pub fn paid_in_time(&self) -> bool {
        let end = self.hold_until();
        self.successes().any(|(_, success)| end.is_none_or(|end| success.at < end))
    }

    /// Whether the hold has ended with no payment made in time. A payment made later shows, too, that the time has come.
    #[must_use]
    pub fn hold_ended(&self) -> bool {
        self.hold_until().is_some_and(|end| {
            let come = self.elapsed.is_some_and(|elapsed| elapsed >= end) || self.successes().any(|(_, success)| success.at >= end);
            come && !self.paid_in_time()
        })
    }

    /// The state that follows from the facts.
    #[must_use]
    pub fn status(&self) -> BookingStatus {
        let put = self.put.as_ref().map_or(BookingStatus::Pending, |put| put.status);
        if put == BookingStatus::Cancelled || self.hold_ended() {
            BookingStatus::Cancelled
        } else if self.successes().next().is_some() {
            BookingStatus::Confirmed
        } else if self.payments.values().any(|payment| payment.hold.is_some()) {
            BookingStatus::PaymentPending
        } else {
            put
        }
    }

    /// When the deposit was paid first; `None` if it was not.
    #[must_use]
    pub fn deposit_paid_at(&self) -> Option<Timestamp> {
        self.successes().map(|(_, success)| success.at).min()
    }

    /// Forgets charges that turned out to be another booking's.
    pub fn leave_charges<'a>(&mut self, charges: impl IntoIterator<Item = &'a String>) {
        for charge in charges {
            self.charges.remove(charge);
            for payment in self.payments.values_mut() {
                payment.charges.remove(charge);
            }
        }
    }

    /// The currency that the booking is in: the owner's word, else that of its first payment or refund.
    #[must_use]
    pub fn currency(&self) -> Option<&str> {
        let paid = || self.first_payment().map(|(_, success)| success.currency.as_str());
        let refunded =
            || self.charges.iter().min_by_key(|(id, charge)| (charge.refunded_at(), *id)).map(|(_, charge)| charge.currency.as_str());
        self.put.as_ref().map(|put| put.currency.as_str()).or_else(paid).or_else(refunded)
    }

    /// How much has been refunded in all, by currency, in its smallest unit.
    #[must_use]
    pub fn refunded(&self) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for charge in self.charges.values().filter(|charge| charge.refunded() > 0) {
            let sum = sums.entry(charge.currency.clone()).or_insert(0i64);
            *sum = sum.saturating_add(charge.refunded());
        }
        sums
    }

    /// How much came back of refunds that failed, by currency, in its smallest unit.
    #[must_use]
    pub fn failed_refunds(&self) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for charge in self.charges.values().filter(|charge| charge.failed() > 0) {
            let sum = sums.entry(charge.currency.clone()).or_insert(0i64);
            *sum = sum.saturating_add(charge.failed());
        }
        sums
    }

    /// How much has been refunded in the booking's own currency, in its smallest unit.
    #[must_use]
    pub fn refunded_amount(&self) -> i64 {
        self.currency().and_then(|currency| self.refunded().get(currency).copied()).unwrap_or(0)
    }

    /// When the latest refund was made; `None` if there was none.
    #[must_use]
    pub fn refunded_at(&self) -> Option<Timestamp> {
        self.charges.values().filter(|charge| charge.refunded() > 0).map(ChargeFact::refunded_at).max()
    }

    /// How much was paid in `currency`, as far as payments and refunded charges tell, in its smallest unit.
    #[must_use]
    pub fn paid_amount(&self, currency: &str) -> i64 {
        let paid = self.successes().filter(|(_, success)| success.currency == currency).map(|(_, success)| success.amount);
        paid.fold(0, i64::saturating_add).max(charged(&self.charges, currency))
    }

    /// Whether all that was paid has been given back, in every currency; `false` where nothing was paid.
    #[must_use]
    pub fn is_given_back(&self) -> bool {
        let paid = self.successes().map(|(_, success)| success.currency.as_str());
        let currencies: BTreeSet<_> = paid.chain(self.charges.values().map(|charge| charge.currency.as_str())).collect();
        let refunded = self.refunded();
        let mut paid =
            currencies.into_iter().map(|currency| (currency, self.paid_amount(currency))).filter(|(_, paid)| *paid > 0).peekable();
        paid.peek().is_some() && paid.all(|(currency, paid)| refunded.get(currency).is_some_and(|refunded| *refunded >= paid))
    }

    /// The first payment that succeeded, with its intent.
    #[must_use]
    pub fn first_payment(&self) -> Option<(&str, &BookingSuccess)> {
        self.successes().min_by_key(|(intent, success)| (success.at, *intent))
    }

    /// The last that was told of the payment.
    #[must_use]
    pub fn told_of_payment(&self) -> Option<&PaymentNews> {
        self.told.payment.as_ref()
    }

    /// The payment that succeeded for the intent.
    #[must_use]
    pub fn success(&self, intent: &str) -> Option<&BookingSuccess> {
        self.payments.get(intent)?.success.as_ref()
    }

    /// Whether all of the payment that succeeded for the intent has been given back. Where it is not known which charges are its, it was if all payments were.
    fn was_given_back(&self, intent: &str) -> bool {
        let Some((payment, paid)) = self.payments.get(intent).and_then(|payment| Some((payment, payment.success.as_ref()?))) else {
            return false;
        };
        let charges = payment.charges.iter().filter_map(|charge| self.charges.get(charge));
        let refunded = charges.filter(|charge| charge.currency == paid.currency).map(ChargeFact::refunded).fold(0, i64::saturating_add);
        if payment.charges.is_empty() { self.is_given_back() } else { refunded >= paid.amount }
    }

    /// How the payment that succeeded for the intent differs from the deposit, if there is one to be paid.
    #[must_use]
    pub fn difference(&self, intent: &str) -> Option<Difference> {
        let (put, paid) = (self.put.as_ref().filter(|put| put.deposit_amount > 0)?, self.success(intent)?);
        if paid.currency != put.currency {
            Some(Difference::OtherCurrency)
        } else {
            (paid.amount < put.deposit_amount).then_some(Difference::TooLittle)
        }
    }

    /// Sets what is stored for the sweeper to what the facts say.
    pub(crate) fn set_due(&mut self) {
        let open = !self.is_put_cancelled() && !self.hold_ended() && !self.paid_in_time();
        self.due_at = self.hold_until().filter(|_| open);
    }

    /// Whether the owner's word is that it is cancelled.
    fn is_put_cancelled(&self) -> bool {
        self.put.as_ref().is_some_and(|put| put.status == BookingStatus::Cancelled)
    }

    /// The set of payment intents with a payment that changes nothing any more: made after the hold ended, or after the owner cancelled.
    pub(crate) fn late_payments(&self) -> BTreeSet<&str> {
        if self.status() != BookingStatus::Cancelled {
            return BTreeSet::new();
        }
        let end = self.hold_until().filter(|_| self.hold_ended());
        // Payments have times in whole seconds: one of the second in which the owner cancelled may have been made after it.
        let cancelled = self.put.as_ref().and_then(|put| put.cancelled_at).map(|at| Timestamp::from_seconds(at.seconds()));
        let late = |success: &BookingSuccess| [end, cancelled].into_iter().flatten().any(|closed| success.at >= closed);
        self.successes().filter(|(_, success)| late(success)).map(|(intent, _)| intent).collect()
    }
}

impl Record for Booking {
    const KIND: &'static str = "booking";
    const STATES: &'static [&'static str] = &["status", "deposit_paid_at", "refunded_amount", "hold_until", "sms_status"];

    served_record!();

    fn places(&self) -> Vec<Place> {
        let mut places = vec![match self.put {
            Some(_) => place(Index::List, Self::KIND, self.heard.first, &self.id),
            None => place(Index::Flag, Self::UNMATCHED, self.heard.first, &self.id),
        }];
        places.extend(group_places(self, self.heard.first));
        if let Some(due_at) = self.due_at {
            places.push(due_place(&Self::key(&self.id), due_at));
        }
        places
    }
}
