//! The store that is metered.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use sluice_aws::capacity::{CapacityObserver, Meter, MeteredStore, Used};
use sluice_core::{
    ports::{Clock, Commit, Committed, Key, Page, PortError, Query, Store, Stored, Write},
    testing::MemoryStore,
};

use crate::bill::Calls;

/// All that was used since it was last asked.
#[derive(Debug, Default)]
struct Uses(Mutex<Vec<Used>>);

impl CapacityObserver for Uses {
    fn used(&self, used: &Used) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(used.clone());
    }
}

/// A store in memory whose calls are counted, and metered as those of DynamoDB.
pub(crate) struct CountedStore {
    metered: MeteredStore,
    uses: Arc<Uses>,
    single: AtomicU64,
    transactions: AtomicU64,
}

impl CountedStore {
    pub(crate) fn new(inner: Arc<MemoryStore>, clock: Arc<dyn Clock>) -> Self {
        let uses = Arc::new(Uses::default());
        let meter = Arc::new(Meter::new(Arc::clone(&uses) as Arc<dyn CapacityObserver>));
        Self { metered: MeteredStore::new(inner, clock, meter), uses, single: AtomicU64::new(0), transactions: AtomicU64::new(0) }
    }

    /// What was used, and the calls that were made, since the last time.
    pub(crate) fn take(&self) -> (Vec<Used>, Calls) {
        let used = std::mem::take(&mut *self.uses.0.lock().unwrap_or_else(PoisonError::into_inner));
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        (used, Calls { single: take(&self.single), transactions: take(&self.transactions), mails: 0 })
    }
}

#[async_trait]
impl Store for CountedStore {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        self.single.fetch_add(1, Ordering::Relaxed);
        self.metered.get(keys).await
    }

    async fn get_lagging(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        self.single.fetch_add(1, Ordering::Relaxed);
        self.metered.get_lagging(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        self.single.fetch_add(2, Ordering::Relaxed);
        self.metered.query(query).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, PortError> {
        let count = match commit.writes[..] {
            [Write::Put { .. } | Write::Delete { .. } | Write::Move { .. }] => &self.single,
            _ => &self.transactions,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.metered.commit(commit).await
    }
}
