use std::{collections::HashMap, fmt, sync::Arc};

use async_trait::async_trait;
use sluice_core::ports::{Clock, Commit, Committed, Key, Page, Place, PortError, Query, Store, Stored};

use super::{Item, Meter};
use crate::dynamo::{Consistency, MOST_ENTRIES, index_entry, key_text, parts_of, spread, steps, to_item};

/// More documents than a store in memory has.
const ALL: usize = 1_000_000;

/// Any store, counted as if it were the one on DynamoDB: each call is turned into the items that the adapter would send and be sent, and these are metered.
///
/// So what a run costs is known without an emulator. What the adapter does beyond the port's calls (repeating what was throttled) is not counted, and an item
/// that has expired and still lies there counts as absent.
pub struct MeteredStore {
    inner: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    meter: Arc<Meter>,
}

impl MeteredStore {
    /// The store `inner`, whose capacity units are counted by `meter`.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, clock: Arc<dyn Clock>, meter: Arc<Meter>) -> Self {
        Self { inner, clock, meter }
    }

    fn read(&self, keys: &[Key], found: &[Option<Stored>], consistency: Consistency) -> Result<(), PortError> {
        let items = keys.iter().zip(found).filter_map(|(key, found)| Some((key_text(key), item(found.as_ref()?))));
        let items = items.map(|(key, item)| Ok((key, item?))).collect::<Result<HashMap<_, _>, PortError>>()?;
        self.meter.read(keys, &items, consistency);
        Ok(())
    }
}

fn item(stored: &Stored) -> Result<Item, PortError> {
    to_item((*stored.document).clone(), stored.version)
}

#[async_trait]
impl Store for MeteredStore {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        let found = self.inner.get(keys).await?;
        self.read(keys, &found, Consistency::Strong)?;
        Ok(found)
    }

    async fn get_lagging(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        let found = self.inner.get_lagging(keys).await?;
        self.read(keys, &found, Consistency::Eventual)?;
        Ok(found)
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        let mut page = self.inner.query(&Query { limit: ALL, ..query.clone() }).await?;
        // As the adapter does: each part by itself, and one more than asked for, which tells whether there is more.
        let parts: Vec<Vec<&(Place, Stored)>> = parts_of(query.index, &query.partition)
            .map(|part| {
                let lies_there = |(place, stored): &&(Place, Stored)| spread(&stored.document.key, place.clone()).partition == part;
                page.items.iter().filter(lies_there).take(query.limit + 1).collect()
            })
            .collect();
        for part in &parts {
            let requests =
                part.chunks(MOST_ENTRIES).map(|request| request.iter().map(|(place, stored)| index_entry(place, &stored.document.key)));
            let requests: Vec<Vec<Item>> = requests.map(Iterator::collect).collect();
            if requests.is_empty() {
                self.meter.queried(query.index, &[]);
            }
            requests.iter().for_each(|entries| self.meter.queried(query.index, entries));
        }
        for request in parts.iter().flat_map(|part| part.chunks(MOST_ENTRIES)) {
            let (keys, found): (Vec<Key>, Vec<_>) =
                request.iter().map(|(_, stored)| (stored.document.key.clone(), Some(stored.clone()))).unzip();
            self.read(&keys, &found, Consistency::Strong)?;
        }
        page.more = page.items.len() > query.limit;
        page.items.truncate(query.limit);
        Ok(page)
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, PortError> {
        let steps = steps(commit.writes.clone(), self.clock.now())?;
        let committed = self.inner.commit(commit).await?;
        let refused = match &committed {
            Committed::Applied => Vec::new(),
            Committed::Refused(refusals) => {
                let found = refusals.iter().map(|refusal| Ok((refusal.write, refusal.found.as_ref().map(item).transpose()?)));
                found.collect::<Result<Vec<_>, PortError>>()?
            }
        };
        self.meter.committed(&steps, &refused);
        Ok(committed)
    }
}

impl fmt::Debug for MeteredStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredStore").finish_non_exhaustive()
    }
}
