//! The one table: names of attributes and indexes.
//!
//! Every byte of an item is paid for, so names are short. What the template, the tests and the cost table say of the table is checked against these.

use sluice_core::ports::Index;

/// The partition key, text: `KIND/ID`. There is no sort key, because nothing reads the documents of a kind by key order: lists are indexes.
pub const KEY: &str = "k";
/// The record's JSON, packed: bytes, of which the first is the number of the dictionary and the rest a zstd frame. Or as it is: text.
pub const DATA: &str = "d";
/// The bytes that belong to it.
pub const BLOB: &str = "b";
/// The version, number.
pub const VERSION: &str = "v";
/// The end, number: seconds since 1970, rounded up. The table's TTL attribute.
pub const END: &str = "x";
/// By how many milliseconds the exact end lies before [`END`]; absent if by none.
pub const END_EARLIER: &str = "y";

/// One of the table's global secondary indexes. Each is sparse, on demand, and projects the keys only: an index entry stays within the smallest unit of
/// billing, and a change of the document that moves nothing does not write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexSchema {
    /// The index that it serves.
    pub index: Index,
    /// Its name in the table.
    pub name: &'static str,
    /// Its partition key, text.
    pub partition: &'static str,
    /// Its sort key, text.
    pub sort: &'static str,
}

/// All indexes of the table.
pub const INDEXES: [IndexSchema; 6] = [
    IndexSchema { index: Index::List, name: "list", partition: "lp", sort: "ls" },
    IndexSchema { index: Index::Group, name: "group", partition: "gp", sort: "gs" },
    IndexSchema { index: Index::Group2, name: "group2", partition: "hp", sort: "hs" },
    IndexSchema { index: Index::Group3, name: "group3", partition: "jp", sort: "js" },
    IndexSchema { index: Index::Flag, name: "flag", partition: "fp", sort: "fs" },
    IndexSchema { index: Index::Due, name: "due", partition: "dp", sort: "ds" },
];

/// The index of the table that serves `index`.
#[must_use]
pub fn of(index: Index) -> &'static IndexSchema {
    match index {
        Index::List => &INDEXES[0],
        Index::Group => &INDEXES[1],
        Index::Group2 => &INDEXES[2],
        Index::Group3 => &INDEXES[3],
        Index::Flag => &INDEXES[4],
        Index::Due => &INDEXES[5],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_index_has_its_own_schema() {
        for schema in INDEXES {
            assert_eq!(of(schema.index), &schema);
        }
    }
}
