//! What the store's calls cost, in DynamoDB's own units, computed from the sizes of the items by the documented rules: the figures hold wherever the calls
//! went, to AWS or to an emulator.

mod meter;
mod metered;
mod size;

use sluice_core::ports::Index;

pub use meter::{CapacityObserver, Meter, Operation, Used};
pub use metered::MeteredStore;
pub use size::{Item, item_bytes, number_bytes};

/// Bytes of one unit of writing.
const WRITE_UNIT: usize = 1024;
/// Bytes of one unit of strongly consistent reading.
const READ_UNIT: usize = 4096;

/// Units of capacity, as on-demand tables are billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// Write request units on the table.
    pub writes: u64,
    /// Write request units on its indexes.
    pub index_writes: u64,
    /// Halves of read request units, table and indexes: an eventually consistent read takes half a unit.
    pub read_halves: u64,
}

impl std::ops::Add for Units {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            writes: self.writes + other.writes,
            index_writes: self.index_writes + other.index_writes,
            read_halves: self.read_halves + other.read_halves,
        }
    }
}

/// Whether a write is part of a transaction, which takes twice the units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// A write of its own.
    No,
    /// One step of several.
    Yes,
}

/// What is billed of an item: its size, and its entries in the indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// The item's size.
    pub bytes: usize,
    /// Its entries in the indexes.
    pub entries: Vec<Entry>,
}

/// An item's entry in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The index.
    pub index: Index,
    /// The entry's size: the keys of the index and of the table.
    pub bytes: usize,
    /// The keys of the index: partition and sort.
    pub keys: (String, String),
}

/// Write units of an item whose size was `before` (0 if there was none) and is `after` (0 if it is deleted):
/// [the larger of the two](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html), in whole units, at least one.
/// The same holds for a condition that failed, and for a check: both sizes are that of the item that was found.
#[must_use]
pub fn write_units(before: usize, after: usize, transaction: Transaction) -> u64 {
    let units = before.max(after).div_ceil(WRITE_UNIT).max(1) as u64;
    match transaction {
        Transaction::No => units,
        Transaction::Yes => units * 2,
    }
}

/// Halves of read units of a strongly consistent read of an item; one that is absent costs one unit.
#[must_use]
pub fn consistent_read_halves(bytes: usize) -> u64 {
    bytes.div_ceil(READ_UNIT).max(1) as u64 * 2
}

/// Halves of read units of an eventually consistent read of one item.
#[must_use]
pub fn lagging_read_halves(bytes: usize) -> u64 {
    bytes.div_ceil(READ_UNIT).max(1) as u64
}

/// Halves of read units of a query of an index, eventually consistent: the sizes of all entries read are added up before they are rounded.
#[must_use]
pub fn query_halves(bytes: usize) -> u64 {
    bytes.div_ceil(READ_UNIT).max(1) as u64
}

/// Write units of the indexes for a change of an item
/// ([rules](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations.Writes)): a new entry or one that goes away
/// is one write; a changed key is two, the old entry's removal and the new one; an entry that stays as it was is none, because only keys are projected.
/// The indexes follow a transaction after it has applied, so these units are not doubled.
#[must_use]
pub fn index_write_units(before: &[Entry], after: &[Entry]) -> u64 {
    let units = |entry: &Entry| write_units(entry.bytes, 0, Transaction::No);
    let gone = before.iter().filter(|entry| !after.contains(entry));
    let new = after.iter().filter(|entry| !before.contains(entry));
    gone.chain(new).map(units).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: Index, sort: &str) -> Entry {
        Entry { index, bytes: 100, keys: ("p".to_owned(), sort.to_owned()) }
    }

    #[test]
    fn writes_round_up_to_whole_kilobytes_of_the_larger_size() {
        use Transaction::{No, Yes};
        assert_eq!(write_units(0, 0, No), 1, "nothing was there");
        assert_eq!(write_units(0, 1024, No), 1);
        assert_eq!(write_units(0, 1025, No), 2);
        assert_eq!(write_units(3000, 10, No), 3, "the larger size counts");
        assert_eq!(write_units(0, 1024, Yes), 2);
        assert_eq!(write_units(0, 3 * 1024, Yes), 6, "3 KB in a transaction take six units");
    }

    #[test]
    fn reads_round_up_to_four_kilobytes() {
        assert_eq!(consistent_read_halves(0), 2, "what is absent costs a unit");
        assert_eq!(consistent_read_halves(4096), 2);
        assert_eq!(consistent_read_halves(4097), 4);
        assert_eq!(query_halves(0), 1);
        assert_eq!(query_halves(100 * 120), 3, "12,000 bytes in one query: 1.5 units");
    }

    #[test]
    fn indexes_cost_what_changes_in_them() {
        let (first, second) = (entry(Index::List, "1"), entry(Index::List, "2"));
        let due = entry(Index::Due, "1");
        assert_eq!(index_write_units(&[], &[first.clone(), due.clone()]), 2, "two new entries");
        assert_eq!(index_write_units(std::slice::from_ref(&first), std::slice::from_ref(&first)), 0, "nothing moved");
        assert_eq!(index_write_units(std::slice::from_ref(&first), &[second]), 2, "the old one out, the new one in");
        assert_eq!(index_write_units(&[first.clone(), due], &[first]), 1, "one out");
    }
}
