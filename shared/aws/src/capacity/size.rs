use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use sluice_core::ports::{PortError, Stored};

use super::{Entry, Footprint};
use crate::dynamo::{
    schema::{INDEXES, KEY},
    to_item,
};

/// The attributes of an item.
pub type Item = HashMap<String, AttributeValue>;

/// The size of an item: names and values of its attributes
/// ([rules](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html)).
#[must_use]
pub fn item_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number_bytes(number),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::Ns(numbers) => numbers.iter().map(|number| number_bytes(number)).sum(),
        AttributeValue::Bs(all) => all.iter().map(|bytes| bytes.as_ref().len()).sum(),
        // Three bytes for the list or map, and one for each element.
        AttributeValue::L(values) => 3 + values.iter().map(|value| 1 + value_bytes(value)).sum::<usize>(),
        AttributeValue::M(values) => 3 + values.iter().map(|(name, value)| 1 + name.len() + value_bytes(value)).sum::<usize>(),
        // Null, boolean, and whatever the service may add.
        _ => 1,
    }
}

/// The size of a number: one byte for every two significant digits, zeros at both ends left out, and one more; a negative one has a further byte.
/// AWS calls it approximate.
#[must_use]
pub fn number_bytes(number: &str) -> usize {
    let (digits, sign) = match number.strip_prefix('-') {
        Some(digits) => (digits, 1),
        None => (number, 0),
    };
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_start_matches('0').trim_end_matches('0').len();
    significant.div_ceil(2) + 1 + sign
}

impl Footprint {
    /// The footprint of the item that a stored document is.
    ///
    /// # Errors
    /// [`PortError::Permanent`] if the document can't be an item.
    pub fn of_stored(stored: &Stored) -> Result<Self, PortError> {
        to_item((*stored.document).clone(), stored.version).map(|item| Self::of(&item))
    }

    /// The footprint of an item of the table.
    #[must_use]
    pub fn of(item: &Item) -> Self {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
        let key = KEY.len() + text(KEY).map_or(0, String::len);
        let entry = |names: &crate::dynamo::schema::IndexSchema| {
            let (partition, sort) = (text(names.partition)?, text(names.sort)?);
            let bytes = key + names.partition.len() + partition.len() + names.sort.len() + sort.len();
            Some(Entry { index: names.index, bytes, keys: (partition.clone(), sort.clone()) })
        };
        Self { bytes: item_bytes(item), entries: INDEXES.iter().filter_map(entry).collect() }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;
    use sluice_core::ports::Index;

    use super::*;

    fn item(attributes: Vec<(&str, AttributeValue)>) -> Item {
        attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn numbers() {
        for (number, bytes) in [("0", 1), ("1", 2), ("12", 2), ("123", 3), ("1771000000", 3), ("1771000017", 6), ("-12", 3), ("0.5", 2)] {
            assert_eq!(number_bytes(number), bytes, "{number}");
        }
    }

    #[test]
    fn names_and_values_count() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        assert_eq!(item_bytes(&item(vec![("name", text("Änna"))])), 4 + 5, "UTF-8 bytes");
        assert_eq!(item_bytes(&item(vec![("b", AttributeValue::B(Blob::new([0; 10])))])), 11, "raw bytes, not base64");
        assert_eq!(item_bytes(&item(vec![("t", AttributeValue::Bool(true)), ("n", AttributeValue::Null(true))])), 4);
        let list = AttributeValue::L(vec![text("ab"), AttributeValue::N("5".into())]);
        assert_eq!(item_bytes(&item(vec![("l", list)])), 1 + 3 + (1 + 2) + (1 + 2));
        let map = AttributeValue::M(item(vec![("k", text("v"))]));
        assert_eq!(item_bytes(&item(vec![("m", map)])), 1 + 3 + (1 + 1 + 1));
    }

    #[test]
    fn index_entries_hold_the_keys_of_both() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let item = item(vec![("k", text("event/in_1")), ("d", text("{}")), ("dp", text("due/3")), ("ds", text("0001/in_1"))]);
        let footprint = Footprint::of(&item);
        assert_eq!(footprint.bytes, 11 + 3 + 7 + 11);
        let keys = ("due/3".to_owned(), "0001/in_1".to_owned());
        assert_eq!(footprint.entries, [Entry { index: Index::Due, bytes: 11 + 7 + 11, keys }]);
    }
}
