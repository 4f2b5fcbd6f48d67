use std::{borrow::Cow, fmt, ops::Bound, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Message, PortError, Queue, QueueName};
use crate::{space::Space, time::Timestamp};

/// Names one document: its kind, and its id within the kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The kind of record, such as `booking`.
    pub kind: Cow<'static, str>,
    /// The id within the kind.
    pub id: String,
}

impl Key {
    /// The key of the record `id` of `kind`.
    pub fn new(kind: &'static str, id: impl Into<String>) -> Self {
        Self { kind: Cow::Borrowed(kind), id: id.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

/// The declared indexes. A document has at most one place in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Index {
    /// All documents of a kind, in the order in which lists show them.
    List,
    /// The documents that belong to another, such as the deliveries of a subscription.
    Group,
    /// The same by something else that they belong to: a kind whose documents are asked for by two things takes this one, too.
    Group2,
    /// And by a third.
    Group3,
    /// Sparse: documents that someone should look at, such as parked events and unmatched payments.
    Flag,
    /// Sparse: documents that wait for a time.
    Due,
}

/// Where a document stands in an index.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The index.
    pub index: Index,
    /// The partition within the index; a query reads one partition. An adapter whose partitions can be too busy spreads it by itself.
    pub partition: String,
    /// The order within the partition. Unique there: it ends with the document's id.
    pub sort: String,
}

/// A document as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name.
    pub key: Key,
    /// The record as JSON text.
    pub data: Vec<u8>,
    /// Bytes that belong to it and would only grow as JSON text, such as an event's compressed body.
    pub blob: Option<Vec<u8>>,
    /// Its places in the indexes, at most one for each index. Their order means nothing.
    pub places: Vec<Place>,
    /// From this time on the document counts as absent, and is removed at some time after it.
    pub expires_at: Option<Timestamp>,
}

/// A document as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The document. A store that remembers it hands out the same one to all who read it.
    pub document: Arc<Document>,
    /// Counts the puts of this document: 1 after the first.
    pub version: u64,
}

impl Stored {
    /// A document at a version.
    #[must_use]
    pub fn new(document: Document, version: u64) -> Self {
        Self { document: Arc::new(document), version }
    }
}

/// What must be true of a document for a commit to apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is no such document, or it has expired.
    Absent,
    /// The document has exactly this version.
    Version(u64),
}

impl Condition {
    /// What must hold so that nothing has changed since the document was read (or was found absent).
    #[must_use]
    pub fn unchanged(read: Option<&Stored>) -> Self {
        read.map_or(Self::Absent, |stored| Self::Version(stored.version))
    }
}

/// One step of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Replaces the whole document. Its version becomes 1 if it was absent, else one more than it was.
    Put {
        /// The new document.
        document: Document,
        /// What must hold before.
        condition: Condition,
    },
    /// Removes the document.
    Delete {
        /// Which.
        key: Key,
        /// What must hold before.
        condition: Condition,
    },
    /// Changes nothing, and refuses the commit if the condition does not hold.
    Check {
        /// Which.
        key: Key,
        /// What must hold.
        condition: Condition,
    },
    /// Moves a document within an index, and only if it stands at `from` there. Data and version stay as they are.
    Move {
        /// Which.
        key: Key,
        /// The place that was read.
        from: Place,
        /// The place to move it to, in the same index.
        to: Place,
    },
}

impl Write {
    /// The document that this step is about.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { document, .. } => &document.key,
            Self::Delete { key, .. } | Self::Check { key, .. } | Self::Move { key, .. } => key,
        }
    }
}

/// Writes and checks that apply all or not at all. No two of them are about the same document; at most 100.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Names this very commit: the same over tries of the identical commit, fresh for every other. What is tried again after it was applied is judged by its
    /// conditions, or confirmed.
    pub token: String,
    /// The steps.
    pub writes: Vec<Write>,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// All of it applied, durably.
    Applied,
    /// Nothing of it applied, because these conditions did not hold (at least one, by position).
    Refused(Vec<Refusal>),
}

/// A condition that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The position of the step in the commit.
    pub write: usize,
    /// What was found instead; `None` if the document is absent or has expired.
    pub found: Option<Stored>,
}

/// Which way a query reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest sort text first.
    Ascending,
    /// Largest sort text first.
    Descending,
}

/// A reading of one partition of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The index.
    pub index: Index,
    /// The partition.
    pub partition: String,
    /// The lower bound of the sort text.
    pub from: Bound<String>,
    /// The upper bound of the sort text.
    pub to: Bound<String>,
    /// Which way to read.
    pub order: Order,
    /// At most this many documents.
    pub limit: usize,
}

/// What a query found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The documents with the place under which each was found, in order. An index may lag behind what was just written; each document is as it was when read.
    pub items: Vec<(Place, Stored)>,
    /// Whether there may be more in the direction of reading, after the last item.
    pub more: bool,
}

/// The documents. Adapters know nothing of kinds: what a record is, it declares itself.
#[async_trait]
pub trait Store: Send + Sync {
    /// The space of a tenant that this is; `None` where it is the store that all spaces lie in.
    fn space(&self) -> Option<&Space> {
        None
    }
    /// Reads documents by key, strongly consistent, in the order of the keys. Absent and expired ones are `None`.
    ///
    /// # Errors
    /// [`PortError`] if any of them could not be read.
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError>;
    /// The same as [`Store::get`], but what is read may be as it was some moments ago, which costs some adapters less. For a plan, whose commit checks the
    /// version of everything that it was made on; what no commit checks is read with [`Store::get`].
    ///
    /// # Errors
    /// [`PortError`] if any of them could not be read.
    async fn get_lagging(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        self.get(keys).await
    }
    /// Reads a page of an index. May lag behind the latest commits, so nothing is decided by it. Skips expired documents.
    ///
    /// # Errors
    /// [`PortError`] if the index could not be read.
    async fn query(&self, query: &Query) -> Result<Page, PortError>;
    /// Applies all steps durably, or none.
    ///
    /// # Errors
    /// [`PortError::Temporary`]: whether it applied is not known (the answer may have been lost).
    async fn commit(&self, commit: Commit) -> Result<Committed, PortError>;
    /// Commits, and sends messages about what was committed once it is applied, for `not_before`; refused, nothing is sent. Where documents and messages are kept together this
    /// is one step. Elsewhere the messages may be lost with the process, so that whatever they are about stands in the due index, too.
    ///
    /// # Errors
    /// [`PortError`] of the commit. That of the sending stands beside the answer: the commit is applied.
    async fn commit_and_send(
        &self,
        commit: Commit,
        queue: &dyn Queue,
        name: QueueName,
        messages: Vec<Message>,
        not_before: Option<Timestamp>,
    ) -> Result<(Committed, Result<(), PortError>), PortError> {
        let committed = self.commit(commit).await?;
        if committed != Committed::Applied || messages.is_empty() {
            return Ok((committed, Ok(())));
        }
        Ok((committed, queue.send(name, messages, not_before).await.map_err(|error| error.cause)))
    }
}
