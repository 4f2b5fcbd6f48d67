//! Documents that expire.

use std::time::Duration;

use super::{StoreCase, put, refused};
use crate::{
    ports::{Clock, Committed, Condition, Document, Index, Query, Write},
    time::Timestamp,
};

const HOUR: Duration = Duration::from_secs(3600);

fn in_an_hour(case: &StoreCase) -> Timestamp {
    case.clock.now() + HOUR
}

fn ending(case: &StoreCase, id: &str, end: Timestamp) -> Document {
    Document { expires_at: Some(end), ..case.listed(id) }
}

/// A document is there up to the last millisecond before its end, and absent from then on.
pub async fn an_expired_document_is_absent(case: &StoreCase) {
    let end = in_an_hour(case);
    let stored = case.put_new(ending(case, "a", end)).await;
    case.clock.set(end - Duration::from_millis(1));
    assert_eq!(case.get(&case.key("a")).await, Some(stored));
    case.clock.set(end);
    assert_eq!(case.get(&case.key("a")).await, None);
}

/// Conditions see an expired document as absent; what is put over it begins with version 1.
pub async fn an_expired_document_counts_as_absent_in_conditions(case: &StoreCase) {
    let end = in_an_hour(case);
    for id in ["a", "b", "c", "d"] {
        case.put_new(ending(case, id, end)).await;
    }
    let a_again = case.put(ending(case, "a", end + HOUR), Condition::Version(1)).await;
    assert_eq!(a_again, Committed::Applied, "prolonged");
    case.clock.set(end);

    assert_eq!(case.put(case.document("b", "x"), Condition::Version(1)).await, refused(None));
    let check = Write::Check { key: case.key("b"), condition: Condition::Absent };
    let delete = Write::Delete { key: case.key("c"), condition: Condition::Absent };
    let steps = vec![check, delete, put(case.document("d", "new"), Condition::Absent)];
    assert_eq!(case.commit(steps).await, Committed::Applied);
    let found = case.get(&case.key("d")).await.expect("just put");
    assert_eq!((found.version, &*found.document), (1, &case.document("d", "new")));

    let place = case.place(Index::List, "list", "b");
    let shift = Write::Move { key: case.key("b"), from: place.clone(), to: place };
    assert_eq!(case.commit(vec![shift]).await, refused(None));
    assert_eq!(case.get(&case.key("a")).await.map(|stored| stored.version), Some(2));
}

/// A query passes over expired documents without counting them, and the place of one that was put again is the new one.
pub async fn an_expired_document_is_in_no_page(case: &StoreCase) {
    let end = in_an_hour(case);
    for id in ["a", "b", "c"] {
        case.put_new(ending(case, id, end)).await;
    }
    case.put_new(case.listed("d")).await;
    case.assert_found(&case.list(), &["a", "b", "c", "d"]).await;
    case.clock.set(end);
    let first = Query { limit: 1, ..case.list() };
    let page = case.assert_found(&first, &["d"]).await;
    assert!(!page.more);

    let mut again = case.listed("b");
    again.places[0].sort = "e".to_owned();
    case.put_new(again).await;
    case.assert_found(&case.list(), &["d", "e"]).await;
}

/// The end is that of the last put, `None` included.
pub async fn a_later_end_keeps_a_document(case: &StoreCase) {
    let end = in_an_hour(case);
    case.put_new(ending(case, "a", end)).await;
    case.put_new(ending(case, "b", end)).await;
    case.put(ending(case, "a", end + HOUR), Condition::Version(1)).await;
    case.put(case.listed("b"), Condition::Version(1)).await;
    case.clock.set(end);
    case.assert_found(&case.list(), &["a", "b"]).await;
    case.clock.set(end + HOUR);
    case.assert_found(&case.list(), &["b"]).await;
    assert_eq!(case.get(&case.key("b")).await.map(|stored| stored.version), Some(2));
}
