//! What a record is: a typed document that declares its kind, its id and its places in the indexes.

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{
    ports::{Document, Index, Key, Place, PortError, Stored},
    time::Timestamp,
};

/// A typed document. Adding a kind changes no adapter.
pub trait Record: Serialize + DeserializeOwned {
    /// The kind, part of every key.
    const KIND: &'static str;

    /// The id within the kind.
    fn id(&self) -> &str;

    /// Where it stands in the indexes, at most one place in each.
    fn places(&self) -> Vec<Place>;

    /// When it may be removed; never by default.
    fn expires_at(&self) -> Option<Timestamp> {
        None
    }

    /// The key of the record `id` of this kind.
    fn key(id: &str) -> Key {
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

/// How many partitions a list of many writers is spread over, so that none of them is hot.
const LIST_SHARDS: u8 = 8;
/// The same for the due index.
const DUE_SHARDS: u8 = 4;

/// The partitions that together hold the list `name` of an index.
pub fn partitions(index: Index, name: &str) -> impl Iterator<Item = String> {
    (0..shards(index)).map(move |shard| format!("{name}/{shard}"))
}

/// The place of `id` in the list `name` of an index, ordered by `at`.
#[must_use]
pub fn place(index: Index, name: &str, at: Timestamp, id: &str) -> Place {
    let shard = Sha256::digest(id)[0] % shards(index);
    Place { index, partition: format!("{name}/{shard}"), sort: format!("{}/{id}", at.sortable()) }
}

/// The name of the list in which all that waits for a time stands, in [`Index::Due`].
pub const DUE: &str = "due";

/// The place of a record that waits for `at`.
#[must_use]
pub fn due_place(key: &Key, at: Timestamp) -> Place {
    place(Index::Due, DUE, at, &key.to_string())
}

fn shards(index: Index) -> u8 {
    match index {
        Index::List => LIST_SHARDS,
        Index::Due => DUE_SHARDS,
        Index::Group | Index::Flag => 1,
    }
}
