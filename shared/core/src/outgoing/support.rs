//! What support is told of the money of a booking.

use super::{Draft, NoDraft, Outgoing, booking::money, for_staff, unknown};
use crate::{
    effect::Effect,
    event::EventRecord,
    records::Booking,
    template::{LatePayment, SupportPayment},
};

impl Outgoing {
    /// Words an announcement to support: of a payment that came late, also for a booking that only events know of, or is not the deposit, or of refunds that
    /// failed. What it is about its subject says.
    pub(super) fn draft_for_support(&self, event: &EventRecord, effect: &Effect, booking: &Booking) -> Result<Draft, NoDraft> {
        let put = booking.put.as_ref();
        let mail = SupportPayment {
            late: None,
            differs: None,
            failed: None,
            refunded: None,
            booking_id: for_staff(event, &booking.id),
            deposit: None,
            amount: None,
            paid_at: None,
            hold_ended_at: None,
            payment_intent: None,
            event_id: event.id.clone(),
            customer_name: put.map(|put| put.customer_name.clone()),
            customer_email: put.and_then(|put| put.customer_email.clone()),
            customer_phone: put.and_then(|put| put.customer_phone.clone()),
        };
        let subject = effect.about.subject.as_str();
        let mail = if let Some(currency) = subject.strip_prefix(Booking::REFUND_FAILED) {
            let sum = |sums: std::collections::BTreeMap<String, i64>| sums.get(currency).and_then(|amount| money(*amount, currency));
            let failed = sum(booking.failed_refunds()).ok_or_else(|| unknown(effect))?;
            SupportPayment { failed: Some(failed), refunded: sum(booking.refunded()), ..mail }
        } else if let Some(intent) = subject.strip_prefix(Booking::LATE) {
            let ended = booking.hold_until().filter(|_| booking.hold_ended());
            let late = if ended.is_some() { LatePayment::AfterHold } else { LatePayment::Cancelled };
            with_payment(SupportPayment { late: Some(late), hold_ended_at: ended, ..mail }, booking, intent)
                .ok_or_else(|| unknown(effect))?
        } else if let Some(intent) = subject.strip_prefix(Booking::DIFFERING) {
            let mail = with_payment(mail, booking, intent).ok_or_else(|| unknown(effect))?;
            // The deposit was put otherwise meanwhile.
            if mail.differs.is_none() {
                return Ok(Draft::Superseded);
            }
            mail
        } else {
            return Err(unknown(effect));
        };
        Ok(Draft::Mail { to: Some(self.people.support_email.clone()), words: self.templates.mail(&mail)? })
    }
}

/// With what is known of a payment, and how it differs from the deposit; `None` if there is no such payment, or its currency can't be read.
fn with_payment(mail: SupportPayment, booking: &Booking, intent: &str) -> Option<SupportPayment> {
    let paid = booking.success(intent)?;
    let (differs, deposit) = match booking.put.as_ref().zip(booking.difference(intent)) {
        Some((put, differs)) => (Some(differs), Some(money(put.deposit_amount, &put.currency)?)),
        None => (None, None),
    };
    Some(SupportPayment {
        differs,
        deposit,
        amount: Some(money(paid.amount, &paid.currency)?),
        paid_at: Some(paid.at),
        payment_intent: Some(intent.to_owned()),
        ..mail
    })
}
