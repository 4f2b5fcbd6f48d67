//! What the mails to the owners of subscriptions say.

use serde::Serialize;

use super::{MailContext, MailTemplate, text};
use crate::time::Timestamp;

/// What is wrong with a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// A delivery has failed for good.
    DeliveryFailed,
    /// Every attempt has failed for half the time after which it is disabled.
    Failing,
    /// It is disabled.
    Disabled,
}

/// To the owner of a subscription: what goes there fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubscriptionTrouble {
    /// What is wrong.
    pub why: Trouble,
    /// Where webhooks go.
    #[serde(serialize_with = "text::free")]
    pub url: String,
    /// The subscription's id.
    #[serde(serialize_with = "text::free")]
    pub subscription_id: String,
    /// Its owner's own words.
    #[serde(serialize_with = "text::free_if_known")]
    pub description: Option<String>,
    /// Why it is disabled, in words.
    #[serde(serialize_with = "text::free_if_known")]
    pub reason: Option<String>,
    /// Since when every attempt has failed.
    #[serde(serialize_with = "text::time_if_known")]
    pub failing_since: Option<Timestamp>,
    /// When it will be disabled.
    #[serde(serialize_with = "text::time_if_known")]
    pub disabled_after: Option<Timestamp>,
    /// How often the delivery was tried.
    pub attempts: u32,
    /// The delivery that failed last.
    #[serde(serialize_with = "text::free_if_known")]
    pub delivery_id: Option<String>,
    /// The type of what it told.
    #[serde(serialize_with = "text::free_if_known")]
    pub event_type: Option<String>,
    /// The status of the last answer.
    pub status_code: Option<u16>,
    /// What went wrong.
    #[serde(serialize_with = "text::free_if_known")]
    pub error: Option<String>,
    /// The beginning of the last answer.
    #[serde(serialize_with = "text::free_if_known")]
    pub response: Option<String>,
}

impl MailContext for SubscriptionTrouble {
    const TEMPLATE: MailTemplate = MailTemplate::SubscriptionTrouble;
}
