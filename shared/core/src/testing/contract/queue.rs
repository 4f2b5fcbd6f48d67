//! The contract of [`Queue`] and [`DeadLetters`], with the receiving side that each host has in its own way.

use std::{collections::BTreeSet, fmt, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;

use super::run_each;
use crate::{
    ports::{DeadLetters, Message, Queue, QueueName},
    time::Timestamp,
};

/// A message as the receiving side hands it out.
#[derive(Clone, Debug)]
pub struct Delivered<R> {
    /// Names this very receipt of the message.
    pub receipt: R,
    /// The queue's own id of the message.
    pub id: String,
    /// The message.
    pub body: String,
    /// How often it has been received, this time included.
    pub receives: u32,
    /// When it was first queued.
    pub sent_at: Timestamp,
}

/// What a case runs on: an adapter's queues, empty and its own, with their receiving side. Implemented for each adapter in its tests.
#[async_trait]
pub trait QueueCase: Send + Sync {
    /// Names one receipt of a message.
    type Receipt: Clone + fmt::Debug + Send + Sync;

    /// The sending side.
    fn queue(&self) -> &dyn Queue;
    /// The dead-letter queues.
    fn dead_letters(&self) -> &dyn DeadLetters;
    /// The receives after which a message goes to the dead letters.
    fn max_receives(&self) -> u32;
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Lets `length` pass: sets the clock on, or waits.
    async fn pass(&self, length: Duration);
    /// Receives up to `limit` messages that nobody else receives before `visibility` has passed. Does not wait for messages, but may look again where
    /// a single look does not find all.
    async fn receive(&self, queue: QueueName, limit: usize, visibility: Duration) -> Vec<Delivered<Self::Receipt>>;
    /// Removes the messages from the queue, unless someone else has received them since.
    async fn done(&self, queue: QueueName, receipts: Vec<Self::Receipt>);
    /// Makes the message visible at `at`, and not before.
    async fn later(&self, queue: QueueName, receipt: Self::Receipt, at: Timestamp);
}

/// Runs every case, each on empty queues that `open` makes for its name.
///
/// # Panics
/// If the adapter breaks the contract.
pub async fn all<C: QueueCase>(open: impl AsyncFn(&'static str) -> C) {
    run_each! { open:
        what_is_sent_is_received_once,
        queues_are_apart,
        a_batch_is_received_in_batches,
        a_delayed_message_waits,
        an_unsettled_message_comes_back,
        later_sets_the_time_of_the_next_receipt,
        a_stale_receipt_settles_nothing,
        concurrent_receivers_share_nothing,
        too_many_receives_make_a_dead_letter,
        redriven_messages_are_as_new,
    }
}

const QUEUE: QueueName = QueueName::Inbound;
const VISIBILITY: Duration = Duration::from_secs(2);

fn messages(bodies: impl IntoIterator<Item = impl Into<String>>) -> Vec<Message> {
    let message = |body: String| Message { body, group: None };
    bodies.into_iter().map(|body| message(body.into())).collect()
}

async fn send<C: QueueCase>(case: &C, bodies: &[&str], not_before: Option<Timestamp>) {
    let sent = case.queue().send(QUEUE, messages(bodies.iter().copied()), not_before).await;
    sent.expect("the queue answers");
}

async fn receive_one<C: QueueCase>(case: &C) -> Delivered<C::Receipt> {
    let mut received = case.receive(QUEUE, 10, VISIBILITY).await;
    assert_eq!(received.len(), 1, "{received:?}");
    received.remove(0)
}

async fn assert_nothing_to_receive<C: QueueCase>(case: &C) {
    let received = case.receive(QUEUE, 10, VISIBILITY).await;
    assert!(received.is_empty(), "{received:?}");
}

fn bodies<R>(received: &[Delivered<R>]) -> BTreeSet<&str> {
    received.iter().map(|message| message.body.as_str()).collect()
}

/// A message comes with its body, its first receipt and the time it was sent; after `done` it does not come again.
pub async fn what_is_sent_is_received_once<C: QueueCase>(case: &C) {
    assert_nothing_to_receive(case).await;
    let before = case.now();
    let body = "{\"name\":\"ünï🦀\\n\"}";
    send(case, &[body], None).await;
    let message = receive_one(case).await;
    assert_eq!((message.body.as_str(), message.receives), (body, 1));
    assert!(
        message.sent_at.since(before) <= Duration::from_secs(60) && before.since(message.sent_at) <= Duration::from_secs(60),
        "sent at {}",
        message.sent_at
    );
    assert!(!message.id.is_empty());
    case.done(QUEUE, vec![message.receipt]).await;
    case.pass(VISIBILITY).await;
    assert_nothing_to_receive(case).await;
}

/// What is sent to one queue is not received from the other.
pub async fn queues_are_apart<C: QueueCase>(case: &C) {
    let sent = case.queue().send(QueueName::Outbound, messages(["out"]), None).await;
    sent.expect("the queue answers");
    assert_nothing_to_receive(case).await;
    let received = case.receive(QueueName::Outbound, 10, VISIBILITY).await;
    assert_eq!(bodies(&received), BTreeSet::from(["out"]));
    case.done(QueueName::Outbound, received.into_iter().map(|message| message.receipt).collect()).await;
}

/// One call sends 25; receives hand out at most what is asked for, and all of them in the end.
pub async fn a_batch_is_received_in_batches<C: QueueCase>(case: &C) {
    let sent: Vec<String> = (0..25).map(|n| format!("message {n}")).collect();
    case.queue().send(QUEUE, messages(sent.clone()), None).await.expect("the queue answers");
    let mut met = BTreeSet::new();
    loop {
        let received = case.receive(QUEUE, 10, VISIBILITY * 30).await;
        assert!(received.len() <= 10);
        if received.is_empty() {
            break;
        }
        for message in &received {
            assert!(met.insert(message.body.clone()), "twice: {}", message.body);
        }
        case.done(QUEUE, received.into_iter().map(|message| message.receipt).collect()).await;
    }
    assert_eq!(met, sent.into_iter().collect());
    case.queue().send(QUEUE, Vec::new(), None).await.expect("nothing to send");
}

/// A message is not received before its time, and is afterwards; a time that has passed delays nothing.
pub async fn a_delayed_message_waits<C: QueueCase>(case: &C) {
    let start = case.now();
    send(case, &["late"], Some(start + Duration::from_secs(3))).await;
    send(case, &["at once"], Some(start - Duration::from_secs(3600))).await;
    let message = receive_one(case).await;
    assert_eq!(message.body, "at once");
    case.done(QUEUE, vec![message.receipt]).await;
    case.pass(Duration::from_secs(1)).await;
    assert_nothing_to_receive(case).await;
    case.pass(Duration::from_secs(2)).await;
    let message = receive_one(case).await;
    assert_eq!((message.body.as_str(), message.receives), ("late", 1));
    case.done(QUEUE, vec![message.receipt]).await;
}

/// A message that is not settled is invisible until its timeout, then comes again and counts on.
pub async fn an_unsettled_message_comes_back<C: QueueCase>(case: &C) {
    send(case, &["a"], None).await;
    let first = receive_one(case).await;
    assert_nothing_to_receive(case).await;
    case.pass(VISIBILITY).await;
    let second = receive_one(case).await;
    assert_eq!((second.receives, &second.id, second.sent_at), (2, &first.id, first.sent_at));
    case.pass(VISIBILITY).await;
    assert_eq!(receive_one(case).await.receives, 3);
}

/// `later` overrides the visibility timeout in both directions.
pub async fn later_sets_the_time_of_the_next_receipt<C: QueueCase>(case: &C) {
    send(case, &["a"], None).await;
    let first = receive_one(case).await;
    case.later(QUEUE, first.receipt, case.now()).await;
    let second = receive_one(case).await;
    assert_eq!(second.receives, 2, "at once");
    case.later(QUEUE, second.receipt, case.now() + VISIBILITY * 2).await;
    case.pass(VISIBILITY).await;
    assert_nothing_to_receive(case).await;
    case.pass(VISIBILITY).await;
    assert_eq!(receive_one(case).await.receives, 3);
}

/// Whoever was too slow can't settle a message that someone else has received since.
pub async fn a_stale_receipt_settles_nothing<C: QueueCase>(case: &C) {
    send(case, &["a"], None).await;
    let slow = receive_one(case).await;
    case.pass(VISIBILITY).await;
    let quick = receive_one(case).await;
    case.done(QUEUE, vec![slow.receipt]).await;
    case.pass(VISIBILITY).await;
    let third = receive_one(case).await;
    assert_eq!(third.receives, 3, "the stale receipt removed it");
    drop(quick);
    case.done(QUEUE, vec![third.receipt.clone()]).await;
    case.done(QUEUE, vec![third.receipt]).await;
    case.pass(VISIBILITY).await;
    assert_nothing_to_receive(case).await;
}

/// Receivers at the same moment get different messages, and together all of them.
pub async fn concurrent_receivers_share_nothing<C: QueueCase>(case: &C) {
    let sent: BTreeSet<String> = (0..40).map(|n| format!("message {n}")).collect();
    case.queue().send(QUEUE, messages(sent.iter()), None).await.expect("the queue answers");
    let mut met = BTreeSet::new();
    loop {
        let rounds = join_all((0..8).map(|_| case.receive(QUEUE, 5, VISIBILITY * 30))).await;
        let received: Vec<_> = rounds.into_iter().flatten().collect();
        if received.is_empty() {
            break;
        }
        for message in received {
            assert!(met.insert(message.body.clone()), "twice: {}", message.body);
        }
    }
    assert_eq!(met, sent);
}

/// Receives a message as often as it may be, and once more; that last time nothing comes.
async fn exhaust<C: QueueCase>(case: &C) {
    for receives in 1..=case.max_receives() {
        let message = receive_one(case).await;
        assert_eq!(message.receives, receives);
        case.later(QUEUE, message.receipt, case.now()).await;
    }
    assert_nothing_to_receive(case).await;
}

/// A message that was received as often as it may be is a dead letter when it would be received again, and in no queue.
pub async fn too_many_receives_make_a_dead_letter<C: QueueCase>(case: &C) {
    let (none, count) = case.dead_letters().list(QUEUE, 10).await.expect("the queue answers");
    assert_eq!((none, count), (Vec::new(), 0));
    for body in ["first", "second"] {
        send(case, &[body], None).await;
        exhaust(case).await;
        case.pass(Duration::from_secs(1)).await;
    }
    let (letters, count) = case.dead_letters().list(QUEUE, 10).await.expect("the queue answers");
    assert_eq!(letters.iter().map(|letter| letter.body.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    assert!(letters.iter().all(|letter| letter.receives >= case.max_receives()), "{letters:?}");
    assert_eq!(count, 2);
    let (letters, count) = case.dead_letters().list(QUEUE, 1).await.expect("the queue answers");
    assert_eq!((letters.len(), count), (1, 2));
    let (others, _) = case.dead_letters().list(QueueName::Outbound, 10).await.expect("the queue answers");
    assert_eq!(others, Vec::new());
}

/// Redriving empties the dead-letter queue; the messages come again, count from 1, and can die again.
pub async fn redriven_messages_are_as_new<C: QueueCase>(case: &C) {
    assert_eq!(case.dead_letters().redrive(QUEUE).await.expect("the queue answers"), 0);
    send(case, &["a"], None).await;
    exhaust(case).await;
    assert_eq!(case.dead_letters().redrive(QueueName::Outbound).await.expect("the queue answers"), 0);
    assert_eq!(case.dead_letters().redrive(QUEUE).await.expect("the queue answers"), 1);
    let (letters, count) = case.dead_letters().list(QUEUE, 10).await.expect("the queue answers");
    assert_eq!((letters, count), (Vec::new(), 0));
    exhaust(case).await;
    let (letters, _) = case.dead_letters().list(QUEUE, 10).await.expect("the queue answers");
    assert_eq!(letters.len(), 1);
}
