//! What a record is: a typed document that declares its kind, its id and its places in the indexes.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    envelope::digest,
    ports::{Document, Index, Key, Place, PortError, Stored},
    records::History,
    space::is_decided,
    state::State,
    time::{SORTABLE, Timestamp},
};

/// A typed document. Adding a kind changes no adapter.
pub trait Record: Serialize + DeserializeOwned + Clone + PartialEq + Send + 'static {
    /// The kind, part of every key.
    const KIND: &'static str;
    /// The fields of [`Record::state`] whose values its history keeps; of the others it only says that they changed. Nothing personal.
    const STATES: &'static [&'static str] = &["status"];

    /// The id within the kind.
    fn id(&self) -> &str;

    /// Where it stands in the indexes, at most one place in each.
    fn places(&self) -> Vec<Place>;

    /// When it may be removed; never by default.
    fn expires_at(&self) -> Option<Timestamp> {
        None
    }

    /// What its history compares, field by field.
    fn state(&self) -> State {
        State::default()
    }

    /// Which events changed it; `None` for what has no history.
    fn history_mut(&mut self) -> Option<&mut History> {
        None
    }

    /// The key of the record `id` of this kind.
    fn key(id: &str) -> Key {
        const { assert!(is_decided(Self::KIND), "say in space/belongs.rs where documents of this kind lie") };
        Key::new(Self::KIND, id)
    }

    /// The record as a document.
    fn document(&self) -> Document {
        Document { key: Self::key(self.id()), data: to_json(self), blob: None, places: self.places(), expires_at: self.expires_at() }
    }

    /// Reads the record out of its document.
    ///
    /// # Errors
    /// [`PortError::Permanent`] if the stored JSON is not this kind's.
    fn from_stored(stored: &Stored) -> Result<Self, PortError> {
        from_json(&stored.document)
    }
}

/// A record's JSON text.
pub(crate) fn to_json<T: Serialize>(record: &T) -> Vec<u8> {
    serde_json::to_vec(record).expect("records have text keys only, and serialising to memory can't fail")
}

/// A record out of a document's JSON text.
pub(crate) fn from_json<T: DeserializeOwned>(document: &Document) -> Result<T, PortError> {
    serde_json::from_slice(&document.data)
        .map_err(|error| PortError::Permanent(format!("the stored document {} can't be read: {error}", document.key)))
}

/// The place of `id` in the list `name` of an index, ordered by `at`.
#[must_use]
pub fn place(index: Index, name: &str, at: Timestamp, id: &str) -> Place {
    let mut sort = String::with_capacity(SORTABLE + 1 + id.len());
    at.write_sortable(&mut sort);
    sort.push('/');
    sort.push_str(id);
    Place { index, partition: name.to_owned(), sort }
}

/// The longest value that a group is named by as it is, bytes: names of groups are keys, which stores bound.
const LONGEST_VALUE: usize = 512;

/// The name of the list of records of a kind whose `field` is `value`, in the index that the kind has for that field. What providers say may be of
/// any length; a long value is named by its digest.
#[must_use]
pub fn group(kind: &str, field: &str, value: &str) -> String {
    if value.len() > LONGEST_VALUE { format!("{kind}/{field}#{}", digest(&[value])) } else { format!("{kind}/{field}/{value}") }
}

/// The name of the list in which all that waits for a time stands, in [`Index::Due`].
pub const DUE: &str = "due";

/// The place of a record that waits for `at`.
#[must_use]
pub fn due_place(key: &Key, at: Timestamp) -> Place {
    place(Index::Due, DUE, at, &key.to_string())
}
