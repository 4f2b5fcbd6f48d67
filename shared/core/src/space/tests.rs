use std::ops::Bound;

use super::*;
use crate::{
    ports::{Clock, Condition, Order},
    record::due_place,
    testing::{ManualClock, MemoryStore, contract},
};

const NOW: i64 = 1_771_000_000;

fn memory() -> (Arc<ManualClock>, Arc<dyn Store>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW)));
    let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as Arc<dyn Clock>));
    (clock, store)
}

fn space(store: &Arc<dyn Store>, tenant: &str) -> Arc<dyn Store> {
    Arc::new(Space::over(Arc::clone(store), tenant))
}

#[tokio::test]
async fn a_space_keeps_the_contract() {
    contract::store::all(async |case| {
        let (clock, store) = memory();
        contract::store::StoreCase::new(space(&store, "acme"), clock, case)
    })
    .await;
}

/// Two spaces, and what lies in none, on one store and under the same names.
#[tokio::test]
async fn spaces_keep_the_contract_beside_each_other() {
    contract::store::all(async |case| {
        let (clock, store) = memory();
        for other in [space(&store, "acme.2"), space(&store, "a"), Arc::clone(&store)] {
            for id in ["a", "b", "c", "1", "2"] {
                let key = Key::new("contract", format!("{case}:{id}"));
                let indexes = [Index::List, Index::Group, Index::Flag, Index::Due];
                let place = |index| Place { index, partition: format!("{case}:list"), sort: id.to_owned() };
                let places = indexes.into_iter().map(place).collect();
                let document = Document { key, data: b"{}".to_vec(), blob: None, places, expires_at: None };
                put(&*other, document).await;
            }
        }
        contract::store::StoreCase::new(space(&store, "acme"), clock, case)
    })
    .await;
}

async fn put(store: &dyn Store, document: Document) {
    let write = Write::Put { document, condition: Condition::Absent };
    let commit = Commit { token: "one".to_owned(), writes: vec![write] };
    assert_eq!(store.commit(commit).await.expect("it answers"), Committed::Applied);
}

fn document(kind: &'static str, id: &str, data: &str) -> Document {
    let key = Key::new(kind, id);
    let list = Place { index: Index::List, partition: kind.to_owned(), sort: format!("1/{id}") };
    let group = Place { index: Index::Group, partition: format!("{kind}/tenant/x"), sort: format!("1/{id}") };
    let due = due_place(&key, Timestamp::from_seconds(NOW));
    Document { key, data: data.as_bytes().to_vec(), blob: None, places: vec![list, group, due], expires_at: None }
}

fn list(index: Index, partition: &str) -> Query {
    let partition = partition.to_owned();
    Query { index, partition, from: Bound::Unbounded, to: Bound::Unbounded, order: Order::Ascending, limit: 10 }
}

#[tokio::test]
async fn spaces_and_what_lies_in_none_do_not_see_each_other() {
    let (_, store) = memory();
    let all = [Arc::clone(&store), space(&store, "a"), space(&store, "a.b")];
    // Also where an id, which providers may choose, looks like a mark.
    for id in ["1", "~a", "~a/1", "1~a", "a~b"] {
        for (number, here) in all.iter().enumerate() {
            assert_eq!(here.get(&[Key::new("booking", id)]).await.expect("it answers"), [None], "{number} {id}");
            put(&**here, document("booking", id, &format!("{{\"of\":{number}}}"))).await;
        }
    }
    for (number, here) in all.iter().enumerate() {
        let data = format!("{{\"of\":{number}}}");
        let found = here.get(&[Key::new("booking", "~a")]).await.expect("it answers").pop().flatten().expect("is there");
        assert_eq!(*found.document, document("booking", "~a", &data));
        for (index, name) in [(Index::List, "booking"), (Index::Group, "booking/tenant/x")] {
            let page = here.query(&list(index, name)).await.expect("it answers");
            assert_eq!(page.items.len(), 5, "{number} {name}");
            assert!(page.items.iter().all(|(place, stored)| place.partition == name && stored.document.data == data.as_bytes()));
        }
    }
}

#[tokio::test]
async fn what_is_the_gateways_is_the_same_in_every_space() {
    let (_, store) = memory();
    let (one, other) = (space(&store, "a"), space(&store, "b"));
    put(&*one, document("event", "in_1", "{}")).await;
    let there = [Arc::clone(&store), one, other];
    for here in &there {
        let found = here.get(&[Key::new("event", "in_1")]).await.expect("it answers").pop().flatten().expect("is there");
        assert_eq!(*found.document, document("event", "in_1", "{}"));
        assert_eq!(here.query(&list(Index::List, "event")).await.expect("it answers").items.len(), 1);
    }
}

#[tokio::test]
async fn what_waits_for_a_time_says_where_it_comes_from() {
    let (_, store) = memory();
    put(&*space(&store, "acme"), document("booking", "1", "{}")).await;
    put(&*store, document("booking", "1", "{}")).await;
    let page = store.query(&list(Index::Due, DUE)).await.expect("it answers");
    let found: Vec<_> = page.items.into_iter().map(|(_, stored)| Space::apart(stored.document.key.clone())).collect();
    let booking = Key::new("booking", "1");
    assert_eq!(found, [(None, booking.clone()), (Some("acme".to_owned()), booking)]);
    assert!(matches!(space(&store, "acme").query(&list(Index::Due, DUE)).await, Err(PortError::Permanent(_))));
}

/// A record that stood in a list of the gateway's would be found from everywhere.
#[tokio::test]
async fn nothing_stands_in_a_list_that_lies_elsewhere() {
    let (_, store) = memory();
    let here = space(&store, "acme");
    for (kind, list) in [("booking", "event/parked"), ("event", "booking"), ("booking", "match/acme/*")] {
        let mut document = document(kind, "1", "{}");
        document.places = vec![Place { index: Index::Flag, partition: list.to_owned(), sort: "1".to_owned() }];
        let write = Write::Put { document, condition: Condition::Absent };
        let commit = Commit { token: "one".to_owned(), writes: vec![write] };
        assert!(matches!(here.commit(commit).await, Err(PortError::Permanent(_))), "{kind} in {list}");
    }
}

#[tokio::test]
async fn one_space_leads_to_another_over_the_outside() {
    let (_, store) = memory();
    assert!(Space::elsewhere(&store, None).is_none());
    let acme = Space::elsewhere(&store, Some("acme")).expect("is elsewhere");
    assert!(Space::elsewhere(&acme, Some("acme")).is_none());
    let other = Space::elsewhere(&acme, Some("other")).expect("is elsewhere");
    assert_eq!(other.space().map(Space::tenant), Some("other"));
    let outside = Space::elsewhere(&other, None).expect("is elsewhere");
    assert!(outside.space().is_none());
}
