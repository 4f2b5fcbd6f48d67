use super::{Draft, NoDraft, Outgoing, Under, Wording, unknown};
use crate::{
    decline,
    effect::{Effect, EffectKind},
    event::EventRecord,
    money::Money,
    records::{Booking, BookingPut, MailInstead, PaymentNews, RefundMail},
    template::{
        BookingConfirmed, BookingConfirmedUnpaid, BookingFacts, BookingHoldEnded, BookingPaymentFailed, BookingRefunded, BookingReinstated,
        MailTemplate,
    },
};

impl Outgoing {
    /// Words an announcement of a booking, as the booking is now. Which message a text goes under is for whoever asks to look up.
    pub(super) fn draft_for_booking(&self, event: &EventRecord, effect: &Effect, booking: &Booking) -> Result<Draft, NoDraft> {
        let of_refunds = effect.about.subject.strip_prefix(Booking::REFUND);
        if of_refunds.is_some_and(|currency| booking.standing_of_refund_mail(currency, effect.about.number) != RefundMail::Stands) {
            return Ok(Draft::Untrue);
        }
        if booking.announcements.latest(&effect.about.subject) > effect.about.number {
            return Ok(Draft::Superseded);
        }
        let template = MailTemplate::named(&effect.template);
        if template == Some(MailTemplate::SupportPayment) {
            return self.draft_for_support(event, effect, booking);
        }
        let put = booking.put.as_ref().ok_or_else(|| NoDraft::NothingToSay("the booking has no owner's word yet".to_owned()))?;
        if effect.kind == EffectKind::Mail && effect.about.subject == Booking::PAYMENT {
            match booking.standing_of_mail(effect.about.number, &effect.template) {
                MailInstead::NotInstead | MailInstead::Stands => {}
                MailInstead::Needless => return Ok(Draft::Superseded),
                MailInstead::Untrue => return Ok(Draft::Untrue),
            }
        }
        let facts = self.facts(booking, put);
        let deposit = booking
            .first_payment()
            .and_then(|(_, paid)| money(paid.amount, &paid.currency))
            .or_else(|| money(put.deposit_amount, &put.currency));
        let deposit = deposit.ok_or_else(|| NoDraft::NothingToSay("the booking's currency can't be read".to_owned()));
        let mail = |words| Draft::Mail { to: put.customer_email.clone(), words };
        let text = |words| {
            // All texts confirm the booking.
            let wording = if booking.may_be_confirmed() { Wording::Says(words) } else { Wording::Untrue };
            Draft::Text { to: put.customer_phone.clone(), wording, under: Under::Unsettled }
        };
        Ok(match (template, effect.kind) {
            (Some(MailTemplate::BookingConfirmed), EffectKind::Mail) => {
                mail(self.templates.mail(&BookingConfirmed { booking: facts, deposit: deposit? })?)
            }
            (Some(MailTemplate::BookingConfirmed), EffectKind::Sms) => {
                text(self.templates.sms(&BookingConfirmed { booking: facts, deposit: deposit? })?)
            }
            (Some(MailTemplate::BookingConfirmedUnpaid), EffectKind::Mail) => {
                mail(self.templates.mail(&BookingConfirmedUnpaid { booking: facts })?)
            }
            (Some(MailTemplate::BookingReinstated), EffectKind::Mail) => {
                mail(self.templates.mail(&BookingReinstated { booking: facts, deposit: deposit? })?)
            }
            (Some(MailTemplate::BookingReinstated), EffectKind::Sms) => {
                text(self.templates.sms(&BookingReinstated { booking: facts, deposit: deposit? })?)
            }
            (Some(MailTemplate::BookingPaymentFailed), EffectKind::Mail) => mail(self.failed(event, booking, put, facts)?),
            (Some(MailTemplate::BookingHoldEnded), EffectKind::Mail) => {
                let held_until = booking.hold_until().ok_or_else(|| unknown(effect))?;
                mail(self.templates.mail(&BookingHoldEnded { booking: facts, held_until })?)
            }
            (Some(MailTemplate::BookingRefunded), EffectKind::Mail) => {
                let currency = of_refunds.unwrap_or_default();
                let amount = booking.refunded().get(currency).copied();
                let refunded = amount.and_then(|amount| money(amount, currency)).ok_or_else(|| unknown(effect))?;
                let part_of = BookingRefunded::part_of(refunded, money(booking.paid_amount(currency), currency));
                mail(self.templates.mail(&BookingRefunded { booking: facts, refunded, part_of })?)
            }
            _ => return Err(unknown(effect)),
        })
    }

    fn facts(&self, booking: &Booking, put: &BookingPut) -> BookingFacts {
        BookingFacts {
            business_name: self.people.business_name.clone(),
            customer_name: Some(put.customer_name.clone()),
            booking_id: booking.id.clone(),
            starts_at: put.starts_at,
        }
    }

    fn failed(
        &self,
        event: &EventRecord,
        booking: &Booking,
        put: &BookingPut,
        facts: BookingFacts,
    ) -> Result<crate::template::RenderedMail, NoDraft> {
        // The link names a booking by its id alone, under which the operator may have another than the tenant has.
        let pay_url = self.people.pay_url.as_ref().filter(|_| event.tenant.is_none());
        let nothing = || NoDraft::NothingToSay("no failed payment is known of the booking".to_owned());
        let Some(PaymentNews::Failed { reason, .. }) = booking.told_of_payment() else { return Err(nothing()) };
        Ok(self.templates.mail(&BookingPaymentFailed {
            amount: money(put.deposit_amount, &put.currency).ok_or_else(nothing)?,
            reason: decline::in_plain_words(Some(reason), None).to_owned(),
            pay_url: pay_url.map(|url| url.link(&booking.id)),
            held_until: booking.hold_until().ok_or_else(nothing)?,
            booking: facts,
        })?)
    }
}

pub(super) fn money(amount: i64, currency: &str) -> Option<Money> {
    Some(Money::new(amount, currency.parse().ok()?))
}
