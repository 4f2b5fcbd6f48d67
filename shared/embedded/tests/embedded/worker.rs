//! The worker.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sluice_core::{
    ports::{Clock, Commit, Committed, Condition, Message, Queue, QueueName, Store, Write},
    testing::ManualClock,
};
use sluice_embedded::{Disposition, Drained, Received, Worker, WorkerSettings};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use rusqlite::Connection;

use crate::support::{Home, document};

const QUEUE: QueueName = QueueName::Inbound;

fn settings() -> WorkerSettings {
    WorkerSettings { concurrency: 4, visibility: Duration::from_secs(60), drain: Duration::from_secs(10) }
}

/// A worker whose handlers wait for the test: each hands over its message, and ends as the test answers.
struct Shift {
    begun: mpsc::UnboundedReceiver<(Received, oneshot::Sender<Disposition>)>,
    stop: oneshot::Sender<()>,
    working: JoinHandle<Drained>,
}

impl Shift {
    fn begin(home: &Home) -> Self {
        Self::of(Worker::new(home.queue(), QUEUE, home.clock(), settings()))
    }

    fn of(worker: Worker) -> Self {
        let (hand_over, begun) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let handler = move |message: Received| {
            let (answer, answered) = oneshot::channel();
            hand_over.send((message, answer)).expect("the test goes on");
            async move { answered.await.expect("a handler that gets no answer panics") }
        };
        let working = tokio::spawn(worker.run(handler, async move {
            let _ = stopped.await;
        }));
        Self { begun, stop, working }
    }

    async fn next(&mut self) -> (Received, oneshot::Sender<Disposition>) {
        self.begun.recv().await.expect("the worker goes on")
    }

