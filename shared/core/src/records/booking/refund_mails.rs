//! The mails that tell the customer of refunds: what each of them says, and what becomes of one that could not leave before that changed.

use super::{Booking, Due};
use crate::{effect::EffectKind, template::MailTemplate};

/// What is to become of a mail on refunds, right before it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundMail {
    /// It says what is so, and nobody has told it.
    Stands,
    /// Some of what it was to say has come back: it is to say no more than this.
    SaysLess(i64),
    /// It is not sent: a later one says more, or an earlier one has said all that has not come back.
    IsNotSent,
}

impl Booking {
    /// Announces what was given back beyond what was told.
    pub(super) fn announce_refunds(&mut self, due: &mut Vec<Due>) {
        if self.put.is_none() {
            return;
        }
        for (currency, amount) in self.refunded() {
            let told = self.told.refunded.get(&currency).copied();
            if told.is_some_and(|told| amount <= told) {
                continue;
            }
            let subject = format!("{}{currency}", Self::REFUND);
            if let Some(told) = told {
                let number = self.announcements.latest(&subject);
                self.told.refunded_before.entry(currency.clone()).or_default().insert(number, told);
            }
            self.told.refunded.insert(currency, amount);
            due.push(self.due(EffectKind::Mail, MailTemplate::BookingRefunded, &subject));
        }
    }

    /// What is to become of the mail of this number on refunds in `currency`. It has not left.
    #[must_use]
    pub fn standing_of_refund_mail(&self, currency: &str, number: u32) -> RefundMail {
        if self.announcements.latest(&format!("{}{currency}", Self::REFUND)) > number {
            return RefundMail::IsNotSent;
        }
        let amount = self.refunded().get(currency).copied().unwrap_or_default();
        if self.told.refunded.get(currency).is_none_or(|told| amount >= *told) {
            RefundMail::Stands
        } else if amount > self.refund_told_before(currency, number) {
            RefundMail::SaysLess(amount)
        } else {
            RefundMail::IsNotSent
        }
    }

    /// The most that a mail before the one of this number may have told; 0 if there was none.
    fn refund_told_before(&self, currency: &str, number: u32) -> i64 {
        let before = self.told.refunded_before.get(currency);
        before.and_then(|before| before.range(..number).next_back()).map_or(0, |(_, amount)| *amount)
    }

    /// Notes that the mail of this number on refunds has not left as it was announced, so that what it was to say is news when it is so again. Returns what was
    /// to become of it.
    pub(crate) fn note_refund_mail(&mut self, currency: &str, number: u32) -> RefundMail {
        let standing = self.standing_of_refund_mail(currency, number);
        match standing {
            RefundMail::Stands => {}
            RefundMail::SaysLess(amount) => {
                self.told.refunded.insert(currency.to_owned(), amount);
            }
            RefundMail::IsNotSent => self.take_back_refund_mail(currency, number),
        }
        standing
    }

    fn take_back_refund_mail(&mut self, currency: &str, number: u32) {
        let subject = format!("{}{currency}", Self::REFUND);
        let mut before = self.told.refunded_before.remove(currency).unwrap_or_default();
        if self.announcements.latest(&subject) > number {
            before.remove(&number);
        } else if let Some((number, told)) = before.pop_last() {
            // It is the latest again: should it still wait, it tells what is so then.
            self.announcements.take_back_to(&subject, number);
            self.told.refunded.insert(currency.to_owned(), told);
        } else {
            self.announcements.take_back_to(&subject, 0);
            self.told.refunded.remove(currency);
        }
        if !before.is_empty() {
            self.told.refunded_before.insert(currency.to_owned(), before);
        }
    }
}
