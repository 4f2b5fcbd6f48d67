//! Lists in pages: along an index, or of records that are known by key.

use std::{cmp::Reverse, ops::Bound};

use crate::ports::{Index, Key, Order, Page, PortError, Query, Store, Stored};

/// How many documents are looked at for one page when few of them fit the filter: as many as the largest page has, so that no page takes longer than that one.
const BUDGET: usize = 1_000;
/// The most documents that are read together beyond what is asked for.
const MOST_AT_ONCE: usize = 250;

/// A page of a list.
#[derive(Debug, Default)]
pub struct Listed {
    /// The documents, newest first.
    pub items: Vec<Stored>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// Reads a page of the list `name`, newest first, of those that `keep` keeps. With a filter that few fit, a page may be short and still
/// have a next one.
///
/// # Errors
/// [`PortError`] if the index can't be read.
pub async fn list(
    store: &dyn Store,
    index: Index,
    name: &str,
    cursor: Option<String>,
    limit: usize,
    keep: impl Fn(&Stored) -> bool,
) -> Result<Listed, PortError> {
    let mut listed = Listed { items: Vec::new(), next: cursor };
    let mut looked_at = 0;
    // As many as are wanted, and more with every time that too few of them fitted.
    let mut want = limit;
    loop {
        let query = Query {
            index,
            partition: name.to_owned(),
            from: Bound::Unbounded,
            to: listed.next.take().map_or(Bound::Unbounded, Bound::Excluded),
            order: Order::Descending,
            limit: want.clamp(1, BUDGET - looked_at),
        };
        let Page { items: found, more } = store.query(&query).await?;
        looked_at += found.len();
        let mut found = found.into_iter();
        for (place, stored) in found.by_ref() {
            listed.next = Some(place.sort);
            if keep(&stored) {
                listed.items.push(stored);
            }
            if listed.items.len() >= limit {
                break;
            }
        }
        if !more && found.next().is_none() {
            listed.next = None;
        }
        if listed.next.is_none() || listed.items.len() >= limit || looked_at >= BUDGET {
            return Ok(listed);
        }
        want = limit.max((want * 2).min(MOST_AT_ONCE));
    }
}

/// Reads a page of the documents `keys`, in the order in which the list of their kind shows them, of those that `keep` keeps.
///
/// # Errors
/// [`PortError`] if one of them can't be read.
pub async fn of_keys(
    store: &dyn Store,
    keys: &[Key],
    cursor: Option<String>,
    limit: usize,
    keep: impl Fn(&Stored) -> bool,
) -> Result<Listed, PortError> {
    let found = store.get(keys).await?.into_iter().flatten().filter_map(|stored| Some((sort_of(&stored)?.to_owned(), stored)));
    let mut found: Vec<_> = found.filter(|(sort, stored)| cursor.as_ref().is_none_or(|cursor| sort < cursor) && keep(stored)).collect();
    found.sort_by_cached_key(|(sort, _)| Reverse(sort.clone()));
    let next = if found.len() > limit { found.get(limit.saturating_sub(1)).map(|(sort, _)| sort.clone()) } else { None };
    Ok(Listed { items: found.into_iter().take(limit).map(|(_, stored)| stored).collect(), next })
}

/// Where a document stands in the list of its kind.
pub(crate) fn sort_of(stored: &Stored) -> Option<&str> {
    stored.document.places.iter().find(|place| place.index == Index::List).map(|place| &*place.sort)
}
