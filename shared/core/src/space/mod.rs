//! Spaces: what the sources of a tenant tell lies apart from everything else.
//!
//! Whoever holds the secret of a source can sign anything: name anybody's booking, number or payment intent, in any order, before these are put or after. So
//! what a tenant's source tells is planned, committed and told of on a store in which there is nothing but that tenant's: [`Space`] puts a mark of the tenant
//! into the names of records on the way in, and takes it out on the way back. Rules know nothing of it, and can reach nothing outside.

mod belongs;

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;

pub use self::belongs::{Belongs, KINDS, is_decided};
use crate::{
    ids::record_id,
    ports::{
        Commit, Committed, Document, Index, Key, Message, Page, Place, PortError, Query, Queue, QueueName, Refusal, Store, Stored, Write,
    },
    record::DUE,
    time::Timestamp,
};

/// Stands before the tenant in a mark. Neither a kind nor a tenant's id has it.
const MARK: char = '~';

/// The records of one tenant, and the gateway's own documents as they are.
pub struct Space {
    outside: Arc<dyn Store>,
    tenant: String,
    mark: String,
}

impl Space {
    /// The space of a tenant over `outside`, which is no space itself.
    ///
    /// # Panics
    /// In debug builds, if that can't be a tenant's id: all that come from outside are checked there.
    #[must_use]
    pub fn over(outside: Arc<dyn Store>, tenant: &str) -> Self {
        debug_assert!(record_id(tenant).is_ok() && outside.space().is_none(), "{tenant}");
        Self { outside, tenant: tenant.to_owned(), mark: format!("{MARK}{tenant}") }
    }

    /// Whose space it is.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The store in which all spaces lie; what is read there is what belongs to none.
    #[must_use]
    pub fn outside(&self) -> &Arc<dyn Store> {
        &self.outside
    }

    /// The same store in the space of `tenant`, or outside of all; `None` if it is that already.
    #[must_use]
    pub fn elsewhere(store: &Arc<dyn Store>, tenant: Option<&str>) -> Option<Arc<dyn Store>> {
        let here = store.space();
        if here.map(Self::tenant) == tenant {
            return None;
        }
        let outside = Arc::clone(here.map_or(store, Self::outside));
        Some(match tenant {
            Some(tenant) => Arc::new(Self::over(outside, tenant)),
            None => outside,
        })
    }

    /// The key of a document as it is named in its space, and whose that is.
    #[must_use]
    pub fn apart(key: Key) -> (Option<String>, Key) {
        match key.kind.split_once(MARK) {
            Some((kind, tenant)) => (Some(tenant.to_owned()), Key { kind: Cow::Owned(kind.to_owned()), id: key.id }),
            None => (None, key),
        }
    }

    /// A name that begins with a kind, with the mark behind that.
    fn marked(&self, name: &str) -> String {
        let (kind, rest) = name.split_at(name.find('/').unwrap_or(name.len()));
        format!("{kind}{}{rest}", self.mark)
    }

    /// The name without the mark; `None` if it does not have it.
    fn unmarked(&self, name: &str) -> Option<String> {
        let (kind, rest) = name.split_at(name.find('/').unwrap_or(name.len()));
        kind.strip_suffix(&self.mark).map(|kind| format!("{kind}{rest}"))
    }

    fn key(&self, key: Key) -> Key {
        match belongs::of(&key.kind) {
            Belongs::ToTheGateway => key,
            Belongs::ToASpace => Key { kind: Cow::Owned(format!("{}{}", key.kind, self.mark)), id: key.id },
        }
    }

    /// A place of a document of `kind` as it is outside.
    fn place(&self, kind: &str, place: Place) -> Result<Place, PortError> {
        let belongs = belongs::of(kind);
        if is_due(place.index, &place.partition) {
            // One list for all spaces: the sweeper goes through it, and what stands in it says where it comes from.
            return Ok(match (belongs, place.sort.split_once('/')) {
                (Belongs::ToASpace, Some((at, of))) => Place { sort: format!("{at}/{}", self.marked(of)), ..place },
                _ => place,
            });
        }
        if belongs::of_list(first(&place.partition)) != belongs {
            return Err(PortError::Permanent(format!("a {kind} can't stand in the list {}: they lie apart", place.partition)));
        }
        Ok(match belongs {
            Belongs::ToTheGateway => place,
            Belongs::ToASpace => Place { partition: self.marked(&place.partition), ..place },
        })
    }

