use serde::Deserialize;

use super::{Draft, NoDraft, Outgoing};
use crate::{
    effect::Effect,
    event::EventRecord,
    ports::Store,
    record::Record,
    template::{MailTemplate, SubscriptionTrouble, Trouble},
    time::Timestamp,
    webhooks::{SUBSCRIPTION_DISABLED, SUBSCRIPTION_FAILING, Subscription},
};

/// What the event says that the mail is about.
#[derive(Deserialize)]
struct Said {
    url: String,
    reason: Option<String>,
    failing_since: Option<Timestamp>,
    disabled_after: Option<Timestamp>,
    #[serde(default)]
    attempts: u32,
    delivery_id: Option<String>,
    event_type: Option<String>,
    status_code: Option<u16>,
    error: Option<String>,
    response: Option<String>,
}

impl Outgoing {
    /// Tells the owner of a subscription that what goes there fails. One that was removed since has nobody to be told.
    pub(super) async fn draft_for_subscription(&self, store: &dyn Store, event: &EventRecord, effect: &Effect) -> Result<Draft, NoDraft> {
        if effect.template != MailTemplate::SubscriptionTrouble.name() {
            return Err(super::unknown(effect));
        }
        let id = &effect.about.record.id;
        let Some(stored) = store.get(&[Subscription::key(id)]).await?.pop().flatten() else { return Ok(Draft::Superseded) };
        let subscription = Subscription::from_stored(&stored)?;
        let why = match event.kind.as_str() {
            SUBSCRIPTION_DISABLED => Trouble::Disabled,
            SUBSCRIPTION_FAILING => Trouble::Failing,
            _ => Trouble::DeliveryFailed,
        };
        // It was enabled again before this could be sent.
        if why == Trouble::Disabled && subscription.active() {
            return Ok(Draft::Superseded);
        }
        let body = event.body().unpack().map_err(|error| NoDraft::NothingToSay(error.to_string()))?;
        let said: Said =
            serde_json::from_slice(&body).map_err(|error| NoDraft::NothingToSay(format!("the event can't be read: {error}")))?;
        // Whom a tenant names as the owner has not been asked: of the words that it and its receiver choose such a mail has none.
        let is_operators = subscription.tenant.is_none();
        let words = self.templates.mail(&SubscriptionTrouble {
            why,
            url: said.url,
            subscription_id: id.clone(),
            description: Some(subscription.description).filter(|_| is_operators),
            reason: said.reason,
            failing_since: said.failing_since,
            disabled_after: said.disabled_after,
            attempts: said.attempts,
            delivery_id: said.delivery_id,
            event_type: said.event_type,
            status_code: said.status_code,
            error: said.error,
            response: said.response.filter(|_| is_operators),
        })?;
        let to = subscription.owner_email.unwrap_or_else(|| self.people.support_email.clone());
        Ok(Draft::Mail { to: Some(to), words })
    }
}
