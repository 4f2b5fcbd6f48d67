//! What all rules do with a booking.

use super::{message, own_text};
use crate::{
    effect::EffectKind,
    plan::{Stop, View},
    records::{Booking, Payment},
    time::Timestamp,
};

/// The booking as it is, or as it begins now that something is heard of it.
pub(super) fn heard_of(view: &mut View<'_>, id: &str, at: Timestamp) -> Result<Booking, Stop> {
    let mut booking = view.read::<Booking>(id)?.unwrap_or_else(|| Booking::first_heard(id, at));
    booking.heard.join(at);
    Ok(booking)
}

/// Settles a booking that facts were joined to, plans the announcements that are due, and writes it.
pub(super) fn settle(view: &mut View<'_>, mut booking: Booking) -> Result<(), Stop> {
    let phone = booking.put.as_ref().and_then(|put| put.customer_phone.clone());
    let mut due = booking.settle();
    // Where nothing goes out it is owed on.
    if view.policy.mail || view.policy.sms && phone.is_some() {
        due.extend(booking.owed_confirmation());
    }
    for due in due {
        match (due.kind, &phone) {
            (EffectKind::Sms, Some(phone)) if view.policy.sms => {
                let effect = view.effect(EffectKind::Sms, due.template, due.about.clone());
                own_text::to_be_sent(view, &mut booking, phone, effect, due.template, due.about)?;
            }
            _ if view.policy.mail => {
                view.effect(EffectKind::Mail, due.template, due.about);
            }
            _ => {}
        }
    }
    message::catch_up(view, &mut booking)?;
    view.write(&booking)
}

/// Gives a booking that an event of a payment names what is known of the payment's charges, if it is the payment's booking. `before`: the one that the payment
/// was taken for until now. Events of one payment may name several, and its refunds are one's alone, whichever event comes first.
pub(super) fn hand_over_charges(view: &mut View<'_>, booking: &mut Booking, payment: &Payment, before: Option<&str>) -> Result<(), Stop> {
    take_charges_from(view, before, payment)?;
    if payment.booking_id() == Some(&booking.id) {
        for (charge, fact) in &payment.charges {
            booking.join_charge(charge, Some(&payment.id), fact.clone());
        }
    }
    Ok(())
}

/// Takes a payment's charges from the booking that it was taken for before, if it is another's.
pub(super) fn take_charges_from(view: &mut View<'_>, before: Option<&str>, payment: &Payment) -> Result<(), Stop> {
    let Some(before) = before.filter(|before| payment.booking_id() != Some(before)) else { return Ok(()) };
    let Some(mut booking) = view.read::<Booking>(before)? else { return Ok(()) };
    booking.leave_charges(payment.charges.keys());
    settle(view, booking)
}

/// Settles a booking that was put, and so may have a number that its texts are known by.
pub(crate) fn settle_put(view: &mut View<'_>, mut booking: Booking) -> Result<(), Stop> {
    message::introduce(view, &mut booking)?;
    settle(view, booking)
}
