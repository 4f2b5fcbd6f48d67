//! A message: a text, call or mail, how far it came, and the booking that it is about.

mod facts;
mod ids;
mod put;
mod shown;
mod status;

pub use facts::{MessageError, MessagePut, Parties, SentText};
pub use shown::ShownMessage;
pub use status::{Channel, Direction, MessageStatus};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{AddressState, Announcements, Heard, History, ToldBy, keep_unsaid};
use crate::{
    kind::{Served, group_places, served_record},
    ports::{Index, Place},
    record::{Record, place},
    time::Timestamp,
};

/// A message's facts. It exists from the first that is heard of it: from the commit that plans to send it, from a put, or from a provider's event.
///
/// Where a message goes by an id of Sluice's or of its owner's, the provider's id of it is a document of this kind, too, which only leads there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Sluice's own id of a text that it sends, the owner's id of what was put, and the provider's id of any other.
    pub id: String,
    /// The message that this id leads to. Then nothing else is said here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<String>,
    /// The owner's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<MessagePut>,
    /// What Sluice sent it for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<SentText>,
    /// Who wrote to whom, as the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parties: Option<Parties>,
    /// The provider's ids of it: more than one where the answer to sending it was lost, and it was sent again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    external_ids: BTreeSet<String>,
    /// Ids of the provider's that it was put with, and that turned out to be those of texts which Sluice sent itself.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    given_up: BTreeSet<String>,
    /// The message that it was taken for by mistake, the last one: it was put with the provider's id of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gave_back: Option<String>,
    /// When it was first heard to have come so far.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    reached: BTreeMap<MessageStatus, Timestamp>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<MessageError>,
    /// Why it could not be sent, and when that was tried last. It counts until the other side has taken it after all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unsent: Option<(Timestamp, MessageError)>,
    /// The other side has taken it after it could not be sent, and has told no id of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken: bool,
    /// The other side refused to take it, and who was to send it told of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// What was said of the address that it went to, until that address is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    unaddressed: BTreeMap<AddressState, ToldBy>,
    /// What was said of the address that it went to has marked that address, because it was said of none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    marked_address: bool,
    /// The ids under which those who subscribed were told that it came in: its own, or the one that it had before it was put, or was known as for a while.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    came_in_as: BTreeSet<String>,
    /// The booking that it is about by likeness. Matched once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<String>,
    /// When it was heard of.
    pub heard: Heard,
    /// How often it announced anything.
    #[serde(default, skip_serializing_if = "Announcements::is_empty")]
    pub announcements: Announcements,
    /// Which events changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

impl Message {
    /// The name of the list of messages that belong to nothing that is known.
    pub const UNMATCHED: &'static str = "message/unmatched";
    /// The parameter of a status callback's URL that holds the message's id.
    pub const REFERENCE: &'static str = "ref";
    /// The subject of the announcement that it failed.
    pub const FAILED: &'static str = "failed";
    /// The field of what is stored with the ids under which it was told that it came in.
    pub(crate) const CAME_IN_AS: &'static str = "came_in_as";
    /// Why a text is not sent any more to the number that it was planned for, where nobody knows that it ever was.
    const OTHER_NUMBER: &'static str = "the booking has another number by now";
    /// What the ids of texts that Sluice sends begin with.
    const OWN: &'static str = "ms_";