    fn document(&self, document: Document) -> Result<Document, PortError> {
        let places = document.places.into_iter().map(|place| self.place(&document.key.kind, place)).collect::<Result<_, _>>()?;
        Ok(Document { key: self.key(document.key), places, ..document })
    }

    fn write(&self, write: Write) -> Result<Write, PortError> {
        Ok(match write {
            Write::Put { document, condition } => Write::Put { document: self.document(document)?, condition },
            Write::Delete { key, condition } => Write::Delete { key: self.key(key), condition },
            Write::Check { key, condition } => Write::Check { key: self.key(key), condition },
            Write::Move { key, from, to } => {
                let (from, to) = (self.place(&key.kind, from)?, self.place(&key.kind, to)?);
                Write::Move { key: self.key(key), from, to }
            }
        })
    }

    fn commit_outside(&self, commit: Commit) -> Result<Commit, PortError> {
        let writes = commit.writes.into_iter().map(|write| self.write(write)).collect::<Result<_, _>>()?;
        Ok(Commit { token: commit.token, writes })
    }

    /// What came of a commit, as it is named in here.
    fn committed(&self, committed: Committed) -> Committed {
        match committed {
            Committed::Applied => Committed::Applied,
            Committed::Refused(refusals) => {
                let refusal = |refusal: Refusal| Refusal { found: refusal.found.map(|found| self.stored(found)), ..refusal };
                Committed::Refused(refusals.into_iter().map(refusal).collect())
            }
        }
    }

    /// A document that was read outside, as it is named in here.
    fn stored(&self, stored: Stored) -> Stored {
        let Some(kind) = stored.document.key.kind.strip_suffix(self.mark.as_str()).map(str::to_owned) else { return stored };
        let mut document = Arc::unwrap_or_clone(stored.document);
        document.key.kind = Cow::Owned(kind);
        for place in &mut document.places {
            if is_due(place.index, &place.partition) {
                let unmarked = place.sort.split_once('/').and_then(|(at, of)| Some(format!("{at}/{}", self.unmarked(of)?)));
                place.sort = unmarked.unwrap_or_else(|| std::mem::take(&mut place.sort));
            } else if let Some(partition) = self.unmarked(&place.partition) {
                place.partition = partition;
            }
        }
        Stored { document: Arc::new(document), version: stored.version }
    }

    fn all_stored(&self, found: Vec<Option<Stored>>) -> Vec<Option<Stored>> {
        found.into_iter().map(|found| found.map(|stored| self.stored(stored))).collect()
    }

    fn keys(&self, keys: &[Key]) -> Vec<Key> {
        keys.iter().map(|key| self.key(key.clone())).collect()
    }
}

/// The part of a name before its first slash.
fn first(name: &str) -> &str {
    name.split_once('/').map_or(name, |(first, _)| first)
}

fn is_due(index: Index, partition: &str) -> bool {
    index == Index::Due && partition == DUE
}

#[async_trait]
impl Store for Space {
    fn space(&self) -> Option<&Space> {
        Some(self)
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        Ok(self.all_stored(self.outside.get(&self.keys(keys)).await?))
    }

    async fn get_lagging(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        Ok(self.all_stored(self.outside.get_lagging(&self.keys(keys)).await?))
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        if is_due(query.index, &query.partition) {
            return Err(PortError::Permanent("what waits for a time is looked for in all spaces at once, and not in one".to_owned()));
        }
        if belongs::of_list(first(&query.partition)) == Belongs::ToTheGateway {
            return self.outside.query(query).await;
        }
        let outside = Query { partition: self.marked(&query.partition), ..query.clone() };
        let Page { items, more } = self.outside.query(&outside).await?;
        let inside = |(place, stored)| (Place { partition: query.partition.clone(), ..place }, self.stored(stored));
        Ok(Page { items: items.into_iter().map(inside).collect(), more })
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, PortError> {
        Ok(self.committed(self.outside.commit(self.commit_outside(commit)?).await?))
    }

    async fn commit_and_send(
        &self,
        commit: Commit,
        queue: &dyn Queue,
        name: QueueName,
        messages: Vec<Message>,
        not_before: Option<Timestamp>,
    ) -> Result<(Committed, Result<(), PortError>), PortError> {
        let commit = self.commit_outside(commit)?;
        let (committed, sent) = self.outside.commit_and_send(commit, queue, name, messages, not_before).await?;
        Ok((self.committed(committed), sent))
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests;
