//! Reads by key.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use sluice_core::ports::{Document, Key, PortError, Stored};

use super::{
    DynamoStore,
    item::{Item, from_item, key_item, key_text},
    schema::KEY,
};
use crate::{
    capacity::{consistent_read_halves, lagging_read_halves},
    failure::{Failure, Fate},
    patience::Repeat,
};

/// The most keys of one request.
const BATCH: usize = 100;
/// Requests of one read under way at the same time.
const AT_ONCE: usize = 4;

/// Whether a read sees all that was written before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consistency {
    /// It does.
    Strong,
    /// It may miss what was written some moments ago, and costs half.
    Eventual,
}

impl Consistency {
    /// Halves of read units that an item of that size takes.
    pub(crate) fn halves(self, bytes: usize) -> u64 {
        match self {
            Self::Strong => consistent_read_halves(bytes),
            Self::Eventual => lagging_read_halves(bytes),
        }
    }
}

impl DynamoStore {
    /// Reads documents in the order of the keys; absent and expired ones are `None`.
    pub(super) async fn read(&self, keys: &[Key], consistency: Consistency) -> Result<Vec<Option<Stored>>, PortError> {
        let items = match keys {
            [] => return Ok(Vec::new()),
            [key] => Box::pin(self.read_one(key, consistency)).await?.into_iter().map(|item| (key_text(key), item)).collect(),
            keys => Box::pin(self.read_many(keys, consistency)).await?,
        };
        if let Some(meter) = &self.meter {
            meter.read(keys, &items, consistency);
        }
        let now = self.clock.now();
        let mut found = HashMap::with_capacity(items.len());
        for (key, item) in items {
            let stored = from_item(item)?;
            if !stored.document.has_expired(now) {
                found.insert(key, stored);
            }
        }
        let read = |key: &Key| {
            let stored = found.get(&key_text(key)).cloned();
            // The key as it was asked for: its kind is not read from the table.
            stored.map(|stored| Stored::new(Document { key: key.clone(), ..Arc::unwrap_or_clone(stored.document) }, stored.version))
        };
        Ok(keys.iter().map(read).collect())
    }

    async fn read_one(&self, key: &Key, consistency: Consistency) -> Result<Option<Item>, PortError> {
        let read = || async {
            let call = self.client.get_item().table_name(&self.table).set_key(Some(key_item(key)));
            let call = call.consistent_read(consistency == Consistency::Strong);
            call.send().await.map(|answer| answer.item).map_err(|error| Failure::of("DynamoDB", &error))
        };
        self.patience.call(Repeat::Harmless, read).await.map_err(Failure::into_port_error)
    }

    async fn read_many(&self, keys: &[Key], consistency: Consistency) -> Result<HashMap<String, Item>, PortError> {
        // A request that names a key twice is refused.
        let mut texts: Vec<(String, &Key)> = keys.iter().map(|key| (key_text(key), key)).collect();
        texts.sort();
        texts.dedup_by(|a, b| a.0 == b.0);
        let keys: Vec<Item> = texts.into_iter().map(|(_, key)| key_item(key)).collect();
        let batches: Vec<Vec<Item>> = keys.chunks(BATCH).map(<[Item]>::to_vec).collect();
        let read = stream::iter(batches).map(|batch| self.read_batch(batch, consistency)).buffer_unordered(AT_ONCE);
        let items: Vec<Vec<Item>> = read.try_collect().await?;
        let named = |item: Item| Some((item.get(KEY)?.as_s().ok()?.clone(), item));
        Ok(items.into_iter().flatten().filter_map(named).collect())
    }

    /// Reads up to [`BATCH`] items. The service may leave some out (it answers with 16 MB at most, or is busy); they are asked for again.
    async fn read_batch(&self, mut keys: Vec<Item>, consistency: Consistency) -> Result<Vec<Item>, PortError> {
        let mut items = Vec::with_capacity(keys.len());
        while !keys.is_empty() {
            let read = || async {
                let request = KeysAndAttributes::builder().set_keys(Some(keys.clone()));
                let request = request.consistent_read(consistency == Consistency::Strong).build().expect("the keys are set");
                let call = self.client.batch_get_item().request_items(&self.table, request).send();
                let answer = call.await.map_err(|error| Failure::of("DynamoDB", &error))?;
                let found = answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default();
                let left: Vec<Item> =
                    answer.unprocessed_keys.unwrap_or_default().remove(&self.table).map(|left| left.keys).unwrap_or_default();
                if found.is_empty() && left.len() == keys.len() {
                    return Err(Failure::reported(Fate::NotTaken, "", "DynamoDB is too busy to read anything".to_owned()));
                }
                Ok((found, left))
            };
            let (found, left) = self.patience.call(Repeat::Harmless, read).await.map_err(Failure::into_port_error)?;
            items.extend(found);
            keys = left;
        }
        Ok(items)
    }
}
