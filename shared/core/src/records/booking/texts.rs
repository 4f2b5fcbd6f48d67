//! The texts about a booking, as its readers want to know of them.

use serde::{Deserialize, Serialize};

use super::{Booking, BookingStatus, announce::Unconfirmed};
use crate::{
    effect::Announcement,
    record::Record,
    records::{Message, MessageStatus},
    template::MailTemplate,
    time::Timestamp,
};

/// How far a text about a booking came. A copy of what the message says, written in the same commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextState {
    /// When it was sent; where nobody has said, when it was first heard of.
    pub at: Timestamp,
    /// Which of the booking's announcements it is; 0 if it is none of Sluice's. Two of the same moment follow each other in this order.
    #[serde(default, skip_serializing_if = "is_zero")]
    number: u32,
    /// How far it came.
    pub status: MessageStatus,
    /// When it arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// Another text goes in its place, to the number that the booking has by now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    aside: bool,
    /// It failed, and nothing more is to be done about that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    made_good: bool,
}

/// What is to become of a mail on the payment, right before it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailInstead {
    /// It goes in place of no text, and nothing speaks against it.
    NotInstead,
    /// What it says is true, and nobody has told it.
    Stands,
    /// A text has told it after all.
    Needless,
    /// What it says is not true any more.
    Untrue,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Booking {
    /// Takes over how far a text about the booking came. Whether that was new.
    pub fn join_text(&mut self, message: &Message) -> bool {
        let made_good = self.texts.get(&message.id).is_some_and(|known| known.made_good);
        let state = TextState {
            at: message.sent_at().unwrap_or(message.heard.first),
            number: message.sent.as_ref().map_or(0, |sent| sent.about.number),
            status: message.status(),
            delivered_at: message.delivered_at(),
            aside: message.is_aside(),
            made_good,
        };
        let new = self.texts.get(&message.id) != Some(&state);
        self.texts.insert(message.id.clone(), state);
        new
    }

    /// A text turned out to be about something else.
    pub fn remove_text(&mut self, message: &str) {
        self.texts.remove(message);
    }

    /// The text about the booking that was sent last, whatever was heard of which of them first; `None` if there was none. One that another goes in place of
    /// is not, though its number may have been put last.
    #[must_use]
    pub fn latest_text(&self) -> Option<&TextState> {
        self.texts.iter().max_by_key(|(id, text)| (!text.aside, text.at, text.number, id.as_str())).map(|(_, text)| text)
    }

    /// Whether texts to `number` that belong to nobody are likely about this booking: it is confirmed, and the number is its customer's.
    #[must_use]
    pub fn is_confirmed_with(&self, number: &str) -> bool {
        self.status() == BookingStatus::Confirmed && self.has_number(number)
    }

    /// Whether the number is its customer's.
    #[must_use]
    pub fn has_number(&self, number: &str) -> bool {
        self.put.as_ref().and_then(|put| put.customer_phone.as_deref()) == Some(number)
    }

    /// The texts that failed and are still to be made good for, now that there is somebody to mail and something to confirm.
    pub(crate) fn texts_to_make_good(&self) -> Vec<String> {
        if !self.may_be_confirmed() {
            return Vec::new();
        }
        let open = |text: &TextState| text.status == MessageStatus::Failed && !text.made_good;
        self.texts.iter().filter(|(_, text)| open(text)).map(|(id, _)| id.clone()).collect()
    }

    /// Whether a mail may tell its customer that it is confirmed: it is, and no deposit was taken that has been given back in full. Who got all of it back
    /// was mailed that, and would take a confirmation for a mistake.
    #[must_use]
    pub fn may_be_confirmed(&self) -> bool {
        self.put.is_some() && self.status() == BookingStatus::Confirmed && !self.is_given_back()
    }

    /// Whether a text that arrived has told the customer what this announcement of the payment says. What texts of others say nobody knows.
    fn is_told_by_text(&self, number: u32) -> bool {
        number > 0 && self.texts.values().any(|text| text.number == number && text.status == MessageStatus::Delivered)
    }

    /// Whether a text to another number than that of the text `but` is to tell this announcement of the payment, and has not failed.
    fn is_on_its_way(&self, number: u32, but: &str) -> bool {
        number > 0 && self.texts.iter().any(|(id, text)| id != but && text.number == number && text.status < MessageStatus::Failed)
    }

    /// What the customer is to be mailed because a text about the booking failed; `None` if it was told before, or there is nothing to confirm now. Once
    /// there is, the text is still to be made good for.
    ///
    /// A text of others may have said anything. Where a deposit was paid, Sluice tells that itself; where none was, the mail says no more than that the
    /// booking is confirmed.
    pub fn mail_instead_of(&mut self, message: &Message) -> Option<(MailTemplate, Announcement)> {
        if !self.may_be_confirmed() {
            return None;
        }
        self.count_as_made_good(&message.id);
        let latest = self.announcements.latest(Self::PAYMENT);
        let (number, template) = match &message.sent {
            Some(sent) => (sent.about.number, MailTemplate::named(&sent.template)?),
            None if self.deposit_paid_at().is_some() => return None,
            None => (latest, MailTemplate::BookingConfirmedUnpaid),
        };
        let overtaken = number < latest || self.is_told_by_text(number) || self.is_on_its_way(number, &message.id);
        if overtaken || !self.count_as_mailed(number) {
            return None;
        }
        Some((template, Announcement { record: Self::key(&self.id), subject: Self::PAYMENT.to_owned(), number }))
    }

    /// What is to become of a mail on this announcement of the payment by now. Not all of them confirm the booking.
    #[must_use]
    pub fn standing_of_mail(&self, number: u32, template: &str) -> MailInstead {
        let confirms = [MailTemplate::BookingConfirmed, MailTemplate::BookingReinstated].iter().any(|named| named.name() == template);
        let instead = self.told.mailed_text >= Some(number);
        if !instead && (!confirms || self.may_be_confirmed()) {
            MailInstead::NotInstead
        } else if !self.may_be_confirmed() {
            MailInstead::Untrue
        } else if self.is_told_by_text(number) {
            MailInstead::Needless
        } else {
            MailInstead::Stands
        }
    }

    /// Whether this announcement of the payment reaches the customer in another way than the one that was found untrue: by the mail in place of a text that
    /// failed, or by a text that arrived or may still.
    pub(super) fn is_told_otherwise(&self, number: u32) -> bool {
        self.told.mailed_text >= Some(number) || self.is_told_by_text(number) || self.is_on_its_way(number, "")
    }

    /// Notes that this announcement of the payment was not true any more when it was to leave: it is owed to the customer once it is true again.
    pub(crate) fn owe_confirmation(&mut self, number: u32, template: &str) {
        if self.told.unconfirmed.as_ref().is_none_or(|owed| owed.number < number) {
            self.told.unconfirmed = Some(Unconfirmed { number, template: template.to_owned() });
        }
    }

    /// Takes back that this announcement of the payment was mailed, because it was not true any more when it was to leave. Once it is true again, the texts
    /// that failed are made good for, and what was to be told by mail alone is announced anew.
    pub fn take_back_mail(&mut self, number: u32, template: &str) {
        if self.told.mailed_text < Some(number) {
            self.owe_confirmation(number, template);
            return;
        }
        if self.told.mailed_text == Some(number) {
            self.told.mailed_text = number.checked_sub(1);
        }
        for text in self.texts.values_mut().filter(|text| text.number == number || text.number == 0) {
            text.made_good &= text.status != MessageStatus::Failed;
        }
    }

    /// The texts that Sluice planned for this announcement of the payment, each to a number of its own, but for `except`. `planned`: the first of them, which
    /// older versions noted without its number.
    pub(crate) fn other_texts_of(&self, number: u32, planned: &str, except: &str) -> Vec<String> {
        let of_it = |id: &str, text: &TextState| id == planned || number > 0 && text.number == number;
        self.texts.iter().filter(|(id, text)| *id != except && of_it(id, text)).map(|(id, _)| id.clone()).collect()
    }

    /// Notes that nothing more is to be done about a text that failed. `false` if that was known.
    pub fn count_as_made_good(&mut self, message: &str) -> bool {
        self.texts.get_mut(message).is_some_and(|text| !std::mem::replace(&mut text.made_good, true))
    }

    /// Takes back that nothing more is to be done about a text if it fails.
    pub(crate) fn count_as_open(&mut self, message: &str) {
        if let Some(text) = self.texts.get_mut(message) {
            text.made_good = false;
        }
    }

    /// Notes that this announcement of the payment goes by mail in place of its text. `false` if it did before.
    pub fn count_as_mailed(&mut self, number: u32) -> bool {
        let new = self.told.mailed_text < Some(number);
        if new {
            self.told.mailed_text = Some(number);
        }
        new
    }
}
