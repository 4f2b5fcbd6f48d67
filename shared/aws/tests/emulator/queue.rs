use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_sqs::{
    Client,
    types::{MessageSystemAttributeName, QueueAttributeName},
};
use sluice_aws::{QueueUrls, SqsQueue};
use sluice_core::{
    ports::{Clock, DeadLetters, Message, PortError, Queue, QueueName},
    testing::contract::queue::{self, Delivered, QueueCase},
    time::Timestamp,
};
use sluice_system::SystemClock;

use crate::home::Home;

const MAX_RECEIVES: u32 = 3;

/// Queues of the test's own.
struct Queues {
    client: Client,
    queue: SqsQueue,
    urls: BTreeMap<QueueName, QueueUrls>,
    home: Home,
}

impl Queues {
    async fn new() -> Self {
        let home = Home::new().await;
        let client = home.clients.sqs();
        let mut urls = BTreeMap::new();
        for name in [QueueName::Inbound, QueueName::Outbound] {
            let dead_letters = create(&client, "dead", None).await;
            let attributes =
                client.get_queue_attributes().queue_url(&dead_letters).attribute_names(QueueAttributeName::QueueArn).send().await;
            let arn = attributes.expect("the queue is there").attributes.expect("its name")[&QueueAttributeName::QueueArn].clone();
            let policy = format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":{MAX_RECEIVES}}}");
            let queue = create(&client, "queue", Some(policy)).await;
            urls.insert(name, QueueUrls { queue, dead_letters: Some(dead_letters) });
        }
        let queue = SqsQueue::new(client.clone(), urls.clone(), Arc::new(SystemClock), Home::patience());
        Self { client, queue, urls, home }
    }

    async fn delete(&self) {
        for urls in self.urls.values() {
            for url in urls.dead_letters.iter().chain([&urls.queue]) {
                self.client.delete_queue().queue_url(url).send().await.expect("the queue is there");
            }
        }
    }
}

async fn create(client: &Client, what: &str, redrive: Option<String>) -> String {
    let mut call = client.create_queue().queue_name(Home::name(what)).attributes(QueueAttributeName::MaximumMessageSize, "1048576");
    if let Some(policy) = redrive {
        call = call.attributes(QueueAttributeName::RedrivePolicy, policy);
    }
    call.send().await.expect("a new queue").queue_url.expect("its URL")
}

#[async_trait]
impl QueueCase for Queues {
    type Receipt = String;

    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    fn dead_letters(&self) -> &dyn DeadLetters {
        &self.queue
    }

    fn max_receives(&self) -> u32 {
        MAX_RECEIVES
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    async fn pass(&self, length: Duration) {
        SystemClock.sleep(length).await;
    }

    async fn receive(&self, queue: QueueName, limit: usize, visibility: Duration) -> Vec<Delivered<String>> {
        // AWS asks all of its hosts only if it may wait; an emulator is one host.
        let wait = if self.home.emulator.is_some() { 0 } else { 1 };
        let call = self.client.receive_message().queue_url(&self.urls[&queue].queue).max_number_of_messages(limit as i32);
        let call = call.visibility_timeout(visibility.as_secs() as i32).wait_time_seconds(wait);
        let answer = call.message_system_attribute_names(MessageSystemAttributeName::All).send().await.expect("the queue answers");
        let delivered = |message: aws_sdk_sqs::types::Message| {
            let attributes = message.attributes.expect("all were asked for");
            Delivered {
                receipt: message.receipt_handle.expect("a receipt"),
                id: message.message_id.expect("an id"),
                body: message.body.expect("a body"),
                receives: attributes[&MessageSystemAttributeName::ApproximateReceiveCount].parse().expect("a number"),
                sent_at: Timestamp::from_millis(attributes[&MessageSystemAttributeName::SentTimestamp].parse().expect("milliseconds")),
            }
        };
        answer.messages.unwrap_or_default().into_iter().map(delivered).collect()
    }

    async fn done(&self, queue: QueueName, receipts: Vec<String>) {
        for receipt in receipts {
            // The answer to a stale receipt differs from case to case; what counts is whether the message comes again.
            let call = self.client.delete_message().queue_url(&self.urls[&queue].queue).receipt_handle(receipt);
            let _ = call.send().await;
        }
    }

    async fn later(&self, queue: QueueName, receipt: String, at: Timestamp) {
        let seconds = at.since(self.now()).as_secs_f64().ceil() as i32;
        let call = self.client.change_message_visibility().queue_url(&self.urls[&queue].queue).receipt_handle(receipt);
        call.visibility_timeout(seconds).send().await.expect("the receipt is fresh");
    }
}

/// The emulator knows no message move task (it answers `InvalidAction`), so letters are redriven one by one here, and by SQS itself on AWS.
#[tokio::test(flavor = "multi_thread")]
async fn the_queue_keeps_its_contract() {
    queue::all(async |_| Queues::new().await).await;
}

#[tokio::test]
async fn large_messages_take_batches_of_their_own_and_too_large_ones_are_named() {
    let queues = Queues::new().await;
    let message = |bytes: usize| Message { body: "x".repeat(bytes), group: Some("tenant".to_owned()) };
    let sizes = [600_000, 600_000, 1_048_577, 10];
    let error = queues.queue.send(QueueName::Inbound, sizes.map(message).into(), None).await.expect_err("one is too large");
    assert_eq!(error.failed, [2]);
    assert!(matches!(error.cause, PortError::Permanent(_)), "{error}");
    let mut received = Vec::new();
    while received.len() < 3 {
        let batch = queues.receive(QueueName::Inbound, 10, Duration::from_secs(60)).await;
        assert!(!batch.is_empty(), "{} received", received.len());
        received.extend(batch.into_iter().map(|message| message.body.len()));
    }
    received.sort_unstable();
    assert_eq!(received, [10, 600_000, 600_000]);
    queues.delete().await;
}

/// The emulator would take the message; AWS refuses it.
#[tokio::test]
async fn what_is_due_after_the_longest_delay_is_refused() {
    let queues = Queues::new().await;
    let message = Message { body: "{}".to_owned(), group: None };
    let late = SystemClock.now() + Duration::from_secs(905);
    let error = queues.queue.send(QueueName::Inbound, vec![message], Some(late)).await.expect_err("too late for SQS");
    assert!(matches!(&error.cause, PortError::Permanent(text) if text.contains("due index")), "{error}");
    queues.delete().await;
}

#[tokio::test]
async fn a_queue_that_is_gone_is_a_temporary_failure_of_all_messages() {
    let queues = Queues::new().await;
    queues.delete().await;
    let messages = (0..12).map(|_| Message { body: "{}".to_owned(), group: None }).collect();
    let error = queues.queue.send(QueueName::Inbound, messages, None).await.expect_err("the queue is gone");
    assert_eq!(error.failed, (0..12).collect::<Vec<_>>());
    assert!(matches!(error.cause, PortError::Temporary(_)), "{error}");
}
