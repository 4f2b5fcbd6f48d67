use std::{
    ops::Bound,
    sync::{Arc, Mutex},
};

use sluice_aws::{
    DynamoStore,
    capacity::{CapacityObserver, Meter, MeteredStore, Operation, Units, Used},
};
use sluice_core::{
    ports::{Clock, Commit, Committed, Condition, Document, Index, Key, Order, Place, PortError, Query, Store, Write},
    testing::{
        ManualClock, MemoryStore,
        contract::store::{self, StoreCase},
    },
    time::Timestamp,
};
use sluice_system::SystemClock;

use crate::home::Home;

struct Table {
    home: Home,
    name: String,
    clock: Arc<ManualClock>,
}

impl Table {
    async fn new(what: &str) -> Self {
        let (home, name) = (Home::new().await, Home::name(what));
        home.create_table(&name).await;
        // Before the present: what expires in these tests must not be old enough for the service to remove it under them.
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        Self { home, name, clock }
    }

    fn store(&self) -> DynamoStore {
        DynamoStore::new(self.home.clients.dynamo(), &self.name, Arc::clone(&self.clock) as Arc<dyn Clock>, Home::patience())
    }

    async fn delete(self) {
        self.home.delete_table(&self.name).await;
    }
}

fn document(id: &str) -> Document {
    Document { key: Key::new("test", id), data: b"{}".to_vec(), blob: None, places: Vec::new(), expires_at: None }
}

fn put(document: Document) -> Write {
    Write::Put { document, condition: Condition::Absent }
}

fn commit(token: &str, writes: Vec<Write>) -> Commit {
    Commit { token: token.to_owned(), writes }
}

/// The emulator answers one transaction after the other, so none is ever in conflict here: what is made of `TransactionConflict` is tested with made-up answers.
#[tokio::test(flavor = "multi_thread")]
async fn the_store_keeps_its_contract() {
    let table = Table::new("store").await;
    store::all(async |case| {
        // Whole seconds, so that cases that step to the millisecond mean what they say.
        table.clock.set(Timestamp::from_seconds(SystemClock.now().seconds()));
        StoreCase::new(Arc::new(table.store()), Arc::clone(&table.clock), case).with_lagging_indexes(Arc::new(SystemClock))
    })
    .await;
    table.delete().await;
}

