//! Measures what the usual way of an event costs in the embedded adapters: one send, one receive, three reads, one commit of three documents with a place
//! each, one more put, one done, all of it durable.
//!
//! `cargo run --release -p sluice-embedded --example mix -- [EVENTS] [SENDERS] [FOLDER]`; by default 30000 events, 64 senders, a temporary folder on the
//! disk of the present one. Prints events per second, CPU time per event by thread, and the peak of memory. Linux only, because it reads `/proc`.
#![expect(clippy::print_stdout, reason = "a program that prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures the wall clock")]

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use sluice_core::{
    ports::{Clock, Commit, Committed, Condition, Document, Ids, Index, Key, Message, Place, Queue, QueueName, Store, Stored, Write},
    time::Timestamp,
};
use sluice_embedded::{DataFolder, Disposition, EmbeddedStore, Received, SystemClock, SystemIds, Worker, WorkerSettings};
use tokio::sync::Notify;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let events: usize = arguments.next().map_or(30_000, |text| text.parse().expect("a number of events"));
    let senders: usize = arguments.next().map_or(64, |text| text.parse().expect("a number of senders"));
    let temporary = tempfile::tempdir_in(".").expect("a folder here");
    let folder = arguments.next().map_or(temporary.path().to_owned(), Into::into);

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let data = DataFolder::open(folder, Arc::clone(&clock)).expect("the data folder opens");
    let handled = Arc::new(AtomicUsize::new(0));
    let all_handled = Arc::new(Notify::new());
    let stop = Arc::new(Notify::new());

    let (begun, cpu_before) = (Instant::now(), cpu_by_thread());
    let settings = WorkerSettings { concurrency: 128, ..WorkerSettings::default() };
    let worker = Worker::new(data.queue(), QueueName::Inbound, clock, settings);
    let working = tokio::spawn({
        let (store, all_handled, stop) = (data.store(), Arc::clone(&all_handled), Arc::clone(&stop));
        async move {
            let handler = move |message: Received| {
                let (store, handled, all_handled) = (store.clone(), Arc::clone(&handled), Arc::clone(&all_handled));
                async move {
                    handle(&store, &message).await;
                    if handled.fetch_add(1, Ordering::Relaxed) + 1 == events {
                        all_handled.notify_one();
                    }
                    Disposition::Done
                }
            };
            worker.run(handler, stop.notified()).await
        }
    });
    let mut latencies = send_all(&data, events, senders).await;
    let sent = begun.elapsed();
    all_handled.notified().await;
    let elapsed = begun.elapsed();
    let cpu = cpu_by_thread();
    stop.notify_one();
    working.await.expect("the worker drains");

    latencies.sort();
    let per_event = |length: Duration| length.as_secs_f64() * 1e6 / events as f64;
    println!("{:.0} events/s ({:.0} sent/s)", events as f64 / elapsed.as_secs_f64(), events as f64 / sent.as_secs_f64());
    println!("send p50 {:?}, p99 {:?}", latencies[events / 2], latencies[events * 99 / 100]);
    let mut total = Duration::ZERO;
    for (thread, spent) in cpu {
        let spent = spent.saturating_sub(cpu_before.get(&thread).copied().unwrap_or_default());
        total += spent;
        println!("{:6.1} µs of CPU per event in {thread}", per_event(spent));
    }
    println!("{:6.1} µs in all; peak memory {}", per_event(total), peak_memory());
}

async fn send_all(data: &DataFolder, events: usize, senders: usize) -> Vec<Duration> {
    let tasks: Vec<_> = (0..senders)
        .map(|sender| {
            let queue = data.queue();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                for n in (sender..events).step_by(senders) {
                    let body = format!("{{\"n\":{n},\"body\":\"{}\"}}", "x".repeat(1000));
                    let message = Message { body, group: None };
                    let begun = Instant::now();
                    queue.send(QueueName::Inbound, vec![message], None).await.expect("queued");
                    latencies.push(begun.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::with_capacity(events);
    for task in tasks {
        latencies.extend(task.await.expect("no panic"));
    }
    latencies
}

async fn handle(store: &EmbeddedStore, message: &Received) {
    let now = SystemClock.now();
    let id = format!("{:032x}", SystemIds.random());
    let key = |kind| Key::new(kind, id.clone());
    let read = store.get(&[key("booking"), key("transaction")]).await.expect("read");
    let event = listed("event", &id, now, vec![7; 900]);
    let documents = [event.clone(), listed("booking", &id, now, Vec::new()), listed("transaction", &id, now, Vec::new())];
    let writes = documents
        .into_iter()
        .map(|document| Write::Put { document, condition: Condition::unchanged(read.first().and_then(Option::as_ref)) })
        .collect();
    commit(store, &message.id, writes).await;
    let again: Vec<Option<Stored>> = store.get(&[key("booking")]).await.expect("read");
    assert!(again[0].is_some(), "a read sees the commit that was answered before it");
    let done = Document { expires_at: Some(now + Duration::from_secs(35 * 86_400)), ..event };
    let condition = Condition::Version(1);
    commit(store, &message.id, vec![Write::Put { document: done, condition }]).await;
}

async fn commit(store: &EmbeddedStore, token: &str, writes: Vec<Write>) {
    let token = token.to_owned();
    let committed = store.commit(Commit { token, writes }).await.expect("committed");
    assert_eq!(committed, Committed::Applied);
}

fn listed(kind: &'static str, id: &str, now: Timestamp, blob: Vec<u8>) -> Document {
    Document {
        key: Key::new(kind, id),
        data: format!("{{\"id\":\"{id}\",\"text\":\"{}\"}}", "y".repeat(300)).into_bytes(),
        blob: Some(blob).filter(|blob| !blob.is_empty()),
        places: vec![Place { index: Index::List, partition: kind.to_owned(), sort: format!("{}-{id}", now.sortable()) }],
        expires_at: None,
    }
}

/// CPU time so far, by the threads' names.
fn cpu_by_thread() -> BTreeMap<String, Duration> {
    let mut spent = BTreeMap::new();
    for thread in std::fs::read_dir("/proc/self/task").expect("Linux").flatten() {
        let file = |name| std::fs::read_to_string(thread.path().join(name)).unwrap_or_default();
        // The first number is the nanoseconds on a CPU.
        let nanos = file("schedstat").split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
        *spent.entry(file("comm").trim().to_owned()).or_default() += Duration::from_nanos(nanos);
    }
    spent
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.unwrap_or("unknown").trim().to_owned()
}
