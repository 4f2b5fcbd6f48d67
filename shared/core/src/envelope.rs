//! What travels on the queue `inbound`: a verified webhook, or the name of an event to carry on with.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    body::{self, PackedBody},
    ports::Key,
    rules::SLUICE,
    time::Timestamp,
};

/// A verified webhook, named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Who sent it, such as `stripe`.
    pub provider: String,
    /// Which of several accounts of the provider; `default` without one.
    pub source: String,
    /// The provider's own identity of the event, the same in every redelivery.
    pub key: String,
    /// The provider's own name of what happened, such as `payment_intent.succeeded`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened, by the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// Whose event it is, by the provider, such as a connected account or a shop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The tenant whose event it is: the one that its source is bound to, or in whose space the record lies that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// When Sluice accepted it.
    pub received_at: Timestamp,
    /// The query of the URL, as requested, where it belongs to what the event says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The request headers worth keeping, names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: PackedBody,
}

impl Envelope {
    /// An event that Sluice makes itself, of its own source `source`, which happens now.
    #[must_use]
    pub(crate) fn own(source: &str, key: String, kind: &str, now: Timestamp, body: &[u8]) -> Self {
        Self {
            provider: SLUICE.to_owned(),
            source: source.to_owned(),
            key,
            kind: kind.to_owned(),
            occurred_at: Some(now),
            account: None,
            tenant: None,
            received_at: now,
            query: String::new(),
            headers: Vec::new(),
            body: PackedBody::pack(&body::NONE, body),
        }
    }

    /// The id of the event's record.
    #[must_use]
    pub fn event_id(&self) -> String {
        event_id(&self.provider, &self.source, &self.key)
    }
}

/// The id of an event's record: `in_` and a digest of provider, source and key, the same every time.
#[must_use]
pub fn event_id(provider: &str, source: &str, key: &str) -> String {
    format!("in_{}", digest(&[provider, source, key]))
}

/// 132 bits of SHA-256 over the parts as 22 URL-safe characters. No two lists of parts give the same text to hash.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut text = URL_SAFE_NO_PAD.encode(hash.finalize());
    text.truncate(22);
    text
}

/// A message on the queue `inbound`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboundMessage {
    /// A verified webhook.
    Event(Box<Envelope>),
    /// An event record with effects that nobody is working on.
    Resume {
        /// The event record's id.
        id: String,
    },
    /// An event record to plan again from its stored body.
    Replay {
        /// The event record's id.
        id: String,
    },
    /// The time that a record waits for.
    Timer {
        /// The record.
        record: Key,
        /// The time, as the record had it when this was sent.
        due_at: Timestamp,
    },
}

impl InboundMessage {
    /// The id of the event record that it is about; of a timer, the record that waits.
    #[must_use]
    pub fn event_id(&self) -> String {
        match self {
            Self::Event(envelope) => envelope.event_id(),
            Self::Resume { id } | Self::Replay { id } => id.clone(),
            Self::Timer { record, .. } => record.to_string(),
        }
    }

    /// The message's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("serialising to memory can't fail")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_tell_all_parts_apart() {
        assert_eq!(event_id("stripe", "default", "evt_1"), event_id("stripe", "default", "evt_1"));
        assert_ne!(event_id("stripe", "default", "evt_1"), event_id("stripe", "acme", "evt_1"));
        assert_ne!(event_id("a", "bc", "d"), event_id("ab", "c", "d"));
        assert_eq!(event_id("stripe", "default", "evt_1").len(), 25);
    }
}
