//! Events that Sluice makes itself: the time that a record waited for has come, or the API changed a record.

use serde::{Deserialize, Serialize};

use super::{booking, put::again, unexpected_shape, waiting_invoices};
use crate::{
    plan::{Event, Stop, View},
    ports::Key,
    record::Record,
    records::{Booking, Customer, CustomersInvoices, Invoice, Message, Tenant},
    time::Timestamp,
};

/// The type of the event that a timer makes.
pub(crate) const DUE: &str = "timer.due";

#[derive(Debug, Serialize, Deserialize)]
struct Own {
    record: Key,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
}

/// The body of one of Sluice's own events.
pub(crate) fn own_event(record: Key, due_at: Option<Timestamp>) -> Vec<u8> {
    crate::record::to_json(&Own { record, due_at })
}

pub(super) fn plan(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let own: Own = serde_json::from_slice(event.body).map_err(|error| unexpected_shape(event, &error))?;
    match (event.kind, own.record.kind.as_ref()) {
        (DUE, Booking::KIND) => {
            let Some(mut booking) = view.read::<Booking>(&own.record.id)? else { return Err(Stop::Nothing) };
            if booking.due_at.is_none_or(|due_at| due_at > view.now) {
                return Err(Stop::Nothing);
            }
            booking.join_elapsed(view.now);
            booking.heard.join(view.now);
            view.tell::<Booking>(&booking.id);
            booking::settle(view, booking)?;
            view.summarize(format!("the hold of booking {} ended", own.record.id));
            Ok(())
        }
        (DUE, CustomersInvoices::KIND) => waiting_invoices::due(view, &own.record.id),
        (kind, _) if kind.ends_with(".put") => match own.record.kind.as_ref() {
            Booking::KIND => again::<Booking>(&own.record.id, view),
            Invoice::KIND => again::<Invoice>(&own.record.id, view),
            Customer::KIND => again::<Customer>(&own.record.id, view),
            Tenant::KIND => again::<Tenant>(&own.record.id, view),
            Message::KIND => again::<Message>(&own.record.id, view),
            record => Err(unexpected_shape(event, &format!("a {record} is not put"))),
        },
        (kind, record) => Err(unexpected_shape(event, &format!("nothing is known of {kind} for a {record}"))),
    }
}
