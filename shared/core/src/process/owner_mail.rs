use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    effect::Effect,
    event::RETENTION,
    ids::fresh,
    ports::{Commit, Committed, Condition, Place, PortError, Store, Write},
    process::Processor,
    record::Record,
    time::Timestamp,
    webhooks::Subscription,
};

/// How long mails to the owner of a subscription are held back after one.
const SILENCE: Duration = Duration::from_hours(1);
/// So many mails in so long go to whoever the subscriptions of one tenant name as their owners: whom a tenant names has not been asked.
const MOST_FOR_A_TENANT: u32 = 20;
/// How often it is looked whether somebody else was faster.
const ROUNDS: u32 = 4;

/// The last mail to the owner of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnerMail {
    /// The subscription's id.
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
    /// One delivery: left out within the hour after another mail. The list of deliveries has it.
    Delivery,
    /// The subscription: told once the hour is over, if it is still so.
    Subscription,
}

/// Whether a mail goes to the owner of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MayMail {
    /// It does.
    Now,
    /// It does at this time.
    From(Timestamp),
    /// It is left out.
    Not,
}

impl Processor {
    /// Decides whether the mail that `effect` sends goes to the owner of a subscription: one in an hour at most. That it goes is decided once for all tries of
    /// the effect.
    pub(super) async fn may_mail_owner(&self, effect: &Effect, subject: Subject) -> Result<MayMail, PortError> {
        let id = &effect.about.record.id;
        let keys = [OwnerMail::key(id), Subscription::key(id)];
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let mut found = self.store.get(&keys).await?.into_iter();
            let (last, subscription) = (found.next().flatten(), found.next().flatten());
            let known = last.as_ref().map(OwnerMail::from_stored).transpose()?;
            match (known, subject) {
                // Decided before the process died or the mail server did not take it.
                (Some(known), _) if known.effect == effect.id => return Ok(MayMail::Now),
                (Some(known), Subject::Delivery) if now < known.at + SILENCE => return Ok(MayMail::Not),
                (Some(known), Subject::Subscription) if now < known.at + SILENCE => return Ok(MayMail::From(known.at + SILENCE)),
                _ => {}
            }
            let mail = OwnerMail { id: id.clone(), effect: effect.id.clone(), at: now };
            let mut writes = vec![Write::Put { document: mail.document(), condition: Condition::unchanged(last.as_ref()) }];
            let tenant = subscription.as_ref().map(Subscription::from_stored).transpose()?.and_then(|subscription| subscription.tenant);
            if let Some(tenant) = tenant {
                match self.count_for(&tenant, now).await? {
                    Share::Counted(write) => writes.push(write),
                    Share::SpentUntil(at) => {
                        tracing::warn!(
                            tenant,
                            subscription = id,
                            "no mail to the owner now: its tenant has had {MOST_FOR_A_TENANT} in this hour"
                        );
                        return Ok(match subject {
                            Subject::Delivery => MayMail::Not,
                            Subject::Subscription => MayMail::From(at),
                        });
                    }
                }
            }
            if self.store.commit(Commit { token: fresh("", &*self.ids), writes }).await? == Committed::Applied {
                return Ok(MayMail::Now);
            }
        }
        Err(PortError::Temporary("mails to this owner were decided by somebody else at the same moment".to_owned()))
    }

    /// Counts a mail to an owner that the tenant has named.
    async fn count_for(&self, tenant: &str, now: Timestamp) -> Result<Share, PortError> {
        let found = self.store.get(&[TenantsMails::key(tenant)]).await?.pop().flatten();
        let known = found.as_ref().map(TenantsMails::from_stored).transpose()?.filter(|known| now < known.since + SILENCE);
        let (since, sent) = known.map_or((now, 0), |known| (known.since, known.sent));
        if sent >= MOST_FOR_A_TENANT {
            return Ok(Share::SpentUntil(since + SILENCE));
        }
        let mails = TenantsMails { id: tenant.to_owned(), since, sent: sent + 1 };
        Ok(Share::Counted(Write::Put { document: mails.document(), condition: Condition::unchanged(found.as_ref()) }))
    }
}

/// What is left of a tenant's share of mails to owners.
enum Share {
    /// Enough; this counts the mail.
    Counted(Write),
    /// Nothing before then.
    SpentUntil(Timestamp),
}
