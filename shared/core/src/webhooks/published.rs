use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use sluice_signature::Form;

use crate::{
    body::{self, PackedBody},
    envelope::digest,
    event::{EventRecord, RETENTION, fetch_pieces},
    news::News,
    ports::{Document, Index, Place, PortError, Store, Stored},
    record::{Record, from_json, place, to_json},
    rules::Redaction,
    time::Timestamp,
};

/// The largest data of an event that somebody publishes, bytes.
pub const LARGEST_DATA: usize = 256 * 1024;

/// An event that was published: what every subscriber is told, under one id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// `evt_…`, also the `webhook-id` of all its deliveries.
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was published.
    pub published_at: Timestamp,
    /// Whose event it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Whether its body says that between `timestamp` and `data`, as those that an older version published do: a body stays as it was signed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    names_tenant: bool,
    /// The event record that it goes back to. Its body is the data, unless there is some here.
    pub event: String,
    /// Until when it is kept, where that is not said by when it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept_until: Option<Timestamp>,
    /// When its data was erased, because of the personal data in it. Then nothing is delivered of it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// The data, if it lies here and is short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Short>,
    /// How the data is packed that lies here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    packing: Option<Packing>,
    #[serde(skip)]
    packed: Vec<u8>,
}

/// Data of at most so many bytes is kept as it is: packing it would gain little, and it is read for every delivery.
const SHORT: usize = 1024;

/// JSON text as it was published.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Short(Box<RawValue>);

impl PartialEq for Short {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for Short {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Packing {
    dictionary: u16,
    length: usize,
}

/// What subscribers are sent.
#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: Timestamp,
    /// Of those that an older version published.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    data: &'a RawValue,
}

impl Published {
    /// The type that a verified webhook is published under: its provider's name in front of its own type.
    #[must_use]
    pub fn kind_of(event: &EventRecord) -> String {
        format!("{}.{}", event.provider, event.kind)
    }

    /// The event that a verified webhook becomes. One that asks for somebody to be erased is itself erased in the end: what is published of it names nobody.
    #[must_use]
    pub fn inbound(event: &EventRecord, now: Timestamp) -> Self {
        let (kind, occurred_at) = (Self::kind_of(event), event.occurred_at.unwrap_or(event.received_at));
        if let Some(data) = Redaction::told(event) {
            return Self::with_data(&event.id, &kind, event.tenant.clone(), occurred_at, now, &to_json(&data));
        }
        Self {
            id: Self::id_of(&event.id, &kind),
            occurred_at,
            published_at: now,
            tenant: event.tenant.clone(),
            names_tenant: false,
            event: event.id.clone(),
            kept_until: None,
            erased_at: None,
            data: None,
            packing: None,
            packed: Vec::new(),
            kind,
        }
    }

    /// The same of one that nobody wanted when it came: published as of then, and kept as long as the event record, which may be long past its own time.
    #[must_use]
    pub fn caught_up_on(event: &EventRecord, now: Timestamp) -> Self {
        let kept_until = Some(event.expires_at().unwrap_or(now + RETENTION));
        Self { kept_until, ..Self::inbound(event, event.received_at) }
    }

    /// An event with data of its own, JSON, caused by the event record `event`.
    #[must_use]
    pub fn with_data(event: &str, kind: &str, tenant: Option<String>, occurred_at: Timestamp, now: Timestamp, data: &[u8]) -> Self {
        let short = (data.len() <= SHORT).then(|| serde_json::from_slice(data).ok().map(Short)).flatten();
        let packed = short.is_none().then(|| PackedBody::pack(&body::NONE, data));
        let packing = packed.as_ref().map(|body| Packing { dictionary: body.dictionary, length: body.length });
        Self {
            id: Self::id_of(event, kind),
            kind: kind.to_owned(),
            occurred_at,
            published_at: now,
            names_tenant: false,
            tenant,
            event: event.to_owned(),
            kept_until: None,
            erased_at: None,
            data: short,
            packing,
            packed: packed.map(|body| body.packed).unwrap_or_default(),
        }
    }

    /// What the change of a record tells, which the event record `event` has caused.
    #[must_use]
    pub fn of_news(event: &str, news: &News, occurred_at: Timestamp, now: Timestamp) -> Self {
        let mut published = Self::with_data(event, news.kind, news.tenant.clone(), occurred_at, now, &to_json(&*news.data));
        // One event may change several records of a kind.
        published.id = Self::id_of(event, &format!("{}/{}", news.kind, news.record));
        published
    }

    /// The id of the event of type `kind` that the event record `event` publishes: the same however often.
    #[must_use]
    pub fn id_of(event: &str, kind: &str) -> String {
        format!("evt_{}", digest(&[event, kind]))
    }

