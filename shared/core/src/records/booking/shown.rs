use std::collections::BTreeMap;

use serde::Serialize;

use super::{Booking, BookingStatus};
use crate::{
    kind::{Filter, Served},
    ports::{Index, Key, PortError, Stored},
    record::Record,
    records::{History, HistoryEntry, Message, MessageStatus, Payment},
    schema::described,
    time::Timestamp,
};

described! {
    /// A booking as the API shows it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct ShownBooking as "Booking" {
        id: String,
        customer_name: Option<String>,
        customer_email: Option<String>,
        customer_phone: Option<String>,
        status: BookingStatus,
        deposit_amount: Option<i64>,
        currency: Option<String>,
        starts_at: Option<Timestamp>,
        tenant: Option<String>,
        metadata: BTreeMap<String, String>,
        created_at: Timestamp,
        updated_at: Timestamp,
        deposit_paid: bool,
        deposit_paid_at: Option<Timestamp>,
        deposit_refunded: bool,
        refunded_amount: i64,
        refunded_at: Option<Timestamp>,
        hold_until: Option<Timestamp>,
        sms_status: Option<MessageStatus>,
        sms_delivered: bool,
        sms_delivered_at: Option<Timestamp>,
    }
}

/// Whether an event of this type says how far a text came.
fn is_of_text(kind: &str) -> bool {
    kind.starts_with("message.")
}

impl Served for Booking {
    const NAME: &'static str = "booking";
    const LIST: &'static str = Self::KIND;
    const UNMATCHED: &'static str = Self::UNMATCHED;
    const FILTERS: &'static [Filter] =
        &[Filter::state("status", &["pending", "confirmed", "payment_pending", "cancelled"]), Filter::group("tenant", Index::Group)];
    type Shown = ShownBooking;

    fn shown(&self) -> ShownBooking {
        let (put, text) = (self.put.as_ref(), self.latest_text());
        ShownBooking {
            id: self.id.clone(),
            customer_name: put.map(|put| put.customer_name.clone()),
            customer_email: put.and_then(|put| put.customer_email.clone()),
            customer_phone: put.and_then(|put| put.customer_phone.clone()),
            status: self.status(),
            deposit_amount: put.map(|put| put.deposit_amount),
            currency: self.currency().map(str::to_owned),
            starts_at: put.and_then(|put| put.starts_at),
            tenant: put.and_then(|put| put.tenant.clone()),
            metadata: put.map(|put| put.metadata.clone()).unwrap_or_default(),
            created_at: self.heard.first,
            updated_at: self.heard.last,
            deposit_paid: self.deposit_paid_at().is_some(),
            deposit_paid_at: self.deposit_paid_at(),
            deposit_refunded: self.refunded_at().is_some(),
            refunded_amount: self.refunded_amount(),
            refunded_at: self.refunded_at(),
            hold_until: self.hold_until(),
            sms_status: text.map(|text| text.status),
            sms_delivered: text.is_some_and(|text| text.status == MessageStatus::Delivered),
            sms_delivered_at: text.and_then(|text| text.delivered_at),
        }
    }

    /// Its payments and the texts about it.
    fn told_under(&self) -> Vec<Key> {
        let payments = self.payments.keys().map(|intent| Payment::key(intent));
        payments.chain(self.texts.keys().map(|text| Message::key(text))).collect()
    }

    /// What was said of a text under the provider's id, before it was put.
    fn told_under_of(&self, other: &Stored) -> Result<Vec<Key>, PortError> {
        match other.document.key.kind.as_ref() {
            Message::KIND => Message::from_stored(other).map(|text| text.told_under()),
            _ => Ok(Vec::new()),
        }
    }

    fn history_under(&self, other: &Stored) -> Result<Option<History>, PortError> {
        let (is_its, history) = match other.document.key.kind.as_ref() {
            Message::KIND => {
                let Message { id, same_as, history, .. } = Message::from_stored(other)?;
                (self.texts.contains_key(&same_as.unwrap_or(id)), history)
            }
            _ => {
                let payment = Payment::from_stored(other)?;
                (payment.booking_id() == Some(&self.id), payment.history)
            }
        };
        Ok(is_its.then_some(history))
    }

    /// What was said of refunds before it was known that their payment is the booking's, and how far a text came. Of the payment itself events tell the booking.
    fn retold(entry: &HistoryEntry) -> Option<HistoryEntry> {
        let (kind, seen_as): (_, &[_]) = (entry.kind(), &[("refunded_amount", "refunded_amount"), ("status", "sms_status")]);
        let seen_as = if is_of_text(kind) {
            &seen_as[1..]
        } else if ["charge.refund", "refund."].iter().any(|prefix| kind.starts_with(prefix)) {
            &seen_as[..1]
        } else {
            return None;
        };
        Some(entry.seen_as(seen_as))
    }

    /// What was said of a text counts for as long as that is about the booking.
    fn keeps(&self, entry: &HistoryEntry) -> bool {
        !is_of_text(entry.kind())
    }

    fn group(&self, field: &str) -> Option<&str> {
        self.put.as_ref().filter(|_| field == "tenant")?.tenant.as_deref()
    }

    fn is_served(&self) -> bool {
        self.put.is_some()
    }
}
