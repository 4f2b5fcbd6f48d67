//! What the sweeper sends together, and what it moves on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::json;
use sluice_core::{
    ports::{Commit, Condition, Document, Index, Key, Message, PortError, Queue, QueueName, SendError, Store, Write},
    record::due_place,
    sweep::{GRACE, Sweeper},
    testing::{CountingIds, ManualClock, MemoryStore},
    time::Timestamp,
};

use crate::support::start;

/// A queue that notes down what it is handed, and takes no message that has a certain text in it.
#[derive(Default)]
struct Noting {
    calls: Mutex<Vec<(usize, Option<Timestamp>)>>,
    refuses: Option<&'static str>,
}

#[async_trait]
impl Queue for Noting {
    async fn send(&self, _: QueueName, messages: Vec<Message>, not_before: Option<Timestamp>) -> Result<(), SendError> {
        self.calls.lock().expect("no panic").push((messages.len(), not_before));
        let refused = |message: &Message| self.refuses.is_some_and(|text| message.body.contains(text));
        let failed: Vec<_> = (0..messages.len()).filter(|position| refused(&messages[*position])).collect();
        let cause = PortError::Temporary("it is not taken".to_owned());
        if failed.is_empty() { Ok(()) } else { Err(SendError { failed, cause }) }
    }
}

/// Records that wait for these times, so many milliseconds from now.
async fn waiting(store: &MemoryStore, times: &[i64]) {
    for (number, after) in times.iter().enumerate() {
        let (key, at) = (Key::new("thing", format!("thing-{number}")), Timestamp::from_millis(start().millis() + after));
        let data = json!({ "due_at": at }).to_string().into_bytes();
        let document = Document { places: vec![due_place(&key, at)], key, data, blob: None, expires_at: None };
        let write = Write::Put { document, condition: Condition::Absent };
        store.commit(Commit { token: format!("put {number}"), writes: vec![write] }).await.expect("stored");
    }
}

/// One round, and where each record stands in the due index after it.
async fn round(
    times: &[i64],
    refuses: Option<&'static str>,
) -> (Result<usize, PortError>, Vec<(usize, Option<Timestamp>)>, BTreeMap<String, i64>) {
    let clock = Arc::new(ManualClock::at(start()));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    waiting(&store, times).await;
    let queue = Arc::new(Noting { refuses, ..Noting::default() });
    let ids = Arc::new(CountingIds::default());
    let sweeper = Sweeper { store: store.clone(), queue: queue.clone(), clock, ids, every: Duration::from_mins(1) };
    let swept = sweeper.round().await;
    let place = |stored: &sluice_core::ports::Stored| {
        let due = stored.document.places.iter().find(|place| place.index == Index::Due).expect("it waits");
        let at: i64 = due.sort.split('/').next().and_then(|at| at.parse().ok()).expect("a time");
        (stored.document.key.id.clone(), at - start().millis())
    };
    let places = store.documents().iter().map(place).collect();
    let calls = queue.calls.lock().expect("no panic").clone();
    (swept, calls, places)
}

fn after_start(millis: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(start().millis() + millis))
}

#[tokio::test]
async fn what_goes_at_the_same_second_goes_in_one_call() {
    let overdue: Vec<i64> = (1..=250).map(|number| -number).collect();
    let (swept, calls, places) = round(&overdue, None).await;
    assert_eq!(swept.expect("a round"), 250);
    assert_eq!(calls, [(200, None), (50, None)], "a call for each page of the index");
    let grace = i64::try_from(GRACE.as_millis()).expect("minutes");
    assert!(places.values().all(|at| *at == grace), "{places:?}");

    let (swept, calls, places) = round(&[5_000, 5_400, 5_999, 6_000, 90_000], None).await;
    assert_eq!(swept.expect("a round"), 4, "the last falls due after the next round");
    assert_eq!(calls, [(3, after_start(5_999)), (1, after_start(6_000))], "none before its time");
    assert_eq!(places["thing-0"], 5_000 + grace);
    assert_eq!(places["thing-4"], 90_000);
}

#[tokio::test]
async fn only_what_the_queue_has_confirmed_is_moved_on() {
    let (swept, calls, places) = round(&[-3, -2, -1], Some("thing-1")).await;
    assert!(swept.is_err());
    assert_eq!(calls, [(3, None)]);
    let grace = i64::try_from(GRACE.as_millis()).expect("minutes");
    assert_eq!(places, BTreeMap::from([("thing-0".to_owned(), grace), ("thing-1".to_owned(), -2), ("thing-2".to_owned(), grace)]));
}

#[tokio::test]
async fn what_cannot_be_read_holds_up_nothing_that_is_due_behind_it() {
    let clock = Arc::new(ManualClock::at(start()));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let key = Key::new("thing", "damaged");
    let places = vec![due_place(&key, Timestamp::from_millis(start().millis() - 1_000))];
    let document = Document { places, key, data: b"{".to_vec(), blob: None, expires_at: None };
    let write = Write::Put { document, condition: Condition::Absent };
    store.commit(Commit { token: "damaged".to_owned(), writes: vec![write] }).await.expect("stored");
    waiting(&store, &[-3, -2]).await;
    let queue = Arc::new(Noting::default());
    let ids = Arc::new(CountingIds::default());
    let sweeper = Sweeper { store, queue, clock, ids, every: Duration::from_mins(1) };
    assert_eq!(sweeper.round().await.expect("a round"), 2);
}
