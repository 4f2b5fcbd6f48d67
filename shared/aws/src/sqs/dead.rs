//! What lies in a dead-letter queue. SQS can't list: messages are received, and made visible again at once.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName};
use sluice_core::{
    ports::{DeadLetter, PortError},
    time::Timestamp,
};

use super::SqsQueue;
use crate::{failure::Failure, patience::Repeat};

/// The most that one receive hands out.
pub(super) const MOST_RECEIVED: i32 = 10;
/// How long letters that are looked at stay hidden if nobody makes them visible again, seconds.
const HIDDEN: i32 = 30;
/// A receive that waits asks all of SQS's hosts and not only some, seconds.
pub(super) const ASK_ALL: i32 = 1;
/// At least so many letters are looked at to find the oldest.
const LOOKED_AT: usize = 100;

/// What is asked of a queue about itself.
pub(super) struct QueueState {
    pub(super) arn: String,
    pub(super) messages: u64,
}

impl SqsQueue {
    pub(super) async fn look(&self, url: &str, limit: usize) -> Result<(Vec<DeadLetter>, u64), PortError> {
        let mut met: BTreeMap<String, Message> = BTreeMap::new();
        let mut outcome = Ok(());
        while met.len() < limit.max(LOOKED_AT) {
            match self.receive(url, HIDDEN).await {
                Ok(received) if received.is_empty() => break,
                Ok(received) => met.extend(received.into_iter().map(|message| (message.message_id.clone().unwrap_or_default(), message))),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        self.show_again(url, met.values()).await;
        outcome?;
        let total = self.state(url).await?.messages.max(met.len() as u64);
        let mut letters: Vec<DeadLetter> = met.into_values().map(letter).collect();
        letters.sort_by(|a, b| (a.sent_at, &a.id).cmp(&(b.sent_at, &b.id)));
        letters.truncate(limit);
        Ok((letters, total))
    }

    pub(super) async fn receive(&self, url: &str, hidden: i32) -> Result<Vec<Message>, PortError> {
        let receive = || async {
            let call = self.client.receive_message().queue_url(url).max_number_of_messages(MOST_RECEIVED).wait_time_seconds(ASK_ALL);
            let call = call.visibility_timeout(hidden).message_system_attribute_names(MessageSystemAttributeName::All);
            let answer = call.send().await.map_err(|error| Failure::of("SQS", &error))?;
            Ok(answer.messages.unwrap_or_default())
        };
        Box::pin(self.patience.call(Repeat::Harmless, receive)).await.map_err(Failure::into_port_error)
    }

    /// A failure is no matter: the letters show themselves after [`HIDDEN`].
    async fn show_again(&self, url: &str, messages: impl Iterator<Item = &Message>) {
        let entry = |(position, message): (usize, &Message)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(position.to_string()).visibility_timeout(0);
            entry.set_receipt_handle(message.receipt_handle.clone()).build().expect("id and receipt are set")
        };
        let entries: Vec<_> = messages.filter(|message| message.receipt_handle.is_some()).enumerate().map(entry).collect();
        for batch in entries.chunks(10) {
            let call = self.client.change_message_visibility_batch().queue_url(url).set_entries(Some(batch.to_vec()));
            if let Err(error) = Box::pin(call.send()).await {
                let error = Failure::of("SQS", &error);
                tracing::warn!(%error, "dead letters that were looked at stay hidden for {HIDDEN} s");
            }
        }
    }

    /// Asks a queue for its name and how many messages it holds, as far as it knows: hidden and delayed ones are counted.
    pub(super) async fn state(&self, url: &str) -> Result<QueueState, PortError> {
        const COUNTS: [QueueAttributeName; 3] = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let ask = || async {
            let call = self.client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
            let call = COUNTS.into_iter().fold(call, |call, name| call.attribute_names(name));
            call.send().await.map_err(|error| Failure::of("SQS", &error))
        };
        let answer = Box::pin(self.patience.call(Repeat::Harmless, ask)).await.map_err(Failure::into_port_error)?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = |name| attributes.get(&name).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
        let arn = attributes.get(&QueueAttributeName::QueueArn).cloned().unwrap_or_default();
        Ok(QueueState { arn, messages: COUNTS.into_iter().map(count).sum() })
    }
}

pub(super) fn attribute<'a>(message: &'a Message, name: &MessageSystemAttributeName) -> Option<&'a str> {
    message.attributes.as_ref()?.get(name).map(String::as_str)
}

fn letter(message: Message) -> DeadLetter {
    let receives = attribute(&message, &MessageSystemAttributeName::ApproximateReceiveCount).and_then(|count| count.parse().ok());
    let sent_at = attribute(&message, &MessageSystemAttributeName::SentTimestamp).and_then(|millis| millis.parse().ok());
    DeadLetter {
        receives: receives.unwrap_or(0),
        sent_at: Timestamp::from_millis(sent_at.unwrap_or(0)),
        id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
    }
}
