use serde::{Deserialize, Serialize};

/// How far a message came. In their order: it moves only up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    /// On its way to the provider, or waiting there.
    Pending,
    /// The provider has handed it on.
    Sent,
    /// It did not arrive.
    Failed,
    /// It arrived.
    Delivered,
    /// It was opened.
    Opened,
    /// It came back: the address takes no mail.
    Bounced,
    /// Its reader reported it as unwanted.
    Complained,
}

crate::schema::described_words!(MessageStatus: Pending, Sent, Failed, Delivered, Opened, Bounced, Complained);

impl MessageStatus {
    /// The status that Twilio's word for a message's status stands for (<https://www.twilio.com/docs/messaging/api/message-resource#message-status-values>).
    #[must_use]
    pub fn of_twilio_message(word: &str) -> Option<Self> {
        Some(match word {
            "queued" | "accepted" | "scheduled" | "sending" => Self::Pending,
            "sent" | "partially_delivered" => Self::Sent,
            "delivered" | "read" | "receiving" | "received" => Self::Delivered,
            "failed" | "undelivered" | "canceled" => Self::Failed,
            _ => return None,
        })
    }

    /// The status that Twilio's word for a call's status stands for (<https://www.twilio.com/docs/voice/api/call-resource#call-status-values>).
    #[must_use]
    pub fn of_twilio_call(word: &str) -> Option<Self> {
        Some(match word {
            "queued" | "initiated" | "ringing" => Self::Pending,
            "in-progress" | "answered" => Self::Sent,
            "completed" => Self::Delivered,
            "busy" | "failed" | "no-answer" | "canceled" => Self::Failed,
            _ => return None,
        })
    }

    /// The status that the last part of one of Sendro's event types stands for.
    #[must_use]
    pub fn of_sendro(word: &str) -> Option<Self> {
        Some(match word {
            "queued" | "scheduled" => Self::Pending,
            "sent" => Self::Sent,
            "failed" => Self::Failed,
            "delivered" => Self::Delivered,
            "opened" => Self::Opened,
            "bounced" => Self::Bounced,
            "complained" => Self::Complained,
            _ => return None,
        })
    }
}

/// The way that a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text message.
    Sms,
    /// A call.
    Voice,
    /// A mail.
    Email,
}

crate::schema::described_words!(Channel: Sms, Voice, Email);

/// Whether a message came in or went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the business.
    Inbound,
    /// From the business.
    Outbound,
}

crate::schema::described_words!(Direction: Inbound, Outbound);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_twilio_s_has_its_status() {
        let of = |words: &[&str]| words.iter().map(|word| MessageStatus::of_twilio_message(word)).collect::<Vec<_>>();
        assert_eq!(of(&["queued", "accepted", "scheduled", "sending"]), [Some(MessageStatus::Pending); 4]);
        assert_eq!(of(&["sent", "partially_delivered"]), [Some(MessageStatus::Sent); 2]);
        assert_eq!(of(&["delivered", "read", "receiving", "received"]), [Some(MessageStatus::Delivered); 4]);
        assert_eq!(of(&["failed", "undelivered", "canceled"]), [Some(MessageStatus::Failed); 3]);
        assert_eq!(of(&["", "DELIVERED", "ringing"]), [None; 3]);
    }

    #[test]
    fn the_ranks_are_those_that_only_go_up() {
        use MessageStatus::{Bounced, Complained, Delivered, Failed, Opened, Pending, Sent};
        assert!([Pending, Sent, Failed, Delivered, Opened, Bounced, Complained].is_sorted_by(|a, b| a < b));
    }
}
