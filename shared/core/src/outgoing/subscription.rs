use serde::Deserialize;

use super::{Draft, NoDraft, Outgoing};
use crate::{
    effect::Effect,
    event::EventRecord,
    ports::Store,
    record::Record,
    template::{MailTemplate, SubscriptionTrouble, Trouble},
    time::Timestamp,
    webhooks::{Endpoint, SUBSCRIPTION_DISABLED, SUBSCRIPTION_FAILING, Subscription},
};

/// What the event says that the mail is about.
#[derive(Deserialize)]
struct Said {
    url: String,
    reason: Option<String>,
    failing_since: Option<Timestamp>,
    disabled_after: Option<Timestamp>,
    disabled_at: Option<Timestamp>,
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
        let body = event.body().unpack().map_err(|error| NoDraft::NothingToSay(error.to_string()))?;
        let said: Said =
            serde_json::from_slice(&body).map_err(|error| NoDraft::NothingToSay(format!("the event can't be read: {error}")))?;
        let is_so = match why {
            // Neither enabled again before this could be sent, nor disabled again since.
            Trouble::Disabled => subscription.disabled.as_ref().is_some_and(|disabled| said.disabled_at.is_none_or(|at| disabled.at == at)),
            // That it is disabled by now says more.
            Trouble::Failing => subscription.active() && self.still_fails(store, id, said.failing_since).await?,
            Trouble::DeliveryFailed => true,
        };
        if !is_so {
            return Ok(Draft::Superseded);
        }
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

    /// Whether all attempts of the subscription have failed since then.
    async fn still_fails(&self, store: &dyn Store, id: &str, since: Option<Timestamp>) -> Result<bool, NoDraft> {
        let found = store.get(&[Endpoint::key(id)]).await?.pop().flatten();
        let endpoint = found.as_ref().map(Endpoint::from_stored).transpose()?;
        Ok(since.is_none() || endpoint.is_some_and(|endpoint| endpoint.failing_since == since))
    }
}
