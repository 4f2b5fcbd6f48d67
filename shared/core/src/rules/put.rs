use super::booking;
use crate::{
    plan::{Stop, View},
    records::BookingPut,
    time::Timestamp,
};

/// Plans the owner's word on a booking. What events said of it meets it here.
///
/// # Errors
/// [`Stop::Need`] or [`Stop::Failed`], never anything else.
pub fn put_booking(id: &str, mut put: BookingPut, view: &mut View<'_>) -> Result<(), Stop> {
    let mut booking = booking::heard_of(view, id, put.at)?;
    // Later than what it replaces even where the clock stood still or went back: the owner's last word stands.
    if let Some(known) = &booking.put {
        put.at = put.at.max(Timestamp::from_millis(known.at.millis() + 1));
    }
    booking.join_put(put);
    booking::settle(view, booking);
    Ok(())
}
