//! The event record: what became of one event, and what is still to be done for it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    alarm::Alarm,
    body::{self, PackedBody},
    effect::{Effect, EffectState},
    ids::fresh,
    ports::{Commit, Condition, Document, Ids, Index, Key, Place, PortError, Store, Stored, Write},
    record::{self, due_place, place},
    schema::{described, described_words},
    sweep::GRACE,
    time::Timestamp,
};

/// How long an event record is kept once nothing is left to do for it: longer than any provider's manual resend (30 days at most).
pub const RETENTION: std::time::Duration = std::time::Duration::from_hours(35 * 24);

/// As much of a reason stands in a summary, characters.
const LONGEST_WHY: usize = 200;

/// The provider whose events are listed by shop.
pub(crate) const SHOPIFY: &str = "shopify";

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// Its changes are applied; effects remain.
    Processing,
    /// Nothing is left to do.
    Done,
    /// It could not be processed; see the reason. Can be replayed.
    Parked,
    /// It changes nothing here: a ping, switched off, or a repeat that another record covers.
    Ignored,
    /// Nothing of it is applied yet: what must be asked of Stripe's API for it is refused, or not answered; see the reason. It is tried again by itself, and at
    /// once when it is replayed.
    Waiting,
    /// It was parked, and somebody has said that nothing is to come of it.
    Dismissed,
}

described_words!(EventStatus: Processing, Done, Parked, Ignored, Waiting, Dismissed);

/// Whether an event that changes nothing here is published all the same, under its provider's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publishing {
    /// It is: it is what the provider sent, whatever can be made of it here.
    #[default]
    Published,
    /// It is not: it is meant for nobody here.
    Withheld,
}

impl Publishing {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// That nothing is to come of a parked event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dismissal {
    /// When it was said.
    pub at: Timestamp,
    /// Why, for whoever looks at it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

described! {
    /// A record that an event changed.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    pub struct Change as "Change" {
        /// The record's kind.
        pub kind: String,
        /// The record's id.
        pub id: String,
    }
}

/// Who is working on the event's effects, until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// A random id drawn per message and attempt.
    pub owner: String,
    /// From this time on somebody else may take over.
    pub until: Timestamp,
}

/// What is stored of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// `in_…`, derived from provider, source and key.
    pub id: String,
    /// Who sent it; `sluice` for timers and for what the API caused.
    pub provider: String,
    /// Which account of the provider.
    pub source: String,
    /// The provider's own identity of the event.
    pub key: String,
    /// What happened, in the provider's words.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it stands.
    pub status: EventStatus,
    /// Why it is or was parked, is ignored or waits, or why its effects have not been done yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// That nothing is to come of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dismissal: Option<Dismissal>,
    /// One line for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// It belongs to no record that is known yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unmatched: bool,
    /// The id of the event record that tells the same, if both come: the snapshot of a thin event of Stripe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<String>,
    /// Whether it is published though it is ignored.
    #[serde(default, skip_serializing_if = "Publishing::is_usual")]
    pub publishing: Publishing,
    /// When it happened, by the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// Whose event it is, by the provider, such as a connected account or a shop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The tenant whose event it is. What comes of it stays in that tenant's space, whatever the settings say by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// When Sluice accepted it.
    pub received_at: Timestamp,
    /// When the last thing was done for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
    /// How often it was taken up.
    pub attempts: u32,
    /// When it is tried again by itself, while it waits or effects are left that could not be done yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// Who planned it, or took it over last. Kept when the lease is given back: it tells a lost answer from a duplicate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// What is to be done besides the changes, and how far it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// The records it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// When the sweeper looks after it. Set where no queue message does until the effects are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// The query of the URL, as requested, where it belongs to what the event says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The request headers worth keeping.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The dictionary its body is packed with.
    #[serde(default)]
    dictionary: u16,
    /// The body's length, bytes.
    #[serde(default)]
    length: usize,
    /// When its body was erased, because of the personal data in it. Then it can't be planned again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// How many pieces the packed body lies in; 0 if it lies with the record.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pieces: usize,
    /// The packed body, beside the JSON.
    #[serde(skip)]
    packed: Vec<u8>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The largest packed body that lies with its record, bytes; and the largest piece of one that doesn't.
