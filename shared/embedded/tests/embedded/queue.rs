//! What the queue does beyond its contract: waking, and starting anew.

use std::time::Duration;

use futures_util::FutureExt;
use sluice_core::{
    ports::{Clock, Commit, Committed, Condition, DeadLetters, Message, Queue, QueueName, Store, Write},
    time::Timestamp,
};
use sluice_embedded::{MAX_RECEIVES, Settlement};

use crate::support::{Home, document};

const QUEUE: QueueName = QueueName::Inbound;
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn sending_and_giving_back_ring_the_bell() {
    let home = Home::new();
    let queue = home.queue();
    assert!(queue.changed(QUEUE).now_or_never().is_none());
    home.send("a").await;
    assert!(queue.changed(QUEUE).now_or_never().is_some());
    assert!(queue.changed(QueueName::Outbound).now_or_never().is_none());
    let batch = queue.receive(QUEUE, 1, MINUTE).await.expect("received");
    let later = Settlement::Later { receipt: batch.messages[0].0, at: home.clock.now() };
    queue.settle(QUEUE, vec![later]).await.expect("settled");
    assert!(queue.changed(QUEUE).now_or_never().is_some());
}

#[tokio::test]
async fn messages_about_a_commit_go_with_it_or_not_at_all() {
    let home = Home::new();
    let (store, queue) = (home.folder.store(), home.queue());
    let message = |body: &str| vec![Message { body: body.to_owned(), group: None }];
    let commit = || Commit { token: "t".to_owned(), writes: vec![Write::Put { document: document("a"), condition: Condition::Absent }] };
    let (first, sent) = store.commit_and_send(commit(), &queue, QUEUE, message("of the first"), None).await.expect("answered");
    assert!(first == Committed::Applied && sent.is_ok());
    assert!(queue.changed(QUEUE).now_or_never().is_some());
    let (second, _) = store.commit_and_send(commit(), &queue, QUEUE, message("of the second"), None).await.expect("answered");
    assert!(matches!(second, Committed::Refused(_)));
    let found = queue.receive(QUEUE, 10, MINUTE).await.expect("received").messages;
    assert_eq!(found.iter().map(|(_, message)| message.body.as_str()).collect::<Vec<_>>(), ["of the first"]);
}

#[tokio::test]
async fn a_look_says_when_the_next_message_falls_due() {
    let home = Home::new();
    let queue = home.queue();
    let due = async || queue.receive(QUEUE, 1, MINUTE).await.expect("received").next_due;
    assert_eq!(due().await, None);
    let start = home.clock.now();
    let message = Message { body: "late".to_owned(), group: None };
    queue.send(QUEUE, vec![message], Some(start + MINUTE * 5)).await.expect("queued");
    assert_eq!(due().await, Some(start + MINUTE * 5));
    home.send("now").await;
    assert_eq!(due().await, Some(start + MINUTE), "the one in hand comes back first");
}

#[tokio::test]
async fn receipts_of_an_earlier_process_settle_nothing() {
    let home = Home::new();
    home.send("a").await;
    let old = home.queue().receive(QUEUE, 1, MINUTE).await.expect("received").messages.remove(0).0;
    let home = home.restarted();
    let queue = home.queue();
    let (_, message) = queue.receive(QUEUE, 1, MINUTE).await.expect("received").messages.remove(0);
    assert_eq!((message.receives, message.max_receives), (2, MAX_RECEIVES));
    queue.settle(QUEUE, vec![Settlement::Done(old)]).await.expect("settled");
    home.clock.advance(MINUTE);
    assert_eq!(queue.receive(QUEUE, 1, MINUTE).await.expect("received").messages.len(), 1);
}

#[tokio::test]
async fn what_kills_every_process_becomes_a_dead_letter() {
    let mut home = Home::new();
    home.send("poison").await;
    for receives in 1..=MAX_RECEIVES {
        let batch = home.queue().receive(QUEUE, 1, MINUTE).await.expect("received");
        assert_eq!(batch.messages[0].1.receives, receives);
        home = home.restarted();
    }
    let batch = home.queue().receive(QUEUE, 1, MINUTE).await.expect("received");
    assert!(batch.messages.is_empty());
    let (letters, count) = home.queue().list(QUEUE, 10).await.expect("listed");
    assert_eq!((letters[0].body.as_str(), letters[0].receives, count), ("poison", MAX_RECEIVES, 1));
    assert!(letters[0].sent_at > Timestamp::MIN);
}

#[tokio::test]
async fn message_ids_never_come_twice() {
    let home = Home::new();
    home.send("a").await;
    let first = home.queue().receive(QUEUE, 1, MINUTE).await.expect("received").messages.remove(0);
    let home = home.restarted();
    home.send("b").await;
    let batch = home.queue().receive(QUEUE, 10, MINUTE).await.expect("received");
    let ids: Vec<&str> = batch.messages.iter().map(|(_, message)| message.id.as_str()).collect();
    assert_eq!(ids[0], first.1.id);
    assert_ne!(ids[0], ids[1]);
}
