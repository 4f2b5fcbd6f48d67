//! A document as an item of the table, and back.

use std::{borrow::Cow, collections::HashMap};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use sluice_core::{
    ports::{Document, Key, Place, PortError, Stored},
    time::Timestamp,
};

use super::{
    pack::{pack, unpack},
    schema::{self, BLOB, DATA, END, END_EARLIER, INDEXES, KEY, VERSION},
    spread::{gather, spread},
};
pub(super) use crate::capacity::Item;

pub(crate) fn key_text(key: &Key) -> String {
    debug_assert!(!key.kind.contains('/'), "the first slash of {key} must end its kind");
    format!("{}/{}", key.kind, key.id)
}

pub(super) fn key_item(key: &Key) -> Item {
    HashMap::from([(KEY.to_owned(), AttributeValue::S(key_text(key)))])
}

/// The end of a document as the table holds it: whole seconds rounded up, because the service removes what has passed them, and the milliseconds that were
/// added by that.
pub(super) fn end_parts(end: Timestamp) -> (i64, i64) {
    let seconds = end.millis().div_euclid(1000) + i64::from(end.millis().rem_euclid(1000) != 0);
    (seconds, seconds * 1000 - end.millis())
}

pub(super) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// The item of a document.
///
/// # Errors
/// [`PortError::Permanent`] if its data is no text.
pub(crate) fn to_item(document: Document, version: u64) -> Result<Item, PortError> {
    let Document { key, data, blob, places, expires_at } = document;
    let mut item = key_item(&key);
    item.insert(DATA.to_owned(), pack(data).ok_or_else(|| PortError::Permanent(format!("the data of {key} is no UTF-8 text")))?);
    item.insert(VERSION.to_owned(), number(version));
    if let Some(blob) = blob {
        item.insert(BLOB.to_owned(), AttributeValue::B(Blob::new(blob)));
    }
    if let Some(end) = expires_at {
        let (seconds, earlier) = end_parts(end);
        item.insert(END.to_owned(), number(seconds));
        if earlier != 0 {
            item.insert(END_EARLIER.to_owned(), number(earlier));
        }
    }
    for place in places {
        let Place { index, partition, sort } = spread(&key, place);
        let names = schema::of(index);
        item.insert(names.partition.to_owned(), AttributeValue::S(partition));
        item.insert(names.sort.to_owned(), AttributeValue::S(sort));
    }
    Ok(item)
}

/// What an index holds of the document `key` that stands at `place`: the keys of both.
pub(crate) fn index_entry(place: &Place, key: &Key) -> Item {
    let place = spread(key, place.clone());
    let names = schema::of(place.index);
    let mut entry = key_item(key);
    entry.insert(names.partition.to_owned(), AttributeValue::S(place.partition));
    entry.insert(names.sort.to_owned(), AttributeValue::S(place.sort));
    entry
}

/// The document of an item.
///
/// # Errors
/// [`PortError::Permanent`] if the item was not written by [`to_item`].
pub(super) fn from_item(mut item: Item) -> Result<Stored, PortError> {
    let key = text(item.remove(KEY)).unwrap_or_default();
    let (kind, id) = key.split_once('/').ok_or_else(|| broken(&key, KEY))?;
    let fail = |attribute: &str| broken(&key, attribute);
    let data = unpack(item.remove(DATA)).ok_or_else(|| fail(DATA))?;
    let version = integer(item.get(VERSION)).and_then(|version| u64::try_from(version).ok()).ok_or_else(|| fail(VERSION))?;
    let blob = match item.remove(BLOB) {
        None => None,
        Some(AttributeValue::B(blob)) => Some(blob.into_inner()),
        Some(_) => return Err(fail(BLOB)),
    };
    let expires_at = match item.get(END) {
        None => None,
        end => {
            let seconds = integer(end).ok_or_else(|| fail(END))?;
            let earlier = integer(item.get(END_EARLIER)).unwrap_or(0);
            Some(Timestamp::from_millis(seconds.saturating_mul(1000).saturating_sub(earlier)))
        }
    };
    let mut places = Vec::new();
    for names in INDEXES {
        if let (Some(partition), Some(sort)) = (text(item.remove(names.partition)), text(item.remove(names.sort))) {
            places.push(gather(Place { index: names.index, partition, sort }));
        }
    }
    let key = Key { kind: Cow::Owned(kind.to_owned()), id: id.to_owned() };
    Ok(Stored::new(Document { key, data, blob, places, expires_at }, version))
}

pub(super) fn text(value: Option<AttributeValue>) -> Option<String> {
    match value {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    }
}

fn integer(value: Option<&AttributeValue>) -> Option<i64> {
    value?.as_n().ok()?.parse().ok()
}

fn broken(key: impl std::fmt::Display, attribute: &str) -> PortError {
    PortError::Permanent(format!(
        "the item {key} of the table was not written by Sluice: its attribute {attribute} is missing or of another type"
    ))
}

#[cfg(test)]
mod tests {
    use sluice_core::ports::Index;

    use super::*;

    fn document() -> Document {
        let place = |index, sort: &str| Place { index, partition: "p".into(), sort: sort.into() };
        Document {
            key: Key::new("piece", "in_1/0"),
            data: "{\"name\":\"Änna\"}".into(),
            blob: Some(vec![0, 255]),
            places: vec![place(Index::List, "1"), place(Index::Due, "2")],
            expires_at: Some(Timestamp::from_millis(1_771_000_017_250)),
        }
    }

    #[test]
    fn there_and_back() {
        let plain = Document { blob: None, places: Vec::new(), expires_at: None, ..document() };
        let empty_blob = Document { blob: Some(Vec::new()), ..document() };
        let last = Document { expires_at: Some(Timestamp::MAX), ..document() };
        for document in [document(), plain, empty_blob, last] {
            let item = to_item(document.clone(), 7).expect("text");
            assert_eq!(from_item(item).expect("own item"), Stored::new(document, 7));
        }
    }

    #[test]
    fn ends_are_never_early_for_the_service() {
        assert_eq!(end_parts(Timestamp::from_millis(5_000)), (5, 0));
        assert_eq!(end_parts(Timestamp::from_millis(5_001)), (6, 999));
        assert_eq!(end_parts(Timestamp::from_millis(5_999)), (6, 1));
        assert_eq!(end_parts(Timestamp::from_millis(-1)), (0, 1));
    }

    #[test]
    fn foreign_items_are_named() {
        let mut item = to_item(document(), 1).expect("text");
        item.insert(VERSION.to_owned(), AttributeValue::S("1".to_owned()));
        let error = from_item(item).expect_err("a version of the wrong type").to_string();
        assert!(error.contains("piece/in_1/0") && error.contains("attribute v"), "{error}");
        assert!(from_item(Item::new()).is_err());
        assert!(to_item(Document { data: vec![0xff], ..document() }, 1).is_err());
    }
}