/// A DynamoDB item holds 400 KB, keys and names included.
pub const PIECE: usize = 350 * 1024;

impl EventRecord {
    /// The kind of event records.
    pub const KIND: &'static str = "event";
    /// The name of the list of all events.
    pub const LIST: &'static str = "event";
    /// The name of the list of parked ones.
    pub const PARKED: &'static str = "event/parked";
    /// The name of the list of those that wait for an answer that they need.
    pub const WAITING: &'static str = "event/waiting";
    /// The name of the list of unmatched ones.
    pub const UNMATCHED: &'static str = "event/unmatched";

    /// The record of an event as its envelope tells it, before it is planned.
    #[must_use]
    pub fn new(envelope: crate::envelope::Envelope) -> Self {
        Self {
            id: envelope.event_id(),
            provider: envelope.provider,
            source: envelope.source,
            key: envelope.key,
            kind: envelope.kind,
            status: EventStatus::Processing,
            reason: None,
            dismissal: None,
            summary: String::new(),
            unmatched: false,
            twin: None,
            publishing: Publishing::default(),
            occurred_at: envelope.occurred_at,
            account: envelope.account,
            tenant: envelope.tenant,
            received_at: envelope.received_at,
            done_at: None,
            attempts: 0,
            next_attempt_at: None,
            lease: None,
            effects: Vec::new(),
            changes: Vec::new(),
            due_at: None,
            query: envelope.query,
            headers: envelope.headers,
            dictionary: envelope.body.dictionary,
            length: envelope.body.length,
            erased_at: None,
            pieces: 0,
            packed: envelope.body.packed,
        }
    }

    /// The key of the event record `id`.
    #[must_use]
    pub fn key_of(id: &str) -> Key {
        Key::new(Self::KIND, id)
    }

    /// The packed body as far as it lies with the record.
    #[must_use]
    pub fn body(&self) -> PackedBody {
        PackedBody { dictionary: self.dictionary, length: self.length, packed: self.packed.clone() }
    }

    /// Takes the packed body out, for it to be stored in pieces, or puts one together out of pieces.
    pub fn packed_mut(&mut self) -> &mut Vec<u8> {
        &mut self.packed
    }

    /// Forgets the body. Pieces of it are removed by whoever stores the record.
    pub fn erase_body(&mut self, now: Timestamp) {
        let PackedBody { dictionary, length, packed } = PackedBody::pack(&body::NONE, b"");
        (self.dictionary, self.length, self.packed, self.pieces) = (dictionary, length, packed, 0);
        self.query.clear();
        self.erased_at.get_or_insert(now);
    }

    /// Says in a line what became of an event that no plan has summarised: its type, that, and why.
    pub fn summarize(&mut self, what: &str, why: &str) {
        let why: String = why.lines().next().unwrap_or_default().chars().take(LONGEST_WHY).collect();
        self.summary = format!("{} {what}: {why}", self.kind);
    }

    /// It is taken up once more, under this lease. Where the sweeper looks after it, it leaves it alone until the lease has run out.
    pub fn take_up(&mut self, lease: Lease) {
        self.due_at = self.due_at.map(|due_at| due_at.max(lease.until));
        self.lease = Some(lease);
        self.attempts += 1;
        self.next_attempt_at = None;
    }

