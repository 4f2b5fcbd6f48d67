//! Every statement that runs in the tests of this crate is remembered, and none of them may read a table from end to end.

use std::{
    collections::BTreeSet,
    ops::Bound,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{
    Connection,
    trace::{TraceEvent, TraceEventCodes},
};
use sluice_core::{
    ports::{Clock, Commit, Condition, DeadLetters, Document, Index, Key, Message, Order, Place, Query, Queue, QueueName, Store, Write},
    testing::ManualClock,
    time::Timestamp,
};

use crate::{DataFolder, Settlement, schema};

/// What has run.
static RUN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Tables that hold a row or what an operator has to see to, and are read at the start of a process or by him.
const SMALL: [&str; 3] = ["process", "in_flight", "dead_letters"];

/// Remembers what runs on a connection from now on.
pub(crate) fn remember(connection: &mut Connection) -> rusqlite::Result<()> {
    let remember = |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(statement, _) = event {
            RUN.lock().unwrap_or_else(PoisonError::into_inner).insert(statement.sql().into_owned());
        }
    };
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(remember))
}

/// The steps of the plan of a statement, with parameters whatever they are.
pub(crate) fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
    let steps = statement.raw_query().mapped(|row| row.get("detail")).collect::<Result<_, _>>();
    steps.expect("a plan")
}

fn document(id: &str, sort: &str) -> Document {
    let place = Place { index: Index::List, partition: "p".to_owned(), sort: sort.to_owned() };
    Document { key: Key::new("test", id), data: b"{}".to_vec(), blob: None, places: vec![place], expires_at: None }
}

fn expiring(id: &str, at: Timestamp) -> Document {
    Document { expires_at: Some(at), ..document(id, "3") }
}

/// Everything that the store can be asked for.
async fn use_store(folder: &DataFolder, clock: &ManualClock) {
    let store = folder.store();
    let commit = async |writes| drop(store.commit(Commit { token: String::new(), writes }).await.expect("the store answers"));
    let put = |document, condition| Write::Put { document, condition };
    let end = clock.now() + Duration::from_secs(5);
    commit(vec![put(document("a", "1"), Condition::Absent), put(document("b", "1"), Condition::Absent)]).await;
    commit(vec![put(document("a", "1"), Condition::Version(1))]).await;
    commit(vec![put(document("a", "2"), Condition::Version(2))]).await;
    commit(vec![put(expiring("a", end), Condition::Version(3))]).await;
    commit(vec![put(document("b", "1"), Condition::Version(7))]).await;
    let place = |sort: &str| document("b", sort).places.remove(0);
    commit(vec![Write::Move { key: Key::new("test", "b"), from: place("1"), to: place("4") }]).await;
    commit(vec![Write::Check { key: Key::new("test", "a"), condition: Condition::Version(4) }]).await;
    commit(vec![Write::Delete { key: Key::new("test", "b"), condition: Condition::Version(1) }]).await;
    folder.store().get(&[Key::new("test", "c")]).await.expect("the store answers");
    let some = || Bound::Included("5".to_owned());
    let beyond = || Bound::Excluded("5".to_owned());
    for order in [Order::Ascending, Order::Descending] {
        for from in [Bound::Unbounded, some(), beyond()] {
            for to in [Bound::Unbounded, some(), beyond()] {
                let query = Query { index: Index::Due, partition: "p".to_owned(), from: from.clone(), to, order, limit: 50 };
                store.query(&query).await.expect("the store answers");
            }
        }
    }
    clock.advance(Duration::from_secs(10));
    assert_eq!(folder.remove_expired(10).await.expect("the store answers"), 1);
}

/// Everything that the queue can be asked for.
async fn use_queue(folder: &DataFolder, clock: &ManualClock) {
    let queue = folder.queue();
    let messages = ["a", "b", "c"].map(|body| Message { body: body.to_owned(), group: None }).to_vec();
    queue.send(QueueName::Inbound, messages, None).await.expect("the queue answers");
    for _ in 0..=crate::MAX_RECEIVES {
        let batch = queue.receive(QueueName::Inbound, 10, Duration::from_secs(1)).await.expect("the queue answers");
        let mut receipts = batch.messages.into_iter().map(|(receipt, _)| receipt);
        let settlements =
            [receipts.next().map(|receipt| Settlement::Later { receipt, at: clock.now() }), receipts.nth(1).map(Settlement::Done)];
        queue.settle(QueueName::Inbound, settlements.into_iter().flatten().collect()).await.expect("the queue answers");
        clock.advance(Duration::from_secs(2));
    }
    assert_eq!(queue.list(QueueName::Inbound, 10).await.expect("the queue answers").1, 2);
    assert_eq!(queue.redrive(QueueName::Inbound).await.expect("the queue answers"), 2);
}

#[tokio::test]
async fn no_statement_reads_a_table_from_end_to_end() {
    let kept = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_795_176_000)));
    for _ in 0..2 {
        let folder = DataFolder::open(kept.path(), clock.clone()).expect("a folder");
        use_store(&folder, &clock).await;
        use_queue(&folder, &clock).await;
    }
    let mut connection = Connection::open_in_memory().expect("a database in memory");
    assert!(schema::migrate(&mut connection).is_ok());
    let run = RUN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let kinds = ["SELECT", "INSERT", "UPDATE", "DELETE"];
    let of_the_tables = run.iter().filter(|sql| kinds.iter().any(|kind| sql.starts_with(kind)) && !schema::is_of_a_migration(sql));
    let mut read = 0;
    for sql in of_the_tables {
        let steps = plan(&connection, sql);
        let is_fine = |step: &String| match step.split_once(' ') {
            Some(("SEARCH", _)) => true,
            Some(("SCAN", table)) => SMALL.iter().any(|small| table.split(' ').next() == Some(small)) || table == "CONSTANT ROW",
            _ => step == "SCALAR SUBQUERY" || step.starts_with("SCALAR SUBQUERY "),
        };
        assert!(steps.iter().all(is_fine), "{sql}: {steps:?}");
        read += 1;
    }
    assert!(read >= 35, "{read} statements: {run:#?}");
}
