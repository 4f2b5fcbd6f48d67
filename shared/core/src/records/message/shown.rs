use serde::Serialize;

use super::{Channel, Direction, Message, MessageStatus};
use crate::{
    kind::{Filter, Served},
    ports::{Index, Key, PortError, Stored},
    record::Record,
    records::History,
    schema::described,
    time::Timestamp,
};

described! {
    /// A message as the API shows it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct ShownMessage as "Message" {
        id: String,
        external_id: Option<String>,
        channel: Option<Channel>,
        direction: Option<Direction>,
        to: Option<String>,
        from: Option<String>,
        booking_id: Option<String>,
        status: MessageStatus,
        sent_at: Option<Timestamp>,
        delivered_at: Option<Timestamp>,
        error_code: Option<String>,
        error_text: Option<String>,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

impl Served for Message {
    const NAME: &'static str = "message";
    const LIST: &'static str = Self::KIND;
    const UNMATCHED: &'static str = Self::UNMATCHED;
    const FILTERS: &'static [Filter] = &[
        Filter::state("status", &["pending", "sent", "failed", "delivered", "opened", "bounced", "complained"]),
        Filter::state("channel", &["sms", "voice", "email"]),
        Filter::state("direction", &["inbound", "outbound"]),
        Filter::group("booking_id", Index::Group),
        Filter::group("to", Index::Group2),
        Filter::group("from", Index::Group3),
    ];
    type Shown = ShownMessage;

    fn shown(&self) -> ShownMessage {
        ShownMessage {
            id: self.id.clone(),
            external_id: self.external_id().map(str::to_owned),
            channel: self.channel(),
            direction: self.direction(),
            to: self.to().map(str::to_owned),
            from: self.from().map(str::to_owned),
            booking_id: self.booking_id().map(str::to_owned),
            status: self.status(),
            sent_at: self.sent_at(),
            delivered_at: self.delivered_at(),
            error_code: self.error().and_then(|error| error.code.clone()),
            error_text: self.error().map(|error| error.text.clone()),
            created_at: self.heard.first,
            updated_at: self.heard.last,
        }
    }

    fn told_under(&self) -> Vec<Key> {
        self.leads().map(|id| Self::key(&id)).collect()
    }

    fn history_under(&self, other: &Stored) -> Result<Option<History>, PortError> {
        let other = Self::from_stored(other)?;
        Ok((other.same_as.as_ref() == Some(&self.id)).then_some(other.history))
    }

    fn group(&self, field: &str) -> Option<&str> {
        match field {
            "booking_id" => self.booking_id(),
            "to" => self.to(),
            "from" => self.from(),
            _ => None,
        }
    }

    fn is_served(&self) -> bool {
        self.same_as.is_none() && !self.is_unmatched()
    }
}
