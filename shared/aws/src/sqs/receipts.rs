//! What a host does with messages that it was handed by an event source mapping.

use std::{fmt, sync::Arc, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry},
};
use futures_util::future::join_all;

use crate::{
    failure::Failure,
    patience::{Patience, Repeat},
};

/// The longest that SQS keeps a received message from others, counted from its receive.
pub const LONGEST_VISIBILITY: Duration = Duration::from_hours(12);
/// The most messages of one call.
const MOST: usize = 10;

/// The messages that were received from one queue, by their receipt handles.
#[derive(Clone)]
pub struct SqsReceipts {
    client: Client,
    url: String,
    patience: Arc<Patience>,
}

impl SqsReceipts {
    /// Of the queue at `url`. `patience` says how long busy calls are tried again.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>, patience: Arc<Patience>) -> Self {
        Self { client, url: url.into(), patience }
    }

    /// Makes each message visible again after its wait, at most [`LONGEST_VISIBILITY`]. A failure is logged and no matter: the message shows itself after the
    /// queue's own visibility timeout.
    pub async fn put_off(&self, messages: &[(String, Duration)]) {
        join_all(messages.chunks(MOST).map(async |batch| {
            let entry = |(position, (receipt, wait)): (usize, &(String, Duration))| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(position.to_string()).receipt_handle(receipt);
                entry.visibility_timeout(seconds(*wait)).build().expect("id and receipt are set")
            };
            let entries: Vec<_> = batch.iter().enumerate().map(entry).collect();
            let change = || async {
                let call = self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries.clone()));
                call.send().await.map_err(|error| Failure::of("SQS", &error))
            };
            match Box::pin(self.patience.call(Repeat::Harmless, change)).await {
                Ok(answer) => answer.failed.iter().for_each(|failed| {
                    tracing::warn!(
                        code = failed.code,
                        "a message could not be put off; it comes back after the queue's visibility timeout"
                    );
                }),
                Err(error) => {
                    tracing::warn!(%error, "messages could not be put off; they come back after the queue's visibility timeout");
                }
            }
        }))
        .await;
    }

    /// Removes messages that were handled. A failure is logged and no matter: a message that comes again is known by its content.
    pub async fn remove(&self, receipts: &[String]) {
        join_all(receipts.chunks(MOST).map(async |batch| {
            let entry = |(position, receipt): (usize, &String)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(position.to_string()).receipt_handle(receipt);
                entry.build().expect("id and receipt are set")
            };
            let entries: Vec<_> = batch.iter().enumerate().map(entry).collect();
            let remove = || async {
                let call = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries.clone()));
                call.send().await.map_err(|error| Failure::of("SQS", &error))
            };
            if let Err(error) = Box::pin(self.patience.call(Repeat::Harmless, remove)).await {
                tracing::warn!(%error, "handled messages could not be removed one by one");
            }
        }))
        .await;
    }
}

/// Whole seconds, rounded up, so that a message is never early.
fn seconds(wait: Duration) -> i32 {
    let wait = wait.min(LONGEST_VISIBILITY);
    i32::try_from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).expect("at most 12 hours")
}

impl fmt::Debug for SqsReceipts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsReceipts").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_whole_seconds_within_what_sqs_takes() {
        assert_eq!(seconds(Duration::ZERO), 0);
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_secs(43_199)), 43_199);
        assert_eq!(seconds(Duration::from_millis(43_199_001)), 43_200);
        assert_eq!(seconds(Duration::MAX), 43_200);
    }
}
