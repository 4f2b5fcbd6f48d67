//! What a booking has to tell, and what it has told: mails announce changes of the derived state, each once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Booking;
use crate::{
    effect::{Announcement, EffectKind},
    record::Record,
    template::MailTemplate,
};

/// The state of payment as the customer knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentNews {
    /// A payment failed, and the booking is held.
    Failed {
        /// The payment intent.
        intent: String,
        /// The provider's code for why.
        reason: String,
    },
    /// Paid.
    Confirmed,
    /// Given up, because no payment came in time.
    HoldEnded,
}

/// What a booking has told so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// The last that was told of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentNews>,
    /// Every failure that was told, as payment intent and reason.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub failures: BTreeSet<(String, String)>,
    /// The refunded amounts that were told or are about to be, by currency.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refunded: BTreeMap<String, i64>,
    /// What the earlier mails on refunds told that may have left, by currency and number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refunded_before: BTreeMap<String, BTreeMap<u32, i64>>,
    /// What came back of refunds that failed, as far as support was told, by currency.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed_refunds: BTreeMap<String, i64>,
    /// The latest announcement of the payment that went by mail after its text had failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailed_text: Option<u32>,
    /// The announcement that the booking is confirmed that was not true when it was to leave, and goes in place of no text that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<Unconfirmed>,
    /// The payment intents whose late payment support was told of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub late: BTreeSet<String>,
    /// The payment intents whose payment is not the deposit, as support was told or is about to be.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub differing: BTreeSet<String>,
}

/// A confirmation that is still owed to the customer, once it is true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// Which announcement of the payment it is.
    pub number: u32,
    /// What it was to say.
    pub template: String,
}

impl News {
    /// Whether nothing was told yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An announcement that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// How it is sent if it can be.
    pub kind: EffectKind,
    /// The text.
    pub template: MailTemplate,
    /// What it announces.
    pub about: Announcement,
}

impl Booking {
    /// The subject of announcements on the state of payment.
    pub const PAYMENT: &'static str = "payment";
    /// The prefix of the subject of announcements on refunds; the currency follows.
    pub const REFUND: &'static str = "refund:";
    /// The prefix of the subject of announcements on refunds that failed; the currency follows.
    pub const REFUND_FAILED: &'static str = "refund_failed:";
    /// The prefix of the subject of announcements on late payments; the payment intent follows.
    pub const LATE: &'static str = "late:";
    /// The prefix of the subject of announcements on payments that are not the deposit; the payment intent follows.
    pub const DIFFERING: &'static str = "differing:";

    /// What is to be told of the payment now; `None` if there is nothing to tell or nobody to tell it to yet.
    fn payment_news(&self) -> Option<PaymentNews> {
        if self.put.is_none() || self.is_put_cancelled() {
            return None;
        }
        if self.hold_ended() {
            return Some(PaymentNews::HoldEnded);
        }
        if self.successes().next().is_some() {
            return Some(PaymentNews::Confirmed);
        }
        let failures = self.payments.iter().filter_map(|(intent, payment)| Some((payment.latest_failure.as_ref()?, intent)));
        failures.max().map(|(failure, intent)| PaymentNews::Failed { intent: intent.clone(), reason: failure.reason.clone() })
    }

    /// Settles what follows from the facts: the time to wait for, and the announcements that are due, which count as told from now on.
    pub fn settle(&mut self) -> Vec<Due> {
        self.set_due();
        let mut due = Vec::new();
        self.announce_payment(&mut due);
        self.announce_refunds(&mut due);
        self.announce_failed_refunds(&mut due);
        self.announce_late_payments(&mut due);
        self.announce_differing_payments(&mut due);
        due
    }

