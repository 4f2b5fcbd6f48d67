//! Moves within an index.

use std::sync::Arc;

use super::{StoreCase, put, refused};
use crate::ports::{Committed, Condition, Document, Index, Place, Refusal, Stored, Write};

fn due(case: &StoreCase, sort: &str) -> Place {
    case.place(Index::Due, "due", sort)
}

fn waiting(case: &StoreCase, id: &str, sort: &str) -> Document {
    // In the order of the indexes: an adapter need not keep any other.
    Document { places: vec![case.place(Index::List, "list", id), due(case, sort)], blob: Some(vec![1, 2, 3]), ..case.document(id, id) }
}

fn shift(case: &StoreCase, id: &str, from: &str, to: &str) -> Write {
    Write::Move { key: case.key(id), from: due(case, from), to: due(case, to) }
}

/// A move changes one place, and neither version nor data; the next put may still name the version that was read.
pub async fn a_move_keeps_version_data_and_other_places(case: &StoreCase) {
    let mut stored = case.put_new(waiting(case, "a", "1")).await;
    assert_eq!(case.commit(vec![shift(case, "a", "1", "2")]).await, Committed::Applied);
    Arc::make_mut(&mut stored.document).places[1] = due(case, "2");
    case.assert_found(&case.query(Index::Due, "due"), &["2"]).await;
    case.assert_found(&case.list(), &["a"]).await;
    assert_eq!(case.get(&case.key("a")).await, Some(stored));

    let mut last = case.document("a", "last");
    last.places = Vec::new();
    assert_eq!(case.put(last, Condition::Version(1)).await, Committed::Applied);
    case.assert_found(&case.query(Index::Due, "due"), &[]).await;
}

/// A move is refused where the document stands elsewhere in the index, does not stand in it, or is absent.
pub async fn a_move_from_another_place_is_refused(case: &StoreCase) {
    let stored = case.put_new(waiting(case, "a", "1")).await;
    let placeless = case.put_new(case.document("b", "b")).await;
    let other_partition = Write::Move { key: case.key("a"), from: case.place(Index::Due, "elsewhere", "1"), to: due(case, "2") };
    for (step, found) in [
        (shift(case, "a", "0", "2"), Some(stored.clone())),
        (other_partition, Some(stored.clone())),
        (shift(case, "b", "1", "2"), Some(placeless)),
        (shift(case, "none", "1", "2"), None),
    ] {
        assert_eq!(case.commit(vec![step]).await, refused(found));
    }
    assert_eq!(case.get(&case.key("a")).await, Some(stored));
    case.assert_found(&case.query(Index::Due, "due"), &["1"]).await;
}

/// A move applies with the rest of its commit or not at all.
pub async fn moves_belong_to_the_commit(case: &StoreCase) {
    let a = case.put_new(waiting(case, "a", "1")).await;
    let b = case.put_new(waiting(case, "b", "2")).await;
    let together = |version| {
        vec![shift(case, "a", "1", "3"), put(case.document("b", "changed"), Condition::Version(version)), shift(case, "none", "1", "2")]
    };
    let refusals = |found: Vec<(usize, Option<Stored>)>| {
        Committed::Refused(found.into_iter().map(|(write, found)| Refusal { write, found }).collect())
    };
    assert_eq!(case.commit(together(9)).await, refusals(vec![(1, Some(b)), (2, None)]));
    assert_eq!(case.get(&case.key("a")).await, Some(a));
    assert_eq!(case.commit(together(1)).await, refusals(vec![(2, None)]));
    case.assert_found(&case.query(Index::Due, "due"), &["1", "2"]).await;

    let mut writes = together(1);
    writes.truncate(2);
    assert_eq!(case.commit(writes).await, Committed::Applied);
    case.assert_found(&case.query(Index::Due, "due"), &["3"]).await;
}