    /// Of the message `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            same_as: None,
            put: None,
            sent: None,
            parties: None,
            external_ids: BTreeSet::new(),
            given_up: BTreeSet::new(),
            gave_back: None,
            reached: BTreeMap::new(),
            error: None,
            unsent: None,
            taken: false,
            refused: false,
            unaddressed: BTreeMap::new(),
            marked_address: false,
            came_in_as: BTreeSet::new(),
            matched: None,
            heard: Heard::at(at),
            announcements: Announcements::default(),
            history: History::default(),
        }
    }

    /// Joins the owner's word; the latest one stands. What is put as it is shown says nothing.
    pub fn join_put(&mut self, mut put: MessagePut) {
        self.heard.join(put.at);
        if self.is_served() {
            let known = self.put.as_ref();
            keep_unsaid(&mut put.external_id, self.external_id(), known.and_then(|known| known.external_id.as_ref()));
            keep_unsaid(&mut put.to, self.to(), known.and_then(|known| known.to.as_ref()));
            keep_unsaid(&mut put.from, self.from(), known.and_then(|known| known.from.as_ref()));
            keep_unsaid(&mut put.booking_id, self.booking_id(), known.and_then(|known| known.booking_id.as_ref()));
            if put.status == Some(self.status()) {
                put.status = known.and_then(|known| known.status);
            }
        }
        if let Some(external_id) = &put.external_id {
            self.join_external_id(external_id);
        }
        if self.put.as_ref().is_none_or(|known| known.at <= put.at) {
            self.put = Some(put);
        }
    }

    /// Joins who wrote to whom.
    pub fn join_parties(&mut self, parties: Parties) {
        self.parties = Some(match self.parties.take() {
            Some(known) => known.join(parties),
            None => parties,
        });
    }

    /// Joins how far it came, and why no further. Whether anything was new.
    pub fn join_status(&mut self, status: MessageStatus, at: Timestamp, error: Option<MessageError>) -> bool {
        let before = (self.reached.get(&status).copied(), self.error.clone());
        let first = self.reached.entry(status).or_insert(at);
        *first = at.min(*first);
        self.error = self.error.take().max(error);
        before != (self.reached.get(&status).copied(), self.error.clone())
    }

    /// Joins that it could not be sent, and why. The last try counts.
    pub fn join_unsent(&mut self, at: Timestamp, why: MessageError) {
        self.unsent = self.unsent.take().max(Some((at, why)));
    }

    /// Puts it aside: another text goes to the number that its booking has by now. Nobody is to be told that it did not arrive, because that one takes its
    /// place.
    pub(crate) fn put_aside(&mut self, at: Timestamp) {
        self.join_unsent(at, MessageError { code: None, text: Self::OTHER_NUMBER.to_owned() });
        self.announcements.next(Self::FAILED);
    }

    /// Whether it was put aside, and nothing else was heard of it since.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        self.why_unsent().is_some_and(|why| why.code.is_none() && why.text == Self::OTHER_NUMBER)
    }

    /// Its booking has its number again: it is to be sent as if it had never been put aside. Whether it was.
    pub(crate) fn take_up_again(&mut self) -> bool {
        let aside = self.is_aside();
        if aside {
            self.unsent = None;
            self.announcements.take_back(Self::FAILED);
        }
        aside
    }

    /// Whether it is still to be sent, as far as is known.
    #[must_use]
    pub fn is_to_be_sent(&self) -> bool {
        self.status() == MessageStatus::Pending && !self.was_taken()
    }

    /// Why it could not be sent, as long as that is the last word.
    fn why_unsent(&self) -> Option<&MessageError> {
        self.unsent.as_ref().filter(|_| !self.was_taken()).map(|(_, why)| why)
    }

    /// Whether it could not be sent, as far as is known.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        self.why_unsent().is_some()
    }

    /// Joins what was said of the address that it went to, of which nothing else is known: the first that said so stands.
    pub fn join_unaddressed(&mut self, state: AddressState, by: ToldBy) {
        let told = self.unaddressed.entry(state).or_insert_with(|| by.clone());
        if by < *told {
            *told = by;
        }
    }

    /// Takes what was said of the address that it went to, now that it is known.
    pub fn take_unaddressed(&mut self) -> BTreeMap<AddressState, ToldBy> {
        self.marked_address |= !self.unaddressed.is_empty();
        std::mem::take(&mut self.unaddressed)
    }

    /// Whether what was said of it has marked an address that nobody named but its owner.
    #[must_use]
    pub fn has_marked_address(&self) -> bool {
        self.marked_address
    }

    /// How far it came, by the owner's word or the provider's. It only moves up; but a text that could not be sent begins anew once the other side takes it.
    #[must_use]
    pub fn status(&self) -> MessageStatus {
        let put = self.put.as_ref().and_then(|put| put.status);
        let unsent = self.is_unsent().then_some(MessageStatus::Failed);
        self.reached.keys().next_back().copied().max(put).max(unsent).unwrap_or(MessageStatus::Pending)
    }

    /// When it was sent: by the owner's word, or because Sluice sent it itself; `None` where nobody has said, and of what could not be sent.
    #[must_use]
    pub fn sent_at(&self) -> Option<Timestamp> {
        let put = self.put.as_ref().and_then(|put| put.sent_at);
        put.or_else(|| self.sent.as_ref().filter(|_| !self.is_unsent()).map(|_| self.heard.first))
    }

    /// When it was first heard to have arrived; `None` if it has not.
    #[must_use]
    pub fn delivered_at(&self) -> Option<Timestamp> {
        self.reached.get(&MessageStatus::Delivered).copied()
    }

    /// Why it failed; `None` if it has not, or came further all the same.
    #[must_use]
    pub fn error(&self) -> Option<&MessageError> {
        let shown = matches!(self.status(), MessageStatus::Failed | MessageStatus::Bounced | MessageStatus::Complained);
        self.why_unsent().or(self.error.as_ref()).filter(|_| shown)
    }

    /// Whether the provider has it: it has told its own id of it, or taken it without.
    #[must_use]
    pub fn was_taken(&self) -> bool {
        self.taken || !self.external_ids.is_empty()
    }

    /// The booking that it is about: by the owner's word, because Sluice sent it for that, or by likeness.
    #[must_use]
    pub fn booking_id(&self) -> Option<&str> {
        let put = self.put.as_ref().and_then(|put| put.booking_id.as_deref());
        put.or_else(|| self.sent.as_ref().map(|sent| sent.about.record.id.as_str())).or(self.matched.as_deref())
    }

    /// The way it goes; `None` while nothing is known of it.
    #[must_use]
    pub fn channel(&self) -> Option<Channel> {
        self.put
            .as_ref()
            .map(|put| put.channel)
            .or_else(|| self.sent.as_ref().map(|_| Channel::Sms))
            .or_else(|| self.parties.as_ref().map(|parties| parties.channel))
    }

    /// Whether it came in or went out; `None` while nothing is known of it.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        self.put
            .as_ref()
            .map(|put| put.direction)
            .or_else(|| self.sent.as_ref().map(|_| Direction::Outbound))
            .or_else(|| self.parties.as_ref().map(|parties| parties.direction))
    }

    /// Who it is for: a number, or an address.
    #[must_use]
    pub fn to(&self) -> Option<&str> {
        self.put
            .as_ref()
            .and_then(|put| put.to.as_deref())
            .or_else(|| self.sent.as_ref().map(|sent| sent.to.as_str()))
            .or_else(|| self.parties.as_ref()?.to.as_deref())
    }

    /// Who it is from: a number, or an address.
    #[must_use]
    pub fn from(&self) -> Option<&str> {
        let put = self.put.as_ref().and_then(|put| put.from.as_deref());
        put.or_else(|| self.parties.as_ref()?.from.as_deref())
    }

    /// Notes under which id it is told that it came in, once it is known to have: its own, unless that was told under another one of it.
    pub fn note_coming_in(&mut self) {
        if self.direction() == Some(Direction::Inbound) && self.came_in_as.is_empty() {
            self.came_in_as.insert(self.id.clone());
        }
    }

    /// Whether it is a text that went out.
    #[must_use]
    pub fn is_text_out(&self) -> bool {
        self.channel() == Some(Channel::Sms) && self.direction() == Some(Direction::Outbound)
    }

    /// Whether it is a text that went out, and nobody has said for which booking.
    #[must_use]
    pub fn seeks_booking(&self) -> bool {
        self.is_text_out() && self.booking_id().is_none()
    }

    /// Whether it belongs to nothing that is known: neither to a booking, nor was it put. What came in belongs to whoever it came to.
    #[must_use]
    pub fn is_unmatched(&self) -> bool {
        self.put.is_none() && self.booking_id().is_none() && self.direction() != Some(Direction::Inbound)
    }
}

impl Record for Message {
    const KIND: &'static str = "message";
    const STATES: &'static [&'static str] = &["status", "booking_id", "error_code", "delivered_at"];

    served_record!();

    fn places(&self) -> Vec<Place> {
        let (index, name) = match (&self.same_as, self.is_unmatched()) {
            (Some(_), _) => return Vec::new(),
            (None, true) if self.is_blank() => return Vec::new(),
            (None, true) => (Index::Flag, Self::UNMATCHED),
            (None, false) => (Index::List, Self::KIND),
        };
        let mut places = vec![place(index, name, self.heard.first, &self.id)];
        places.extend(group_places(self, self.heard.first));
        places
    }
}
