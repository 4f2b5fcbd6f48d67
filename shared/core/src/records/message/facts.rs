use serde::{Deserialize, Serialize};

use super::{Channel, Direction, MessageStatus};
use crate::{effect::Announcement, time::Timestamp};

/// The owner's word on a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePut {
    /// When it was put.
    pub at: Timestamp,
    /// The provider's id of it, by which its events name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The way it goes.
    pub channel: Channel,
    /// Whether it came in or went out.
    pub direction: Direction,
    /// Who it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Who it is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The booking that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking_id: Option<String>,
    /// How far it came at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<MessageStatus>,
    /// When it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
}

/// What Sluice sent a text for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentText {
    /// The number that it goes to, E.164.
    pub to: String,
    /// The event that it is an effect of (`in_…`).
    pub event: String,
    /// The effect that sends it.
    pub effect: String,
    /// The template of its words.
    pub template: String,
    /// What it announces: of a booking.
    pub about: Announcement,
}

/// Who wrote to whom, as the provider says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parties {
    /// The way it goes.
    pub channel: Channel,
    /// Whether it came in or went out.
    pub direction: Direction,
    /// Who it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Who it is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl Parties {
    /// All events of a message say the same, or nothing; should they ever differ, the smaller text stays.
    pub(super) fn join(self, other: Self) -> Self {
        let known = |one: Option<String>, other: Option<String>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self {
            channel: self.channel.min(other.channel),
            direction: self.direction.min(other.direction),
            to: known(self.to, other.to),
            from: known(self.from, other.from),
        }
    }
}

/// Why a message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageError {
    /// The provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// In words.
    pub text: String,
}
