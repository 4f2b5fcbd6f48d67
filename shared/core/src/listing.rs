//! Lists over the partitions of an index, in pages.

use std::ops::Bound;

use futures_util::future::try_join_all;

use crate::{
    ports::{Index, Order, Place, PortError, Query, Store, Stored},
    record::partitions,
};

/// How many documents are looked at for one page when few of them fit the filter.
const BUDGET: usize = 5_000;

/// A page of a list.
#[derive(Debug)]
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
    let mut items = Vec::new();
    let mut after = cursor;
    let mut looked_at = 0;
    loop {
        let want = (limit - items.len()).clamp(1, limit);
        let (found, more) = merged(store, index, name, after.clone(), want).await?;
        looked_at += found.len();
        let Some((last, _)) = found.last() else { return Ok(Listed { items, next: None }) };
        after = Some(last.sort.clone());
        items.extend(found.into_iter().map(|(_, stored)| stored).filter(|stored| keep(stored)));
        if !more {
            return Ok(Listed { items, next: None });
        }
        if items.len() >= limit || looked_at >= BUDGET {
            return Ok(Listed { items, next: after });
        }
    }
}

/// The next `limit` documents of all partitions together.
async fn merged(
    store: &dyn Store,
    index: Index,
    name: &str,
    before: Option<String>,
    limit: usize,
) -> Result<(Vec<(Place, Stored)>, bool), PortError> {
    let queries: Vec<_> = partitions(index, name)
        .map(|partition| Query {
            index,
            partition,
            from: Bound::Unbounded,
            to: before.clone().map_or(Bound::Unbounded, Bound::Excluded),
            order: Order::Descending,
            limit,
        })
        .collect();
    let pages = try_join_all(queries.iter().map(|query| store.query(query))).await?;
    let mut more = pages.iter().any(|page| page.more);
    let mut items: Vec<_> = pages.into_iter().flat_map(|page| page.items).collect();
    items.sort_by(|(a, _), (b, _)| b.sort.cmp(&a.sort));
    more |= items.len() > limit;
    items.truncate(limit);
    Ok((items, more))
}
