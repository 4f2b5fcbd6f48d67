use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;

use crate::{
    ports::{
        Clock, Commit, Committed, Condition, Document, Index, Key, Order, Page, Place, PortError, Query, Refusal, Store, Stored, Write,
    },
    time::Timestamp,
};

/// A store in memory: the whole contract, and no durability. Commits and queries are visible at once.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    contents: Mutex<Contents>,
    lags: AtomicBool,
}

#[derive(Default)]
struct Contents {
    documents: BTreeMap<Key, Stored>,
    /// What was there before the last change of each.
    earlier: BTreeMap<Key, Option<Stored>>,
    partitions: BTreeMap<(Index, String), Partition>,
}

/// Who stands at each sort text. Almost always one; two kinds may use the same id.
type Partition = BTreeMap<String, BTreeSet<Key>>;

impl MemoryStore {
    /// An empty store; `clock` says which documents have expired.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, contents: Mutex::default(), lags: AtomicBool::new(false) }
    }

    /// From now on what may lag does: [`Store::get_lagging`] misses the last change of every document.
    pub fn lag(&self) {
        self.lags.store(true, Ordering::Relaxed);
    }

    /// Every document that has not expired, in the order of the keys: what a test compares.
    #[must_use]
    pub fn documents(&self) -> Vec<Stored> {
        let now = self.clock.now();
        let contents = self.contents();
        contents.documents.values().filter(|stored| !stored.document.has_expired(now)).cloned().collect()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        // Nothing can panic between the writes of a commit, so a poisoned lock guards whole commits.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn live(&self, key: &Key, now: Timestamp) -> Option<&Stored> {
        self.documents.get(key).filter(|stored| !stored.document.has_expired(now))
    }

    fn allows(&self, write: &Write, now: Timestamp) -> bool {
        let found = self.live(write.key(), now);
        match write {
            Write::Put { condition, .. } | Write::Delete { condition, .. } | Write::Check { condition, .. } => match condition {
                Condition::Absent => found.is_none(),
                Condition::Version(version) => found.is_some_and(|stored| stored.version == *version),
            },
            Write::Move { from, .. } => found.is_some_and(|stored| stored.document.places.contains(from)),
        }
    }

    fn apply(&mut self, write: Write, now: Timestamp) {
        if !matches!(write, Write::Check { .. }) {
            self.earlier.insert(write.key().clone(), self.documents.get(write.key()).cloned());
        }
        match write {
            Write::Check { .. } => {}
            Write::Delete { key, .. } => {
                self.remove(&key);
            }
            Write::Put { document, .. } => {
                let before = self.remove(&document.key);
                let version = before.filter(|stored| !stored.document.has_expired(now)).map_or(0, |stored| stored.version);
                self.insert(Stored::new(document, version + 1));
            }
            Write::Move { key, from, to } => {
                if let Some(mut stored) = self.remove(&key) {
                    for place in Arc::make_mut(&mut stored.document).places.iter_mut().filter(|place| **place == from) {
                        *place = to.clone();
                    }
                    self.insert(stored);
                }
            }
        }
    }

    fn insert(&mut self, stored: Stored) {
        let Document { key, places, .. } = &*stored.document;
        for place in places {
            let partition = self.partitions.entry((place.index, place.partition.clone())).or_default();
            partition.entry(place.sort.clone()).or_default().insert(key.clone());
        }
        self.documents.insert(key.clone(), stored);
    }

    fn remove(&mut self, key: &Key) -> Option<Stored> {
        let stored = self.documents.remove(key)?;
        for place in &stored.document.places {
            if let Some(partition) = self.partitions.get_mut(&(place.index, place.partition.clone()))
                && let Some(keys) = partition.get_mut(&place.sort)
            {
                keys.remove(key);
                if keys.is_empty() {
                    partition.remove(&place.sort);
                }
            }
        }
        Some(stored)
    }

    fn page(&self, query: &Query, now: Timestamp) -> Page {
        let Some(partition) = self.partitions.get(&(query.index, query.partition.clone())) else {
            return Page { items: Vec::new(), more: false };
        };
        if is_empty(&query.from, &query.to) {
            return Page { items: Vec::new(), more: false };
        }
        let range = partition.range((query.from.clone(), query.to.clone()));
        let mut found: Box<dyn Iterator<Item = (&String, &BTreeSet<Key>)>> = match query.order {
            Order::Ascending => Box::new(range),
            Order::Descending => Box::new(range.rev()),
        };
        let place = |sort: &String| Place { index: query.index, partition: query.partition.clone(), sort: sort.clone() };
        let mut live = found
            .by_ref()
            .flat_map(|(sort, keys)| keys.iter().map(move |key| (sort, key)))
            .filter_map(|(sort, key)| self.live(key, now).map(|stored| (place(sort), stored.clone())));
        let items = live.by_ref().take(query.limit).collect();
        Page { items, more: live.next().is_some() }
    }
}

/// `BTreeMap::range` panics where a query simply finds nothing.
fn is_empty(from: &Bound<String>, to: &Bound<String>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        let now = self.clock.now();
        let contents = self.contents();
        Ok(keys.iter().map(|key| contents.live(key, now).cloned()).collect())
    }

    async fn get_lagging(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        if !self.lags.load(Ordering::Relaxed) {
            return self.get(keys).await;
        }
        let now = self.clock.now();
        let contents = self.contents();
        let lagging = |key| contents.earlier.get(key).cloned().flatten().filter(|stored| !stored.document.has_expired(now));
        Ok(keys.iter().map(lagging).collect())
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        let now = self.clock.now();
        Ok(self.contents().page(query, now))
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, PortError> {
        commit.well_formed()?;
        let now = self.clock.now();
        let mut contents = self.contents();
        let refusals: Vec<Refusal> = commit
            .writes
            .iter()
            .enumerate()
            .filter(|(_, write)| !contents.allows(write, now))
            .map(|(position, write)| Refusal { write: position, found: contents.live(write.key(), now).cloned() })
            .collect();
        if !refusals.is_empty() {
            return Ok(Committed::Refused(refusals));
        }
        for write in commit.writes {
            contents.apply(write, now);
        }
        Ok(Committed::Applied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ManualClock, contract};

    #[tokio::test]
    async fn keeps_the_contract() {
        contract::store::all(async |case| {
            let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_771_000_000)));
            let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as Arc<dyn Clock>));
            contract::store::StoreCase::new(store, clock, case)
        })
        .await;
    }
}
