use serde::{Deserialize, Serialize};
use sluice_core::time::Timestamp;

/// [Messages](https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event) as Lambda hands them to a function.
#[derive(Clone, Debug, Deserialize)]
pub struct SqsEvent {
    #[serde(rename = "Records")]
    pub(super) records: Vec<SqsRecord>,
}

/// One message.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SqsRecord {
    pub(super) message_id: String,
    pub(super) receipt_handle: String,
    pub(super) body: String,
    attributes: Attributes,
}

/// Numbers as text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    approximate_receive_count: String,
    sent_timestamp: String,
}

impl SqsRecord {
    /// How often the message has been received, this time included.
    pub(super) fn receives(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }

    /// When the message was queued.
    pub(super) fn sent_at(&self) -> Timestamp {
        Timestamp::from_millis(self.attributes.sent_timestamp.parse().unwrap_or(i64::MAX))
    }
}

/// Which messages of a batch come back. All others are removed from the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

impl BatchAnswer {
    pub(super) fn failing(messages: impl IntoIterator<Item = String>) -> Self {
        Self { batch_item_failures: messages.into_iter().map(|item_identifier| ItemFailure { item_identifier }).collect() }
    }
}
