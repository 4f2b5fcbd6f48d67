//! Reads a page of an index: the keys out of the index, then the documents by key.

use std::{borrow::Cow, ops::Bound};

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use sluice_core::ports::{Index, Key, Order, Page, Place, PortError, Query, Stored};

use super::{
    DynamoStore,
    item::{Item, text},
    read::Consistency,
    schema::{self, KEY},
    spread,
};
use crate::{failure::Failure, patience::Repeat};

/// The most index entries of one request: as many as the documents of one read by key.
pub(crate) const MOST_ENTRIES: usize = 100;

/// One request's worth of an index.
struct Entries {
    /// Sort text and key of each.
    found: Vec<(String, Key)>,
    /// Where to read on; `None` at the end.
    next: Option<Item>,
}

impl DynamoStore {
    /// Reads a page out of all parts of a partition.
    pub(super) async fn page(&self, query: &Query) -> Result<Page, PortError> {
        let parts: Vec<String> = spread::parts_of(query.index, &query.partition).collect();
        let pages = try_join_all(parts.iter().map(|part| self.page_of(query, part))).await?;
        let mut more = pages.iter().any(|page| page.more);
        let mut items: Vec<(Place, Stored)> = pages.into_iter().flat_map(|page| page.items).collect();
        items.sort_by(|(a, _), (b, _)| match query.order {
            Order::Ascending => a.sort.cmp(&b.sort),
            Order::Descending => b.sort.cmp(&a.sort),
        });
        more |= items.len() > query.limit;
        items.truncate(query.limit);
        Ok(Page { items, more })
    }

    async fn page_of(&self, query: &Query, part: &str) -> Result<Page, PortError> {
        let mut items: Vec<(Place, Stored)> = Vec::new();
        if is_empty(&query.from, &query.to) {
            return Ok(Page { items, more: false });
        }
        let mut next = None;
        // One more than asked for tells whether there is more.
        while items.len() <= query.limit {
            let wanted = (query.limit + 1 - items.len()).min(MOST_ENTRIES);
            let entries = Box::pin(self.entries(query, part, wanted, next.take())).await?;
            let (sorts, keys): (Vec<String>, Vec<Key>) = entries.found.into_iter().filter(|(sort, _)| within(query, sort)).unzip();
            let documents = self.read(&keys, Consistency::Strong).await?;
            let shown = sorts.into_iter().zip(documents).filter_map(|(sort, document)| {
                let place = Place { index: query.index, partition: query.partition.clone(), sort };
                // The index may still show where a document stood before.
                document.filter(|stored| stored.document.places.contains(&place)).map(|stored| (place, stored))
            });
            items.extend(shown);
            next = entries.next;
            if next.is_none() {
                break;
            }
        }
        let more = items.len() > query.limit;
        items.truncate(query.limit);
        Ok(Page { items, more })
    }

    async fn entries(&self, query: &Query, part: &str, limit: usize, from: Option<Item>) -> Result<Entries, PortError> {
        let names = schema::of(query.index);
        let read = || async {
            let (range, bounds) = range(names.sort, &query.from, &query.to);
            let call = self.client.query().table_name(&self.table).index_name(names.name);
            let call = call
                .key_condition_expression(format!("{} = :p{range}", names.partition))
                .expression_attribute_values(":p", AttributeValue::S(part.to_owned()));
            let call =
                bounds.into_iter().fold(call, |call, (name, bound)| call.expression_attribute_values(name, AttributeValue::S(bound)));
            let call = call.scan_index_forward(query.order == Order::Ascending).limit(i32::try_from(limit).unwrap_or(i32::MAX));
            let answer = call.set_exclusive_start_key(from.clone()).send().await.map_err(|error| Failure::of("DynamoDB", &error))?;
            Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
        };
        let (items, next) = self.patience.call(Repeat::Harmless, read).await.map_err(Failure::into_port_error)?;
        if let Some(meter) = &self.meter {
            meter.queried(query.index, &items);
        }
        Ok(Entries { found: items.into_iter().filter_map(|item| entry(query.index, item)).collect(), next })
    }
}

fn entry(index: Index, mut item: Item) -> Option<(String, Key)> {
    let sort = text(item.remove(schema::of(index).sort))?;
    let key = text(item.remove(KEY))?;
    let (kind, id) = key.split_once('/')?;
    Some((sort, Key { kind: Cow::Owned(kind.to_owned()), id: id.to_owned() }))
}

/// The condition on the sort key, with the values of its placeholders. A key condition knows two bounds only with both of them included; [`within`] leaves
/// out what stands at an excluded one.
fn range(sort: &str, from: &Bound<String>, to: &Bound<String>) -> (String, Vec<(&'static str, String)>) {
    use Bound::{Excluded, Included, Unbounded};
    match (from, to) {
        (Unbounded, Unbounded) => (String::new(), Vec::new()),
        (Included(from), Unbounded) => (format!(" AND {sort} >= :f"), vec![(":f", from.clone())]),
        (Excluded(from), Unbounded) => (format!(" AND {sort} > :f"), vec![(":f", from.clone())]),
        (Unbounded, Included(to)) => (format!(" AND {sort} <= :t"), vec![(":t", to.clone())]),
        (Unbounded, Excluded(to)) => (format!(" AND {sort} < :t"), vec![(":t", to.clone())]),
        (Included(from) | Excluded(from), Included(to) | Excluded(to)) => {
            (format!(" AND {sort} BETWEEN :f AND :t"), vec![(":f", from.clone()), (":t", to.clone())])
        }
    }
}

fn within(query: &Query, sort: &str) -> bool {
    let excluded = |bound: &Bound<String>| matches!(bound, Bound::Excluded(text) if text == sort);
    !excluded(&query.from) && !excluded(&query.to)
}

/// Whether nothing can lie between the bounds: the service refuses such a range, where a query simply finds nothing.
fn is_empty(from: &Bound<String>, to: &Bound<String>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
    }
}
