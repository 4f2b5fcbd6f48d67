//! Spreads the partitions that many writers share over several of the table's, because DynamoDB bounds what one partition takes (1,000 writes a second).
//!
//! It is done where a document becomes an item and where an item becomes a document: above that, a partition is what its writer named it.

use sha2::{Digest, Sha256};
use sluice_core::ports::{Index, Key, Place};

use super::item::key_text;

/// Over how many partitions of the table one of an index is spread.
fn parts(index: Index) -> u8 {
    match index {
        Index::List => 8,
        Index::Due => 4,
        Index::Group | Index::Group2 | Index::Group3 | Index::Flag => 1,
    }
}

/// The partitions of the table that together are the partition `name` of an index.
pub(crate) fn parts_of(index: Index, name: &str) -> impl Iterator<Item = String> {
    let parts = parts(index);
    (0..parts).map(move |part| if parts == 1 { name.to_owned() } else { format!("{name}/{part}") })
}

/// The place of the document `key` as the table has it. Which part it is in hangs on the key alone, so that a document that moves stays in its part.
pub(crate) fn spread(key: &Key, mut place: Place) -> Place {
    let parts = parts(place.index);
    if parts > 1 {
        let part = Sha256::digest(key_text(key))[0] % parts;
        place.partition.push_str(&format!("/{part}"));
    }
    place
}

/// The place as its writer named it.
pub(super) fn gather(mut place: Place) -> Place {
    if parts(place.index) > 1
        && let Some((name, _)) = place.partition.rsplit_once('/')
    {
        place.partition.truncate(name.len());
    }
    place
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const INDEXES: [Index; 6] = [Index::List, Index::Group, Index::Group2, Index::Group3, Index::Flag, Index::Due];

    fn place(index: Index) -> Place {
        Place { index, partition: "a/b".to_owned(), sort: "1".to_owned() }
    }

    #[test]
    fn what_is_spread_is_gathered() {
        for index in INDEXES {
            assert_eq!(gather(spread(&Key::new("event", "in_1"), place(index))), place(index));
        }
    }

    #[test]
    fn a_query_of_all_parts_misses_none_and_none_is_empty() {
        for index in INDEXES {
            let used: BTreeSet<String> =
                (0..200).map(|number| spread(&Key::new("event", number.to_string()), place(index)).partition).collect();
            assert_eq!(used, parts_of(index, "a/b").collect());
        }
    }
}
