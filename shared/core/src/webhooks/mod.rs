//! Webhooks out: who wants to be told what, and the way of each event to each of them.
//!
//! What is published is written in the commit of the change that causes it. Fanning it out is an effect of that event, with a stored cursor: for
//! each subscriber a delivery under an id derived from both, so that repeating it adds nothing. A delivery is a record of its own, born in the due
//! index, with a message in the queue `outbound`; whoever handles the message takes a lease, makes one attempt, and writes down what came of it.

mod catch_up;
mod deliver;
mod delivery;
pub mod endpoint;
mod fan_out;
mod in_hand;
mod interest;
mod manage;
mod notice;
mod of_event;
mod pattern;
mod published;
pub mod schedule;
pub mod sealed;
mod sign;
mod subscription;
mod tally;
mod under_test;
pub mod verdict;

use std::{sync::Arc, time::Duration};

pub(crate) use catch_up::Page as CatchUpPage;
pub use catch_up::{CatchUp, Progress as CatchUpProgress, What};
pub use deliver::{Crowd, Deliverer, Known};
pub use delivery::{Asked, Attempt, Delivery, DeliveryStatus, EXCERPT, WaitsFor};
pub use endpoint::Endpoint;
pub(crate) use fan_out::FanOut;
pub(crate) use in_hand::Hold;
pub use in_hand::InHand;
pub use interest::{ChangedBy, Interest, InterestBoard, KNOWN_WITHIN, anybody_subscribed};
pub use manage::{Made, change_subscription};
pub(crate) use notice::{
    Begun, DELIVERY_FAILED, Publication, SUBSCRIPTION_DISABLED, SUBSCRIPTION_FAILING, TEST, effect as publish_effect,
    of_news as publish_news, wanted,
};
pub(crate) use of_event::keys_of_event;
pub(crate) use pattern::OWN_NEWS;
pub use pattern::{Pattern, is_event_type};
pub use published::{LARGEST_DATA, Published};
pub(crate) use sign::{Attempted, Signers, attempt_headers, is_free};
pub use subscription::{
    DeletedSubscription, Disabled, Entry, LONGEST_OVERLAP, OVERLAP, OwnHeader, Signing, SigningPair, SigningSecret, Subscription, TIMEOUT,
};
pub(crate) use under_test::NoTest;
pub use under_test::UnderTest;

use serde::{Deserialize, Serialize};
use sluice_guard::Rules;

use crate::{
    ports::{Message, Poster},
    time::Timestamp,
};

/// The longest that a queue holds a message back (SQS: 15 minutes). What is due later stands in the due index alone.
pub const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// What webhooks out stand on, besides what all of the gateway does.
pub struct Webhooks {
    /// Makes the attempts.
    pub poster: Arc<dyn Poster>,
    /// Opens and seals the signing secrets, and the values of headers.
    pub keyring: sealed::Keyring,
    /// Where webhooks may go.
    pub rules: Rules,
    /// Which events anybody wants.
    pub interest: Arc<InterestBoard>,
    /// The schedule of subscriptions that have none of their own.
    pub retry_schedule: schedule::RetrySchedule,
    /// The deliveries that this process has in hand.
    pub in_hand: InHand,
    /// The subscriptions that this process tests at the moment.
    pub under_test: UnderTest,
}

/// A message on the queue `outbound`: a delivery that is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundMessage {
    /// The delivery's id.
    pub delivery: String,
    /// Its subscription. With the event it is named here, so that all that an attempt needs is read in one call.
    pub subscription: String,
    /// Its event.
    pub event: String,
    /// When it is due, as the delivery had it when this was sent.
    pub due_at: Timestamp,
}

impl OutboundMessage {
    /// The message for a delivery that is due at `due_at`.
    #[must_use]
    pub fn of(delivery: &Delivery, due_at: Timestamp) -> Message {
        let message = Self {
            delivery: delivery.id.clone(),
            subscription: delivery.subscription_id.clone(),
            event: delivery.event_id.clone(),
            due_at,
        };
        let body = serde_json::to_string(&message).expect("serialising to memory can't fail");
        Message { body, group: Some(message.subscription) }
    }
}