#[tokio::test]
async fn a_repeated_transaction_applies_once_and_is_confirmed_again() {
    let table = Table::new("token").await;
    let store = table.store();
    let commit = commit("one", vec![put(document("a")), put(document("b"))]);
    for _ in 0..2 {
        assert_eq!(store.commit(commit.clone()).await.expect("the store answers"), Committed::Applied);
    }
    let another = Commit { token: "two".to_owned(), ..commit };
    assert!(matches!(store.commit(another).await.expect("the store answers"), Committed::Refused(refusals) if refusals.len() == 2));
    table.delete().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_for_good() {
    let table = Table::new("large").await;
    let store = table.store();
    let large = |id: &str| Document { blob: Some(vec![7; 410 * 1024]), ..document(id) };
    for writes in [vec![put(large("a"))], vec![put(large("a")), put(document("b"))]] {
        let answer = store.commit(commit("large", writes)).await;
        assert!(matches!(answer, Err(PortError::Permanent(_))), "{answer:?}");
    }
    assert_eq!(store.get(&[Key::new("test", "a"), Key::new("test", "b")]).await.expect("the store answers"), [None, None]);
    table.delete().await;
}

#[tokio::test]
async fn a_missing_table_is_no_fault_of_the_data() {
    let home = Home::new().await;
    let store = DynamoStore::new(home.clients.dynamo(), "sluice-test-no-such-table", Arc::new(SystemClock), Home::patience());
    let answer = store.commit(commit("x", vec![put(document("a"))])).await;
    assert!(matches!(&answer, Err(PortError::Temporary(text)) if text.contains("ResourceNotFound")), "{answer:?}");
}

#[tokio::test]
async fn more_than_one_answer_holds_is_read_whole() {
    // AWS answers with 16 MB at most; these are 21 MB. The emulator knows no such limit, so asking again for the rest is also tested with made-up answers.
    let table = Table::new("many").await;
    let store = table.store();
    let place = |number: usize| Place { index: Index::Group, partition: "p".into(), sort: format!("{number:03}") };
    for number in 0..60 {
        let large = Document { blob: Some(vec![7; 350_000]), places: vec![place(number)], ..document(&format!("{number}")) };
        assert_eq!(store.commit(commit("", vec![put(large)])).await.expect("the store answers"), Committed::Applied);
    }
    let keys: Vec<Key> = (0..60).map(|number| Key::new("test", number.to_string())).collect();
    let read = store.get(&keys).await.expect("the store answers");
    assert!(read.iter().flatten().all(|stored| stored.document.blob.as_ref().is_some_and(|blob| blob.len() == 350_000)));
    assert_eq!(read.iter().flatten().count(), 60);
    table.delete().await;
}

#[derive(Default)]
struct Bill(Mutex<Vec<Used>>);

impl CapacityObserver for Bill {
    fn used(&self, used: &Used) {
        self.0.lock().expect("nothing panics while it is held").push(used.clone());
    }
}

impl Bill {
    fn take(&self) -> Vec<(Operation, Units)> {
        self.0.lock().expect("nothing panics while it is held").drain(..).map(|used| (used.operation, used.units)).collect()
    }
}

fn units(writes: u64, index_writes: u64, read_halves: u64) -> Units {
    Units { writes, index_writes, read_halves }
}

#[tokio::test]
async fn the_units_of_each_step_are_counted() {
    let table = Table::new("meter").await;
    let bill = Arc::new(Bill::default());
    let store = table.store().metered(Arc::new(Meter::new(Arc::clone(&bill) as Arc<dyn CapacityObserver>)));
    let due = |sort: &str| Place { index: Index::Due, partition: "p".into(), sort: sort.into() };
    let large = |id: &str| Document { blob: Some(vec![7; 1500]), places: vec![due("1")], ..document(id) };
    let run = async |writes| store.commit(commit(&Home::name("token"), writes)).await.expect("the store answers");

    run(vec![put(large("a"))]).await;
    assert_eq!(bill.take(), [(Operation::Put, units(2, 1, 0))], "1.5 KB and a new index entry");
    run(vec![put(large("a"))]).await;
    assert_eq!(bill.take(), [(Operation::Refused, units(2, 0, 0))], "what is in the way is billed");
    run(vec![Write::Move { key: Key::new("test", "a"), from: due("1"), to: due("2") }]).await;
    assert_eq!(bill.take(), [(Operation::Move, units(2, 2, 0))], "one entry out, one in");
    let replaced = Write::Put { document: document("a"), condition: Condition::Version(1) };
    let check = Write::Check { key: Key::new("test", "b"), condition: Condition::Absent };
    run(vec![replaced, check]).await;
    assert_eq!(bill.take(), [(Operation::Put, units(4, 1, 0)), (Operation::Check, units(2, 0, 0))], "twice, for the larger size");
    store.get(&[Key::new("test", "a")]).await.expect("the store answers");
    assert_eq!(bill.take(), [(Operation::Read, units(0, 0, 2))]);
    run(vec![Write::Delete { key: Key::new("test", "a"), condition: Condition::Version(2) }]).await;
    assert_eq!(bill.take(), [(Operation::Delete, units(1, 0, 0))]);
    table.delete().await;
}

/// What a run costs is computed over a store in memory, so that no emulator is needed: the adapter itself must come to the same.
#[tokio::test]
async fn any_store_is_metered_as_this_one() {
    let table = Table::new("metered").await;
    let clock = Arc::clone(&table.clock) as Arc<dyn Clock>;
    let (here, there) = (Arc::new(Bill::default()), Arc::new(Bill::default()));
    let meter = |bill: &Arc<Bill>| Arc::new(Meter::new(Arc::clone(bill) as Arc<dyn CapacityObserver>));
    let adapter = table.store().metered(meter(&there));
    let memory = MeteredStore::new(Arc::new(MemoryStore::new(Arc::clone(&clock))), clock, meter(&here));

    let place = |sort: &str| Place { index: Index::Due, partition: "p".into(), sort: sort.into() };
    let large = |id: &str| Document {
        data: format!("{{\"id\":\"{id}\",\"status\":\"delivered\"}}").into(),
        blob: Some(vec![7; 1500]),
        places: vec![place(id)],
        ..document(id)
    };
    let key = |id: &'static str| Key::new("test", id);
    let commits = [
        vec![put(large("a"))],
        vec![put(large("b")), put(document("c")), Write::Check { key: key("a"), condition: Condition::Version(1) }],
        vec![put(large("a"))],
        vec![put(large("d")), put(large("b"))],
        vec![Write::Move { key: key("a"), from: place("a"), to: place("e") }],
        vec![Write::Check { key: key("b"), condition: Condition::Version(1) }],
        vec![Write::Delete { key: key("b"), condition: Condition::Version(1) }],
    ];
    let query = Query {
        index: Index::Due,
        partition: "p".to_owned(),
        from: Bound::Unbounded,
        to: Bound::Unbounded,
        order: Order::Ascending,
        limit: 10,
    };
    for store in [&adapter as &dyn Store, &memory] {
        for writes in &commits {
            store.commit(commit(&Home::name("token"), writes.clone())).await.expect("the store answers");
        }
        store.get(&[key("a"), key("absent"), key("c"), key("a")]).await.expect("the store answers");
    }
    let sides = (here.take(), there.take());
    assert_eq!(sides.0, sides.1);
    assert!(sides.0.len() >= 12, "{:?}", sides.0);

    // The adapter's index lags, so it is asked until it shows the one that is left.
    let shown = memory.query(&query).await.expect("the store answers").items;
    while adapter.query(&query).await.expect("the store answers").items != shown {
        there.take();
    }
    assert_eq!(here.take(), there.take());
    table.delete().await;
}