    async fn stop(self) -> Drained {
        let _ = self.stop.send(());
        self.working.await.expect("no panic")
    }
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// Moves the clock on to whatever the worker waits for.
async fn pass(clock: &ManualClock) {
    until(|| clock.next_wake().is_some()).await;
    clock.set(clock.next_wake().expect("someone sleeps"));
}

async fn left(home: &Home) -> Vec<u32> {
    let batch = home.queue().receive(QUEUE, 100, Duration::from_secs(60)).await.expect("received");
    batch.messages.into_iter().map(|(_, message)| message.receives).collect()
}

#[tokio::test]
async fn a_message_is_handled_as_soon_as_it_is_queued_and_then_gone() {
    let home = Home::new();
    let mut shift = Shift::begin(&home);
    for body in ["a", "b"] {
        home.send(body).await;
        let (message, answer) = shift.next().await;
        assert_eq!((message.body.as_str(), message.receives), (body, 1));
        answer.send(Disposition::Done).expect("the handler waits");
    }
    assert_eq!(shift.stop().await, Drained { given_back: 0 });
    home.clock.advance(Duration::from_secs(3600));
    assert_eq!(left(&home).await, [0_u32; 0]);
}

#[tokio::test]
async fn as_many_are_handled_at_once_as_the_limit_of_the_moment_says() {
    let home = Home::new();
    let limit = Arc::new(AtomicUsize::new(2));
    let moment = Arc::clone(&limit);
    let worker = Worker::new(home.queue(), QUEUE, home.clock(), settings()).limited_by(move || moment.load(Ordering::SeqCst));
    let mut shift = Shift::of(worker);
    for body in ["a", "b", "c", "d", "e", "f", "g"] {
        home.send(body).await;
    }
    // In whatever order: what is queued while the worker looks may be handed to it before what waits.
    let mut bodies = std::collections::BTreeSet::new();
    let (first, second) = (shift.next().await, shift.next().await);
    bodies.extend([first.0.body.clone(), second.0.body.clone()]);
    assert!(shift.begun.try_recv().is_err());
    // One that ends makes room for one.
    first.1.send(Disposition::Done).expect("the handler waits");
    let third = shift.next().await;
    bodies.insert(third.0.body.clone());
    assert!(shift.begun.try_recv().is_err());
    // Less than run already lets them run on; more is as many as the settings allow.
    limit.store(1, Ordering::SeqCst);
    second.1.send(Disposition::Done).expect("the handler waits");
    tokio::task::yield_now().await;
    assert!(shift.begun.try_recv().is_err());
    // It is asked again after a moment, also while nothing ends.
    limit.store(100, Ordering::SeqCst);
    pass(&home.clock).await;
    let mut others = vec![third];
    for _ in 0..3 {
        others.push(shift.next().await);
    }
    others.remove(0).1.send(Disposition::Done).expect("the handler waits");
    others.push(shift.next().await);
    bodies.extend(others.iter().map(|(message, _)| message.body.clone()));
    assert_eq!(bodies.len(), 7, "each once");
    others.into_iter().for_each(|(_, answer)| answer.send(Disposition::Done).expect("the handler waits"));
    assert_eq!(shift.stop().await, Drained { given_back: 0 });
}

#[tokio::test]
async fn a_delayed_message_and_a_later_one_come_when_the_clock_says_so() {
    let home = Home::new();
    let mut shift = Shift::begin(&home);
    let due = home.clock.now() + Duration::from_secs(30);
    let message = Message { body: "a".to_owned(), group: None };
    home.queue().send(QUEUE, vec![message], Some(due)).await.expect("queued");
    pass(&home.clock).await;
    assert_eq!(home.clock.now(), due);
    let (_, answer) = shift.next().await;
    let at = due + Duration::from_secs(7);
    answer.send(Disposition::Later { at }).expect("the handler waits");
    until(|| home.clock.next_wake() == Some(at)).await;
    home.clock.set(at);
    let (message, answer) = shift.next().await;
    assert_eq!(message.receives, 2);
    answer.send(Disposition::Done).expect("the handler waits");
    shift.stop().await;
}

#[tokio::test]
async fn no_more_handlers_run_at_once_than_set() {
    let home = Home::new();
    for n in 0..10 {
        home.send(&n.to_string()).await;
    }
    let mut shift = Shift::begin(&home);
    let mut running = Vec::new();
    for _ in 0..4 {
        running.push(shift.next().await.1);
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(shift.begun.try_recv().is_err(), "a fifth handler runs");
    for _ in 4..10 {
        running.remove(0).send(Disposition::Done).expect("the handler waits");
        running.push(shift.next().await.1);
    }
    for answer in running {
        answer.send(Disposition::Done).expect("the handler waits");
    }
    assert_eq!(shift.stop().await, Drained { given_back: 0 });
}

#[tokio::test]
async fn a_panic_is_a_message_not_handled() {
    let home = Home::new();
    home.send("a").await;
    let mut shift = Shift::begin(&home);
    let (_, answer) = shift.next().await;
    drop(answer);
    pass(&home.clock).await;
    let (message, answer) = shift.next().await;
    assert_eq!(message.receives, 2, "it came back, and the worker goes on");
    answer.send(Disposition::Done).expect("the handler waits");
    shift.stop().await;
}

/// A message that the worker was handed with the commit that queued it.
async fn handed(home: &Home, shift: &mut Shift) -> (Received, oneshot::Sender<Disposition>) {
    let database = Connection::open(home.directory.path().join("sluice.db")).expect("the database");
    let in_hand =
        || database.query_row("SELECT count(*) FROM in_flight WHERE body IS NOT NULL", [], |row| row.get::<_, i64>(0)).expect("a count");
    loop {
        home.send("handed").await;
        let (message, answer) = shift.next().await;
        if in_hand() == 1 {
            return (message, answer);
        }
        // The worker was not waiting yet.
        answer.send(Disposition::Done).expect("the handler waits");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_the_worker_is_handed_comes_again_as_any_message_does() {
    let home = Home::new();
    let mut shift = Shift::begin(&home);
    let (message, answer) = handed(&home, &mut shift).await;
    assert_eq!((message.body.as_str(), message.receives, message.sent_at), ("handed", 1, home.clock.now()));
    // Given back, to a later time.
    let at = home.clock.now() + Duration::from_secs(7);
    answer.send(Disposition::Later { at }).expect("the handler waits");
    until(|| home.clock.next_wake() == Some(at)).await;
    home.clock.set(at);
    let (again, answer) = shift.next().await;
    assert_eq!((&again.id, again.body.as_str(), again.receives), (&message.id, "handed", 2));
    answer.send(Disposition::Done).expect("the handler waits");
    // Not handled at all.
    let (message, answer) = handed(&home, &mut shift).await;
    drop(answer);
    until(|| home.clock.next_wake() == Some(home.clock.now() + settings().visibility)).await;
    pass(&home.clock).await;
    let (again, answer) = shift.next().await;
    assert_eq!((&again.id, again.receives), (&message.id, 2));
    answer.send(Disposition::Done).expect("the handler waits");
    assert_eq!(shift.stop().await, Drained { given_back: 0 });
    home.clock.advance(Duration::from_secs(3600));
    assert_eq!(left(&home).await, [0_u32; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_commits_that_exclude_each_other_the_worker_is_handed_one_message() {
    let home = Home::new();
    let mut shift = Shift::begin(&home);
    for round in 0..20 {
        let racing: Vec<_> = (0..16)
            .map(|number| {
                let (store, queue, document) = (home.folder.store(), home.queue(), document(&format!("{round}")));
                tokio::spawn(async move {
                    let writes = vec![Write::Put { document, condition: Condition::Absent }];
                    let messages = vec![Message { body: format!("{round} {number}"), group: None }];
                    let commit = Commit { token: String::new(), writes };
                    let (committed, sent) = store.commit_and_send(commit, &queue, QUEUE, messages, None).await.expect("answered");
                    sent.expect("queued");
                    (committed == Committed::Applied).then_some(number)
                })
            })
            .collect();
        let mut applied = Vec::new();
        for racer in racing {
            applied.extend(racer.await.expect("no panic"));
        }
        let (message, answer) = shift.next().await;
        answer.send(Disposition::Done).expect("the handler waits");
        assert_eq!(applied.iter().map(|number| format!("{round} {number}")).collect::<Vec<_>>(), [message.body]);
        assert!(shift.begun.try_recv().is_err(), "one message");
    }
    shift.stop().await;
    home.clock.advance(Duration::from_secs(3600));
    assert_eq!(left(&home).await, [0_u32; 0]);
}

#[tokio::test]
async fn what_the_worker_is_handed_is_there_after_a_crash() {
    let home = Home::new();
    let mut shift = Shift::begin(&home);
    let (message, answer) = handed(&home, &mut shift).await;
    shift.working.abort();
    drop((answer, shift.stop, shift.begun));
    assert!(shift.working.await.is_err_and(|error| error.is_cancelled()));
    let home = home.restarted();
    let batch = home.queue().receive(QUEUE, 100, Duration::from_secs(60)).await.expect("received");
    let [(_, again)] = &batch.messages[..] else { panic!("{batch:?}") };
    assert_eq!((&again.id, again.body.as_str(), again.receives, again.sent_at), (&message.id, "handed", 2, message.sent_at));
}

#[tokio::test]
async fn what_the_worker_is_handed_at_its_end_is_given_back() {
    let home = Home::new();
    let mut shift = Shift::begin(&home);
    let (_, answer) = handed(&home, &mut shift).await;
    shift.stop.send(()).expect("the worker listens");
    let deadline = home.clock.now() + settings().drain;
    until(|| home.clock.next_wake() == Some(deadline)).await;
    // Nobody is handed anything any more.
    home.send("after the stop").await;
    home.clock.set(deadline);
    assert_eq!(shift.working.await.expect("no panic"), Drained { given_back: 1 });
    assert!(answer.is_closed(), "the handler runs on");
    let mut receives = left(&home).await;
    receives.sort_unstable();
    assert_eq!(receives, [1, 2]);
}

#[tokio::test]
async fn a_stop_waits_for_what_runs_and_gives_back_the_rest() {
    let home = Home::new();
    for n in 0..6 {
        home.send(&n.to_string()).await;
    }
    let mut shift = Shift::begin(&home);
    let mut running = Vec::new();
    for _ in 0..4 {
        running.push(shift.next().await.1);
    }
    shift.stop.send(()).expect("the worker listens");
    let deadline = home.clock.now() + settings().drain;
    until(|| home.clock.next_wake() == Some(deadline)).await;
    running.remove(0).send(Disposition::Done).expect("it may still finish");
    // The finished one is taken in before the limit ends, because it woke the worker first.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    home.clock.set(deadline);
    assert_eq!(shift.working.await.expect("no panic"), Drained { given_back: 3 });
    assert!(running.into_iter().all(|answer| answer.is_closed()), "a handler runs on");
    assert!(shift.begun.try_recv().is_err(), "received after the stop");
    let mut receives = left(&home).await;
    receives.sort_unstable();
    assert_eq!(receives, [1, 1, 2, 2, 2], "visible at once, one is done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_messages_are_each_handled_once() {
    let home = Home::new();
    let handled = Arc::new(AtomicUsize::new(0));
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = Worker::new(home.queue(), QUEUE, home.clock(), WorkerSettings::default());
    let working = tokio::spawn({
        let handled = Arc::clone(&handled);
        let handler = move |_| {
            let handled = Arc::clone(&handled);
            async move {
                handled.fetch_add(1, Ordering::SeqCst);
                Disposition::Done
            }
        };
        worker.run(handler, async move {
            let _ = stopped.await;
        })
    });
    for n in 0..100 {
        let messages = (0..10).map(|m| Message { body: format!("{n} {m}"), group: None });
        home.queue().send(QUEUE, messages.collect(), None).await.expect("queued");
    }
    until(|| handled.load(Ordering::SeqCst) >= 1000).await;
    stop.send(()).expect("the worker listens");
    working.await.expect("no panic");
    home.clock.advance(Duration::from_secs(3600));
    assert_eq!(left(&home).await, [0_u32; 0]);
    assert_eq!(handled.load(Ordering::SeqCst), 1000);
}
