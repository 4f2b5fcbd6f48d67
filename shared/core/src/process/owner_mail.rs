use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    effect::Effect,
    event::RETENTION,
    ids::fresh,
    ports::{Commit, Committed, Condition, Key, Place, PortError, Store, Write},
    process::Processor,
    record::Record,
    time::Timestamp,
    webhooks::Subscription,
};

/// How long mails of a kind to the owner of a subscription are held back after one.
const SILENCE: Duration = Duration::from_hours(1);
/// So many mails in so long go to whoever the subscriptions of one tenant name as their owners: whom a tenant names has not been asked.
const MOST_FOR_A_TENANT: u32 = 20;
/// How often it is looked whether somebody else was faster.
const ROUNDS: u32 = 4;

/// The last mail of a kind to the owner of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnerMail {
    /// The subscription's id; with the kind behind it, for what is not said of every delivery.
    id: String,
    /// The effect that sends it.
    effect: String,
    /// When it was decided that it goes.
    at: Timestamp,
}

/// How many mails went to owners that a tenant has named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TenantsMails {
    /// The tenant's id.
    id: String,
    /// Since when they are counted.
    since: Timestamp,
    /// How many.
    sent: u32,
}

impl Record for TenantsMails {
    const KIND: &'static str = "webhook_mails";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.since + RETENTION)
    }
}

impl OwnerMail {
    /// Whether mails on deliveries of the subscription are held back now.
    ///
    /// # Errors
    /// [`PortError`] if it can't be read.
    pub(crate) async fn holds_back(store: &dyn Store, subscription: &str, now: Timestamp) -> Result<bool, PortError> {
        let found = store.get(&[Self::key(subscription)]).await?.pop().flatten();
        Ok(found.as_ref().map(Self::from_stored).transpose()?.is_some_and(|known| now < known.at + SILENCE))
    }
}

impl Record for OwnerMail {
    const KIND: &'static str = "webhook_mail";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.at + RETENTION)
    }
}

/// What a mail to the owner of a subscription is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// One delivery: held back by any mail within the hour.
    Delivery,
    /// The subscription, by the type of the event that says so: held back by one of its own kind alone.
    Subscription(&'static str),
}

impl Subject {
    fn key(self, subscription: &str) -> Key {
        match self {
            Self::Delivery => OwnerMail::key(subscription),
            Self::Subscription(kind) => OwnerMail::key(&format!("{subscription}/{kind}")),
        }
    }
}

impl Processor {
    /// Decides whether the mail that `effect` sends goes to the owner of a subscription, once for all tries of the effect.
    pub(super) async fn may_mail_owner(&self, effect: &Effect, subject: Subject) -> Result<bool, PortError> {
        let id = &effect.about.record.id;
        let keys = [subject.key(id), OwnerMail::key(id), Subscription::key(id)];
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let mut found = self.store.get(&keys).await?.into_iter();
            let (of_kind, of_any, subscription) = (found.next().flatten(), found.next().flatten(), found.next().flatten());
            let known = of_kind.as_ref().map(OwnerMail::from_stored).transpose()?;
            match known {
                // Decided before the process died or the mail server did not take it.
                Some(known) if known.effect == effect.id => return Ok(true),
                Some(known) if now < known.at + SILENCE => return Ok(false),
                _ => {}
            }
            let mut writes = Vec::new();
            let mut note = |key: &Key, found| {
                let mail = OwnerMail { id: key.id.clone(), effect: effect.id.clone(), at: now };
                writes.push(Write::Put { document: mail.document(), condition: Condition::unchanged(found) });
            };
            note(&keys[0], of_kind.as_ref());
            if keys[0] != keys[1] {
                note(&keys[1], of_any.as_ref());
            }
            let tenant = subscription.as_ref().map(Subscription::from_stored).transpose()?.and_then(|subscription| subscription.tenant);
            if let Some(tenant) = tenant {
                match self.count_for(&tenant, now).await? {
                    Some(write) => writes.push(write),
                    None => {
                        tracing::warn!(
                            tenant,
                            subscription = id,
                            "no mail to the owner: its tenant has had {MOST_FOR_A_TENANT} in this hour"
                        );
                        return Ok(false);
                    }
                }
            }
            if self.store.commit(Commit { token: fresh("", &*self.ids), writes }).await? == Committed::Applied {
                return Ok(true);
            }
        }
        Err(PortError::Temporary("mails to this owner were decided by somebody else at the same moment".to_owned()))
    }

    /// Counts a mail to an owner that the tenant has named; `None` if it has had its share of this hour.
    async fn count_for(&self, tenant: &str, now: Timestamp) -> Result<Option<Write>, PortError> {
        let found = self.store.get(&[TenantsMails::key(tenant)]).await?.pop().flatten();
        let known = found.as_ref().map(TenantsMails::from_stored).transpose()?.filter(|known| now < known.since + SILENCE);
        let (since, sent) = known.map_or((now, 0), |known| (known.since, known.sent));
        if sent >= MOST_FOR_A_TENANT {
            return Ok(None);
        }
        let mails = TenantsMails { id: tenant.to_owned(), since, sent: sent + 1 };
        Ok(Some(Write::Put { document: mails.document(), condition: Condition::unchanged(found.as_ref()) }))
    }
}
