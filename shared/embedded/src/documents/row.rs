//! Documents and places as rows.

use rusqlite::{Connection, OptionalExtension, Row};
use sluice_core::{
    ports::{Document, Index, Key, Place, Stored},
    time::Timestamp,
};

use crate::failure::{Failure, unreadable};

/// The columns that [`stored`] reads, in its order.
pub(super) const COLUMNS: &str = "version, expires_at, places, data, blob";

/// Reads one document, expired or not; `None` if it is absent.
pub(super) fn find(connection: &Connection, key: &Key) -> Result<Option<Stored>, Failure> {
    // Written out, because the text is looked up in the statement cache at every read.
    let mut statement =
        connection.prepare_cached("SELECT version, expires_at, places, data, blob FROM documents WHERE id = ?1 AND kind = ?2")?;
    let mut rows = statement.query((&key.id, &key.kind))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    stored(row, 0, key.clone()).map(Some)
}

/// Reads the document `key` from [`COLUMNS`], the first of which is column `first` of the row.
pub(super) fn stored(row: &Row<'_>, first: usize, key: Key) -> Result<Stored, Failure> {
    let places = row.get_ref(first + 2)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    let document = Document {
        key,
        data: row.get(first + 3)?,
        blob: row.get(first + 4)?,
        places: read_places(places)?,
        expires_at: row.get::<_, Option<i64>>(first + 1)?.map(Timestamp::from_millis),
    };
    let version: i64 = row.get(first)?;
    Ok(Stored::new(document, version.unsigned_abs()))
}

/// What a write needs to know of the row it changes.
pub(super) struct Head {
    /// The row.
    pub(super) doc: i64,
    /// The stored version.
    pub(super) version: u64,
    /// When it ends.
    pub(super) expires_at: Option<i64>,
    /// Its places as stored.
    pub(super) places: Option<String>,
}

impl Head {
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now.millis())
    }
}

/// Reads the head of a document's row, expired or not.
pub(super) fn head(connection: &Connection, key: &Key) -> Result<Option<Head>, Failure> {
    let mut statement = connection.prepare_cached("SELECT doc, version, expires_at, places FROM documents WHERE id = ?1 AND kind = ?2")?;
    let found = statement.query_row((&key.id, &key.kind), |row| {
        Ok(Head { doc: row.get(0)?, version: row.get::<_, i64>(1)?.unsigned_abs(), expires_at: row.get(2)?, places: row.get(3)? })
    });
    Ok(found.optional()?)
}

/// A document's places as its row keeps them; `None` if there are none.
pub(super) fn write_places(places: &[Place]) -> Result<Option<String>, Failure> {
    if places.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(places).map(Some).map_err(|error| unreadable("places", error))
}

/// Reads what [`write_places`] wrote.
pub(super) fn read_places(text: Option<&str>) -> Result<Vec<Place>, Failure> {
    text.map_or(Ok(Vec::new()), |text| serde_json::from_str(text).map_err(|error| unreadable("a document's places", error)))
}

/// Replaces a row's places in the index, touching only those that changed.
pub(super) fn replace_places(connection: &Connection, doc: i64, before: &[Place], after: &[Place]) -> Result<(), Failure> {
    for place in before.iter().filter(|place| !after.contains(place)) {
        connection
            .prepare_cached("DELETE FROM places WHERE place_index = ?1 AND place_partition = ?2 AND sort = ?3 AND doc = ?4")?
            .execute((index_number(place.index), &place.partition, &place.sort, doc))?;
    }
    for place in after.iter().filter(|place| !before.contains(place)) {
        connection.prepare_cached("INSERT INTO places (place_index, place_partition, sort, doc) VALUES (?1, ?2, ?3, ?4)")?.execute((
            index_number(place.index),
            &place.partition,
            &place.sort,
            doc,
        ))?;
    }
    Ok(())
}

/// The number that stands for an index in the database; it never changes.
pub(super) fn index_number(index: Index) -> i64 {
    match index {
        Index::List => 1,
        Index::Group => 2,
        Index::Flag => 3,
        Index::Due => 4,
        Index::Group2 => 5,
        Index::Group3 => 6,
    }
}