    /// It was taken up, and something of it is left, for this reason. Its message comes back at `next`; where the sweeper looks after it, too, it is the net
    /// under that message.
    pub fn give_back(&mut self, reason: &str, next: Timestamp, now: Timestamp) {
        // Why it was parked or ignored matters more; the effect has this one, too.
        if self.status == EventStatus::Processing {
            self.reason = Some(reason.to_owned());
        }
        self.next_attempt_at = Some(next);
        self.due_at = self.due_at.map(|_| next + GRACE);
        if let Some(lease) = &mut self.lease {
            lease.until = now;
        }
    }

    /// It was taken up in vain, and waits until `next` for what could not be told.
    pub fn wait(&mut self, why: &str, next: Timestamp) {
        self.status = EventStatus::Waiting;
        self.summarize("waits", why);
        self.reason = Some(why.to_owned());
        self.lease = None;
        self.attempts += 1;
        self.next_attempt_at = Some(next);
    }

    /// Nothing is to come of it: what is left of its effects is not done, except for an alarm, which speaks for all that were parked while it is silent.
    /// It can still be replayed on purpose.
    ///
    /// The sweeper looks after what remains: the alarm, for which there may be no message any more, and the end of a body that lies in pieces.
    pub fn dismiss(&mut self, because: Option<String>, now: Timestamp) {
        self.status = EventStatus::Dismissed;
        self.dismissal = Some(Dismissal { at: now, because });
        let left = |effect: &&mut Effect| effect.state == EffectState::Pending && !effect.about.subject.starts_with(Alarm::SUBJECT);
        for effect in self.effects.iter_mut().filter(left) {
            effect.end(EffectState::Failed, Some("the event was dismissed".to_owned()), now);
        }
        let alarm = self.unfinished();
        self.done_at = (!alarm).then_some(now);
        self.due_at = (alarm || self.pieces > 0).then_some(now);
    }

    /// Adds an effect, unless it is known.
    pub(crate) fn add_effect(&mut self, effect: Effect) {
        if !self.effects.iter().any(|known| known.id == effect.id) {
            self.effects.push(effect);
        }
    }

    /// Whether it is not published under its provider's name as it stands: one that waits is once it is planned, what another record covers is with that, and
    /// some are meant for nobody here.
    #[must_use]
    pub fn is_untold(&self) -> bool {
        match self.status {
            EventStatus::Waiting => true,
            EventStatus::Ignored => self.twin.is_some() || self.publishing == Publishing::Withheld,
            EventStatus::Parked | EventStatus::Dismissed => self.publishing == Publishing::Withheld,
            EventStatus::Processing | EventStatus::Done => false,
        }
    }

    /// Whether effects are still to be done.
    #[must_use]
    pub fn unfinished(&self) -> bool {
        self.effects.iter().any(|effect| effect.state == EffectState::Pending)
    }

    /// Sets status, end and timer to what the effects say.
    pub fn settle(&mut self, now: Timestamp) {
        if self.unfinished() {
            if self.status == EventStatus::Done {
                self.status = EventStatus::Processing;
            }
            self.done_at = None;
        } else {
            if self.status == EventStatus::Processing {
                self.status = EventStatus::Done;
                self.reason = None;
            }
            self.done_at.get_or_insert(now);
            (self.due_at, self.next_attempt_at) = (None, None);
        }
    }

