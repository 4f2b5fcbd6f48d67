use std::collections::BTreeMap;

use serde::Serialize;

use super::{Booking, BookingStatus};
use crate::{
    kind::{Filter, Served},
    ports::{Index, Key, PortError, Stored},
    record::Record,
    records::{History, HistoryEntry, MessageStatus, Payment},
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

    fn told_under(&self) -> Vec<Key> {
        self.payments.keys().map(|intent| Payment::key(intent)).collect()
    }

    fn history_under(&self, other: &Stored) -> Result<Option<History>, PortError> {
        let payment = Payment::from_stored(other)?;
        Ok((payment.booking_id() == Some(&self.id)).then_some(payment.history))
    }

    /// What was said of refunds before it was known that their payment is the booking's. Of the payment itself events tell the booking.
    fn retold(entry: &HistoryEntry) -> Option<HistoryEntry> {
        let of_refund = ["charge.refund", "refund."].iter().any(|prefix| entry.kind().starts_with(prefix));
        of_refund.then(|| entry.seen_as(&[("refunded_amount", "refunded_amount")]))
    }

    fn group(&self, field: &str) -> Option<&str> {
        self.put.as_ref().filter(|_| field == "tenant")?.tenant.as_deref()
    }

    fn is_served(&self) -> bool {
        self.put.is_some()
    }
}