    /// Erases the data.
    pub fn erase(&mut self, now: Timestamp) {
        (self.data, self.packing) = (None, None);
        self.packed.clear();
        self.erased_at.get_or_insert(now);
    }

    fn damaged(&self, error: &dyn std::fmt::Display) -> PortError {
        PortError::Permanent(format!("the data of {} can't be read: {error}", self.id))
    }

    /// The data as JSON text, if it lies here.
    fn own_data(&self) -> Result<Option<Cow<'_, RawValue>>, PortError> {
        if let Some(Short(data)) = &self.data {
            return Ok(Some(Cow::Borrowed(data)));
        }
        let Some(Packing { dictionary, length }) = self.packing else { return Ok(None) };
        let bytes = PackedBody { dictionary, length, packed: self.packed.clone() }.unpack().map_err(|error| self.damaged(&error))?;
        serde_json::from_slice(&bytes).map(|data| Some(Cow::Owned(data))).map_err(|error| self.damaged(&error))
    }

    /// The data as JSON text, `None` if it was erased: as it was published; of a webhook its body, a form as an object, and what is neither as a text.
    ///
    /// # Errors
    /// [`PortError`] if it can't be read.
    pub async fn data(&self, store: &dyn Store) -> Result<Option<Box<RawValue>>, PortError> {
        if self.erased_at.is_some() {
            return Ok(None);
        }
        if let Some(own) = self.own_data()? {
            return Ok(Some(own.into_owned()));
        }
        let found = store.get(&[EventRecord::key_of(&self.event)]).await?.pop().flatten();
        let mut event = EventRecord::from_stored(&found.ok_or_else(|| self.damaged(&format!("{} is gone", self.event)))?)?;
        if event.erased_at.is_some() {
            return Ok(None);
        }
        fetch_pieces(store, &mut event).await?;
        let bytes = event.body().unpack().map_err(|error| self.damaged(&error))?;
        as_json(&event, &bytes).map(Some).map_err(|error| self.damaged(&error))
    }

    /// The body that every subscriber is sent, to the byte the same in every attempt; `None` if its data was erased.
    ///
    /// # Errors
    /// [`PortError`] if the data can't be read.
    pub async fn body(&self, store: &dyn Store) -> Result<Option<Vec<u8>>, PortError> {
        Ok(self.data(store).await?.map(|data| self.with(&data)))
    }

    /// The same of data that lies here; `None` if it lies elsewhere, or was erased.
    ///
    /// # Errors
    /// [`PortError`] if the data can't be read.
    pub(super) fn own_body(&self) -> Result<Option<Vec<u8>>, PortError> {
        let data = if self.erased_at.is_some() { None } else { self.own_data()? };
        Ok(data.map(|data| self.with(&data)))
    }

    fn with(&self, data: &RawValue) -> Vec<u8> {
        let tenant = self.tenant.as_deref().filter(|_| self.names_tenant);
        to_json(&Body { id: &self.id, kind: &self.kind, timestamp: self.occurred_at, tenant, data })
    }
}

/// A webhook's body as JSON: as it is if it is JSON, else a form as an object, else as a text.
fn as_json(event: &EventRecord, body: &[u8]) -> serde_json::Result<Box<RawValue>> {
    if let Ok(raw) = serde_json::from_slice(body) {
        return Ok(raw);
    }
    let is_form = |(name, value): &(String, String)| name == "content-type" && value.contains("x-www-form-urlencoded");
    let form = match body {
        [] => Form::parse(event.query.as_bytes()).ok(),
        body if event.headers.iter().any(is_form) => Form::parse(body).ok(),
        _ => None,
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match form {
        Some(form) => to_raw_value(&form.pairs().map(|(name, value)| (text(name), text(value))).collect::<BTreeMap<_, _>>()),
        None => to_raw_value(&text(body)),
    }
}

impl Record for Published {
    const KIND: &'static str = "published";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        let of_tenant = self.tenant.as_deref().map(|tenant| place(Index::Group, &Self::list_of(tenant), self.published_at, &self.id));
        [place(Index::List, Self::KIND, self.published_at, &self.id)].into_iter().chain(of_tenant).collect()
    }

    /// As long as the event record that it goes back to.
    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.kept_until.unwrap_or(self.published_at + RETENTION))
    }

    fn document(&self) -> Document {
        let blob = self.packing.map(|_| self.packed.clone());
        Document { key: Self::key(&self.id), data: to_json(self), blob, places: self.places(), expires_at: self.expires_at() }
    }

    fn from_stored(stored: &Stored) -> Result<Self, PortError> {
        let mut published: Self = from_json(&stored.document)?;
        published.packed = stored.document.blob.clone().unwrap_or_default();
        Ok(published)
    }
}

impl Published {
    /// The list of what was published for a tenant.
    #[must_use]
    pub fn list_of(tenant: &str) -> String {
        format!("published/{tenant}")
    }
}