    /// From when on the record may be removed. Parked and waiting ones and those with unfinished effects stay.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        let kept = matches!(self.status, EventStatus::Parked | EventStatus::Waiting) || self.unfinished();
        (!kept).then(|| self.done_at.unwrap_or(self.received_at) + RETENTION)
    }

    /// The record as a document.
    #[must_use]
    pub fn document(&self) -> Document {
        Document {
            key: Self::key_of(&self.id),
            data: record::to_json(self),
            blob: (self.pieces == 0 && !self.packed.is_empty()).then(|| self.packed.clone()),
            places: self.places(),
            expires_at: self.expires_at(),
        }
    }

    /// Reads the record out of its document. A body in pieces is not read.
    ///
    /// # Errors
    /// [`PortError::Permanent`] if the stored JSON is no event record.
    pub fn from_stored(stored: &Stored) -> Result<Self, PortError> {
        let mut record: Self = record::from_json(&stored.document)?;
        record.packed = stored.document.blob.clone().unwrap_or_default();
        Ok(record)
    }

    /// The name of the list of a shop's events, in [`Index::Group`]: those of a tenant's sources stand apart, so that none of them can have others' erased.
    #[must_use]
    pub fn of_shop(tenant: Option<&str>, shop: &str) -> String {
        match tenant {
            None => format!("event/shop/{shop}"),
            Some(tenant) => format!("event/shop_of/{tenant}/{shop}"),
        }
    }

    fn places(&self) -> Vec<Place> {
        let mut places = vec![place(Index::List, Self::LIST, self.received_at, &self.id)];
        // Where personal data must be found again to be erased on demand.
        if let (SHOPIFY, Some(shop)) = (self.provider.as_str(), &self.account) {
            places.push(place(Index::Group, &Self::of_shop(self.tenant.as_deref(), shop), self.received_at, &self.id));
        }
        let flag = match self.status {
            EventStatus::Parked => Some(Self::PARKED),
            EventStatus::Waiting => Some(Self::WAITING),
            _ => self.unmatched.then_some(Self::UNMATCHED),
        };
        places.extend(flag.map(|name| place(Index::Flag, name, self.received_at, &self.id)));
        if let Some(due_at) = self.due_at {
            places.push(due_place(&Self::key_of(&self.id), due_at));
        }
        places
    }
}

/// The kind of the pieces of bodies that are too large for their record.
const PIECE_KIND: &str = "piece";

/// The key of a piece of the body of the event `id`.
pub(crate) fn piece_key(id: &str, number: usize) -> Key {
    Key::new(PIECE_KIND, format!("{id}/{number}"))
}

/// Reads the packed body of a record whose body lies in pieces, and puts it into the record.
///
/// # Errors
/// [`PortError`] if a piece can't be read or is gone.
pub async fn fetch_pieces(store: &dyn Store, record: &mut EventRecord) -> Result<(), PortError> {
    if record.pieces == 0 || !record.packed.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = (0..record.pieces).map(|number| piece_key(&record.id, number)).collect();
    let mut packed = Vec::new();
    for (key, found) in keys.iter().zip(store.get(&keys).await?) {
        let bytes = found.and_then(|stored| Arc::unwrap_or_clone(stored.document).blob);
        packed.extend(bytes.ok_or_else(|| PortError::Permanent(format!("{key}, a part of an event's body, is gone")))?);
    }
    record.packed = packed;
    Ok(())
}

/// Stores a body that is too large for its record in pieces, with the record's own expiry, before the record itself.
///
/// # Errors
/// [`PortError`] if the store can't be read or takes nothing.
pub async fn store_pieces(store: &dyn Store, ids: &dyn Ids, record: &mut EventRecord) -> Result<(), PortError> {
    if record.packed.len() <= PIECE {
        return Ok(());
    }
    let packed = record.body().packed;
    let pieces: Vec<_> = packed.chunks(PIECE).enumerate().map(|(number, bytes)| (piece_key(&record.id, number), bytes)).collect();
    record.pieces = pieces.len();
    let expires_at = record.expires_at();
    for (key, bytes) in pieces {
        let found = store.get(std::slice::from_ref(&key)).await?.pop().flatten();
        if found.as_ref().is_some_and(|found| found.document.expires_at == expires_at) {
            continue;
        }
        let document = Document { key, data: b"{}".to_vec(), blob: Some(bytes.to_vec()), places: Vec::new(), expires_at };
        let write = Write::Put { document, condition: Condition::unchanged(found.as_ref()) };
        // Lost to somebody who stores the same piece of the same event: it is there either way.
        store.commit(Commit { token: fresh("", ids), writes: vec![write] }).await?;
    }
    Ok(())
}
