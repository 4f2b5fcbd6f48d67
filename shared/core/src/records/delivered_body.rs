use serde::{Deserialize, Serialize};

use crate::{event::RETENTION, ports::Place, record::Record, time::Timestamp};

/// Notes that a body was delivered, and in which event, for providers that sign the body and not its identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredBody {
    /// A digest of the body and of where it came from.
    pub id: String,
    /// The id of the event record.
    pub event: String,
    /// When Sluice accepted it.
    pub at: Timestamp,
}

impl Record for DeliveredBody {
    const KIND: &'static str = "delivered_body";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }

    /// As long as event records: both forget the delivery together.
    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.at + RETENTION)
    }
}
