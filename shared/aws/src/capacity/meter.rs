use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use sluice_core::ports::{Index, Key};

use super::{Entry, Footprint, Item, Transaction, Units, index_write_units, item_bytes, query_halves, write_units};
use crate::dynamo::{Change, Consistency, Refused, Step, key_text};

/// What was done to or read of one item, or of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A whole item was written.
    Put,
    /// An item was removed.
    Delete,
    /// A condition on an item was checked.
    Check,
    /// An item was moved within an index.
    Move,
    /// A write whose condition did not hold, or that another step of its transaction kept from applying.
    Refused,
    /// An item was read by its key.
    Read,
    /// Entries of an index were read.
    Query(Index),
}

/// The units of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// What was done.
    pub operation: Operation,
    /// The kind of record that it was done to; none for a query.
    pub kind: Option<String>,
    /// The item's size; of a query, that of all entries read.
    pub bytes: usize,
    /// The units.
    pub units: Units,
}

/// Is told of every operation of a metered store.
pub trait CapacityObserver: Send + Sync {
    /// Units were used.
    fn used(&self, used: &Used);
}

/// Computes the units of a store's operations.
///
/// What a write costs depends on the item that was there before, which the store does not read; so the meter remembers the size and the index entries of every
/// item that it has seen. One that it has not seen counts as absent. Memory grows with the items: it is for measuring, not for production.
pub struct Meter {
    observer: Arc<dyn CapacityObserver>,
    seen: Mutex<HashMap<String, Footprint>>,
}

impl Meter {
    /// A meter that reports to `observer`.
    #[must_use]
    pub fn new(observer: Arc<dyn CapacityObserver>) -> Self {
        Self { observer, seen: Mutex::default() }
    }

    /// Counts a commit. A refused transaction is billed for all its steps.
    pub(crate) fn committed(&self, steps: &[Step], refused: &[Refused]) {
        let transaction = match steps {
            [step] if !matches!(step.change, Change::Check) => Transaction::No,
            _ => Transaction::Yes,
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (position, found) in refused {
            let key = key_text(&steps[*position].key);
            match found {
                Some(item) => seen.insert(key, Footprint::of(item)),
                None => seen.remove(&key),
            };
        }
        for step in steps {
            let key = key_text(&step.key);
            let before = seen.get(&key).cloned().unwrap_or_default();
            let used = if refused.is_empty() {
                let (operation, after) = applied(&step.change, &before);
                let units = Units {
                    writes: write_units(before.bytes, after.bytes, transaction),
                    index_writes: index_write_units(&before.entries, &after.entries),
                    read_halves: 0,
                };
                let bytes = before.bytes.max(after.bytes);
                seen.insert(key, after);
                Used { operation, kind: Some(step.key.kind.to_string()), bytes, units }
            } else {
                let units = Units { writes: write_units(before.bytes, 0, transaction), ..Units::default() };
                Used { operation: Operation::Refused, kind: Some(step.key.kind.to_string()), bytes: before.bytes, units }
            };
            self.observer.used(&used);
        }
    }

    /// Counts a read by key.
    pub(crate) fn read(&self, keys: &[Key], items: &HashMap<String, Item>, consistency: Consistency) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (position, key) in keys.iter().enumerate() {
            if keys[..position].contains(key) {
                continue;
            }
            let text = key_text(key);
            let footprint = items.get(&text).map(Footprint::of).unwrap_or_default();
            let units = Units { read_halves: consistency.halves(footprint.bytes), ..Units::default() };
            self.observer.used(&Used { operation: Operation::Read, kind: Some(key.kind.to_string()), bytes: footprint.bytes, units });
            seen.insert(text, footprint);
        }
    }

    /// Counts one request of a query.
    pub(crate) fn queried(&self, index: Index, entries: &[Item]) {
        let bytes = entries.iter().map(item_bytes).sum();
        let units = Units { read_halves: query_halves(bytes), ..Units::default() };
        self.observer.used(&Used { operation: Operation::Query(index), kind: None, bytes, units });
    }
}

/// What becomes of an item by a change.
fn applied(change: &Change, before: &Footprint) -> (Operation, Footprint) {
    match change {
        Change::Put(item) => (Operation::Put, Footprint::of(item)),
        Change::Delete => (Operation::Delete, Footprint::default()),
        Change::Check => (Operation::Check, before.clone()),
        Change::Move(place) => {
            let keys = (place.partition.clone(), place.sort.clone());
            let moved = |entry: &Entry| {
                if entry.index != place.index {
                    return entry.clone();
                }
                let bytes = entry.bytes + keys.0.len() + keys.1.len() - entry.keys.0.len() - entry.keys.1.len();
                Entry { bytes, keys: keys.clone(), ..entry.clone() }
            };
            let entries: Vec<_> = before.entries.iter().map(moved).collect();
            let length = |entries: &[Entry]| entries.iter().map(|entry| entry.bytes).sum::<usize>();
            let bytes = before.bytes + length(&entries) - length(&before.entries);
            (Operation::Move, Footprint { bytes, entries })
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}
