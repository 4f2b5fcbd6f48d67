//! What all rules do with a booking.

use crate::{
    effect::EffectKind,
    plan::{Stop, View},
    records::Booking,
    time::Timestamp,
};

/// The booking as it is, or as it begins now that something is heard of it.
pub(super) fn heard_of(view: &mut View<'_>, id: &str, at: Timestamp) -> Result<Booking, Stop> {
    let mut booking = view.read::<Booking>(id)?.unwrap_or_else(|| Booking::first_heard(id, at));
    booking.heard.join(at);
    Ok(booking)
}

/// Settles a booking that facts were joined to, plans the announcements that are due, and writes it.
pub(super) fn settle(view: &mut View<'_>, mut booking: Booking) {
    let phone = booking.put.as_ref().is_some_and(|put| put.customer_phone.is_some());
    for due in booking.settle() {
        let kind = match due.kind {
            EffectKind::Sms if view.policy.sms && phone => EffectKind::Sms,
            EffectKind::Sms | EffectKind::Mail if view.policy.mail => EffectKind::Mail,
            EffectKind::Sms | EffectKind::Mail => continue,
        };
        view.effect(kind, due.template, due.about);
    }
    view.write(&booking);
}