    fn announce_payment(&mut self, due: &mut Vec<Due>) {
        let Some(news) = self.payment_news() else { return };
        if self.told.payment.as_ref() == Some(&news) {
            return;
        }
        let (kind, template) = match &news {
            PaymentNews::Failed { intent, reason } => {
                if !self.told.failures.insert((intent.clone(), reason.clone())) {
                    return;
                }
                (EffectKind::Mail, MailTemplate::BookingPaymentFailed)
            }
            PaymentNews::HoldEnded => (EffectKind::Mail, MailTemplate::BookingHoldEnded),
            PaymentNews::Confirmed if self.told.payment == Some(PaymentNews::HoldEnded) => {
                (EffectKind::Sms, MailTemplate::BookingReinstated)
            }
            PaymentNews::Confirmed => (EffectKind::Sms, MailTemplate::BookingConfirmed),
        };
        self.told.payment = Some(news);
        due.push(self.due(kind, template, Self::PAYMENT));
    }

    fn announce_failed_refunds(&mut self, due: &mut Vec<Due>) {
        if self.put.is_none() {
            return;
        }
        for (currency, amount) in self.failed_refunds() {
            if self.told.failed_refunds.get(&currency).is_none_or(|told| amount > *told) {
                self.told.failed_refunds.insert(currency.clone(), amount);
                due.push(self.due(EffectKind::Mail, MailTemplate::SupportPayment, &format!("{}{currency}", Self::REFUND_FAILED)));
            }
        }
    }

    /// The payment intents whose payment confirmed nothing, as support is told.
    fn late(&self) -> BTreeSet<&str> {
        let mut late = self.late_payments();
        // Nor was anybody told of money that came for a booking that was cancelled before its payment was heard of.
        if self.is_put_cancelled() && self.told.payment != Some(PaymentNews::Confirmed) {
            late.extend(self.successes().map(|(intent, _)| intent));
        }
        late
    }

    /// Whether the payment that succeeded for the intent came too late to confirm anything.
    #[must_use]
    pub fn is_late(&self, intent: &str) -> bool {
        self.late().contains(intent)
    }

    fn announce_late_payments(&mut self, due: &mut Vec<Due>) {
        let late = self.late().into_iter().filter(|intent| !self.told.late.contains(*intent));
        let late: Vec<String> = late.map(str::to_owned).collect();
        for intent in late {
            due.push(self.due(EffectKind::Mail, MailTemplate::SupportPayment, &format!("{}{intent}", Self::LATE)));
            self.told.late.insert(intent);
        }
    }

    /// Whenever the deposit and the payment are both known, and the payment was not given back by then: should its refund fail, that is told, and so is this.
    /// Of a payment that is late the mail that says so says this, too. What does not differ any more is forgotten, whether support was told or not: should it
    /// differ again, that is news.
    fn announce_differing_payments(&mut self, due: &mut Vec<Due>) {
        let mut told = std::mem::take(&mut self.told.differing);
        told.retain(|intent| self.difference(intent).is_some());
        self.told.differing = told;
        let late = self.late();
        let is_told = |intent: &str| self.told.differing.contains(intent) || late.contains(intent);
        let differs = |intent: &&str| !is_told(intent) && self.difference(intent).is_some() && !self.was_given_back(intent);
        let differing: Vec<String> = self.successes().map(|(intent, _)| intent).filter(differs).map(str::to_owned).collect();
        for intent in differing {
            due.push(self.due(EffectKind::Mail, MailTemplate::SupportPayment, &format!("{}{intent}", Self::DIFFERING)));
            self.told.differing.insert(intent);
        }
    }

    /// The confirmation that was not true when it was to leave, and is true now: announced anew, unless it was told in another way or something later was. It
    /// counts as told from now on.
    pub(crate) fn owed_confirmation(&mut self) -> Option<Due> {
        if !self.may_be_confirmed() {
            return None;
        }
        let Unconfirmed { number, template } = self.told.unconfirmed.take()?;
        if number < self.announcements.latest(Self::PAYMENT) || self.is_told_otherwise(number) {
            return None;
        }
        let template = MailTemplate::named(&template)?;
        Some(self.due(EffectKind::Sms, template, Self::PAYMENT))
    }

    pub(super) fn due(&mut self, kind: EffectKind, template: MailTemplate, subject: &str) -> Due {
        let number = self.announcements.next(subject);
        Due { kind, template, about: Announcement { record: Self::key(&self.id), subject: subject.to_owned(), number } }
    }
}
