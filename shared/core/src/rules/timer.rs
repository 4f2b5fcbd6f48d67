//! Events that Sluice makes itself: the time that a record waited for has come, or the API changed a record.

use serde::{Deserialize, Serialize};

use super::{booking, unexpected_shape};
use crate::{
    plan::{Event, Stop, View},
    ports::Key,
    record::Record,
    records::Booking,
    time::Timestamp,
};

/// The type of the event that a timer makes.
pub(crate) const DUE: &str = "timer.due";
/// The type of the event that putting a booking makes.
pub(crate) const BOOKING_PUT: &str = "booking.put";

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
            booking::settle(view, booking);
            view.summarize(format!("the hold of booking {} ended", own.record.id));
            Ok(())
        }
        // The put itself is long applied; what it caused is told already, so that planning it again finds nothing new.
        (BOOKING_PUT, Booking::KIND) => {
            if let Some(booking) = view.read::<Booking>(&own.record.id)? {
                booking::settle(view, booking);
            }
            view.summarize(format!("booking {} was put", own.record.id));
            Ok(())
        }
        (kind, record) => Err(unexpected_shape(event, &format!("nothing is known of {kind} for a {record}"))),
    }
}
