//! Indexes: places and pages.

use std::ops::Bound::{Excluded, Included, Unbounded};

use super::{StoreCase, put, sorts_of};
use crate::ports::{Committed, Condition, Document, Index, Order, Place, Query, Write};

async fn put_listed(case: &StoreCase, ids: &[&str]) {
    let writes = ids.iter().map(|id| put(case.listed(id), Condition::Absent)).collect();
    assert_eq!(case.commit(writes).await, Committed::Applied);
}

/// Bounds are inclusive or exclusive as asked, and both orders find the same.
pub async fn a_range_is_read_in_both_orders(case: &StoreCase) {
    put_listed(case, &["c", "a", "e", "b", "d"]).await;
    let ranges = [
        (Unbounded, Unbounded, "abcde"),
        (Included("b"), Included("d"), "bcd"),
        (Excluded("b"), Excluded("d"), "c"),
        (Excluded("b"), Unbounded, "cde"),
        (Unbounded, Included("bb"), "ab"),
        (Included("f"), Unbounded, ""),
        (Included("d"), Included("b"), ""),
        (Excluded("c"), Excluded("c"), ""),
        (Included("c"), Included("c"), "c"),
    ];
    for (from, to, expected) in ranges {
        let mut sorts: Vec<String> = expected.chars().map(String::from).collect();
        for order in [Order::Ascending, Order::Descending] {
            let query = Query { from: from.map(str::to_owned), to: to.map(str::to_owned), order, ..case.list() };
            let expected: Vec<&str> = sorts.iter().map(String::as_str).collect();
            let page = case.assert_found(&query, &expected).await;
            assert!(!page.more, "{query:?}");
            sorts.reverse();
        }
    }
}

/// A page holds no more than its limit, as much as there is, and says if that was not all.
pub async fn a_limited_page_says_whether_there_is_more(case: &StoreCase) {
    put_listed(case, &["a", "b", "c"]).await;
    case.assert_found(&case.list(), &["a", "b", "c"]).await;
    let limited = |limit, order| Query { limit, order, ..case.list() };
    let page = case.assert_found(&limited(2, Order::Ascending), &["a", "b"]).await;
    assert!(page.more);
    let page = case.assert_found(&limited(2, Order::Descending), &["c", "b"]).await;
    assert!(page.more);
    let page = case.assert_found(&limited(4, Order::Ascending), &["a", "b", "c"]).await;
    assert!(!page.more);
}

/// Reading on after the last sort text of each page meets every document once, also while documents come and go.
pub async fn a_cursor_walks_through_everything_once(case: &StoreCase) {
    let ids: Vec<String> = (0..25).map(|n| format!("{n:02}")).collect();
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    put_listed(case, &all).await;
    case.assert_found(&case.list(), &all).await;
    for order in [Order::Ascending, Order::Descending] {
        let mut query = Query { limit: 10, order, ..case.list() };
        let mut met: Vec<String> = Vec::new();
        loop {
            let page = case.store.query(&query).await.expect("the store answers");
            met.extend(sorts_of(&page).into_iter().map(str::to_owned));
            if !page.more {
                break;
            }
            let last = Excluded(met.last().expect("a page with more to come is not empty").clone());
            match order {
                Order::Ascending => query.from = last,
                Order::Descending => query.to = last,
            }
        }
        if order == Order::Descending {
            met.reverse();
        }
        assert_eq!(met, ids);
    }
}

/// A put takes the document out of the places that it no longer names.
pub async fn a_put_replaces_the_places(case: &StoreCase) {
    let at = |places: Vec<Place>| Document { places, ..case.document("a", "x") };
    let list = |sort| case.place(Index::List, "list", sort);
    let due = |partition| case.place(Index::Due, partition, "a");
    let versions =
        [at(vec![list("1"), due("p")]), at(vec![list("2"), due("q")]), at(vec![list("2")]), at(vec![due("p"), list("3")]), at(Vec::new())];
    let expected: [(&[&str], &[&str], &[&str]); 5] =
        [(&["1"], &["a"], &[]), (&["2"], &[], &["a"]), (&["2"], &[], &[]), (&["3"], &["a"], &[]), (&[], &[], &[])];
    for (version, (document, (listed, p, q))) in (0..).zip(versions.into_iter().zip(expected)) {
        let condition = if version == 0 { Condition::Absent } else { Condition::Version(version) };
        assert_eq!(case.put(document, condition).await, Committed::Applied);
        case.assert_found(&case.list(), listed).await;
        case.assert_found(&case.query(Index::Due, "p"), p).await;
        case.assert_found(&case.query(Index::Due, "q"), q).await;
    }
}

/// A deleted document is in no page.
pub async fn a_deleted_document_has_no_place(case: &StoreCase) {
    put_listed(case, &["a", "b"]).await;
    case.assert_found(&case.list(), &["a", "b"]).await;
    let delete = Write::Delete { key: case.key("a"), condition: Condition::Version(1) };
    assert_eq!(case.commit(vec![delete]).await, Committed::Applied);
    case.assert_found(&case.list(), &["b"]).await;
}

/// A query sees its own partition of its own index only, whose name is not the beginning of another's.
pub async fn partitions_and_indexes_are_apart(case: &StoreCase) {
    let places = [
        ("a", Index::List, "x"),
        ("b", Index::List, "xy"),
        ("c", Index::Group, "x"),
        ("d", Index::Group2, "x"),
        ("e", Index::Group3, "x"),
        ("f", Index::Flag, "x"),
        ("g", Index::Due, "x"),
    ];
    for (id, index, partition) in places {
        let mut document = case.document(id, id);
        document.places = vec![case.place(index, partition, id)];
        case.put_new(document).await;
    }
    for (id, index, partition) in places {
        case.assert_found(&case.query(index, partition), &[id]).await;
    }
    case.assert_found(&case.query(Index::Due, "xy"), &[]).await;
}

/// A document stands in every index at once, and leaves one for another without a trace in the first.
pub async fn a_document_stands_in_every_index(case: &StoreCase) {
    let every = |sort: &str| {
        let indexes = [Index::List, Index::Group, Index::Group2, Index::Group3, Index::Flag, Index::Due];
        indexes.map(|index| case.place(index, "p", sort)).to_vec()
    };
    let stored = case.put_new(Document { places: every("1"), ..case.document("a", "a") }).await;
    for place in &stored.document.places {
        let page = case.assert_found(&case.query(place.index, "p"), &["1"]).await;
        assert_eq!(page.items, [(place.clone(), stored.clone())]);
    }
    let moved = Document { places: every("2").split_off(1), ..case.document("a", "b") };
    assert_eq!(case.commit(vec![Write::Put { document: moved, condition: Condition::Version(1) }]).await, Committed::Applied);
    case.assert_found(&case.query(Index::List, "p"), &[]).await;
    for place in every("2").split_off(1) {
        case.assert_found(&case.query(place.index, "p"), &["2"]).await;
    }
}

/// A page carries the documents whole: data, blob, all places, end and version, beside the place that was read.
pub async fn a_page_shows_whole_documents(case: &StoreCase) {
    let mut document = case.listed("a");
    document.blob = Some(vec![0, 159, 146, 150]);
    document.places.push(case.place(Index::Group, "group", "1"));
    document.expires_at = Some(crate::time::Timestamp::MAX);
    let stored = case.put_new(document).await;
    for (query, place) in [(case.list(), &stored.document.places[0]), (case.query(Index::Group, "group"), &stored.document.places[1])] {
        let page = case.assert_found(&query, &[place.sort.as_str()]).await;
        assert_eq!(page.items, [(place.clone(), stored.clone())]);
    }
}
