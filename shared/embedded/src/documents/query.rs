use std::{borrow::Cow, ops::Bound};

use rusqlite::{Connection, ToSql};
use sluice_core::{
    ports::{Key, Order, Page, Place, Query, Stored},
    time::Timestamp,
};

use super::row;
use crate::failure::Failure;

/// Reads a page of an index.
pub(super) fn page(connection: &Connection, query: &Query, now: Timestamp) -> Result<Page, Failure> {
    // One more than asked for tells whether there is more.
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX - 1) + 1;
    let index = row::index_number(query.index);
    let now = now.millis();
    let mut values: Vec<&dyn ToSql> = vec![&index, &query.partition, &now, &limit];
    values.extend(text_of(&query.from).map(|text| text as &dyn ToSql));
    values.extend(text_of(&query.to).map(|text| text as &dyn ToSql));

    let mut statement = connection.prepare_cached(&sql(query))?;
    let mut rows = statement.query(&*values)?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        if items.len() == query.limit {
            return Ok(Page { items, more: true });
        }
        items.push(item(row, query)?);
    }
    Ok(Page { items, more: false })
}

fn item(row: &rusqlite::Row<'_>, query: &Query) -> Result<(Place, Stored), Failure> {
    let place = Place { index: query.index, partition: query.partition.clone(), sort: row.get(0)? };
    let key = Key { kind: Cow::Owned(row.get(1)?), id: row.get(2)? };
    Ok((place, row::stored(row, 3, key)?))
}

fn text_of(bound: &Bound<String>) -> Option<&String> {
    match bound {
        Bound::Included(text) | Bound::Excluded(text) => Some(text),
        Bound::Unbounded => None,
    }
}

/// The statement for this shape of query: each has a bound of its own kind, so that SQLite seeks in the index and reads no row too many.
fn sql(query: &Query) -> String {
    let mut bounds = String::new();
    let mut parameter = 5;
    for (bound, inclusive, exclusive) in [(&query.from, ">=", ">"), (&query.to, "<=", "<")] {
        let operator = match bound {
            Bound::Included(_) => inclusive,
            Bound::Excluded(_) => exclusive,
            Bound::Unbounded => continue,
        };
        bounds.push_str(&format!(" AND p.sort {operator} ?{parameter}"));
        parameter += 1;
    }
    let order = match query.order {
        Order::Ascending => "ASC",
        Order::Descending => "DESC",
    };
    let columns = row::COLUMNS;
    format!(
        "SELECT p.sort, d.kind, d.id, {columns} FROM places p CROSS JOIN documents d ON d.doc = p.doc
         WHERE p.place_index = ?1 AND p.place_partition = ?2{bounds} AND (d.expires_at IS NULL OR d.expires_at > ?3)
         ORDER BY p.sort {order} LIMIT ?4"
    )
}
