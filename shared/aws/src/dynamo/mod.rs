//! The store on DynamoDB.

mod commit;
mod condition;
mod item;
mod pack;
mod query;
mod read;
pub mod schema;
mod single;
mod spread;
mod transact;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use sluice_core::ports::{Clock, Commit, Committed, Key, Page, PortError, Query, Store, Stored};

pub(crate) use self::{
    commit::{Change, Refused, Step, steps},
    item::{index_entry, key_text, to_item},
    query::MOST_ENTRIES,
    read::Consistency,
    spread::{parts_of, spread},
};
use crate::{capacity::Meter, patience::Patience};

/// The store on one DynamoDB table, laid out as [`schema`] says.
///
/// Conditions see an expired item as absent at once; the service removes it some days later.
#[derive(Clone)]
pub struct DynamoStore {
    client: Client,
    table: String,
    /// Says which documents have expired.
    clock: Arc<dyn Clock>,
    patience: Arc<Patience>,
    meter: Option<Arc<Meter>>,
}

impl DynamoStore {
    /// A store on the table `table`. `clock` says which documents have expired; `patience` how long busy calls are tried again.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>, patience: Arc<Patience>) -> Self {
        Self { client, table: table.into(), clock, patience, meter: None }
    }

    /// The same store, whose capacity units are counted by `meter`.
    #[must_use]
    pub fn metered(self, meter: Arc<Meter>) -> Self {
        Self { meter: Some(meter), ..self }
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        self.read(keys, Consistency::Strong).await
    }

    async fn get_lagging(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        self.read(keys, Consistency::Eventual).await
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        self.page(query).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, PortError> {
        self.apply(commit).await
    }
}

impl fmt::Debug for DynamoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoStore").field("table", &self.table).finish_non_exhaustive()
    }
}
