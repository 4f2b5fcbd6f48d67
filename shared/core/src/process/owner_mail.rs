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
};

/// How long mails on deliveries of a subscription are held back after one.
const SILENCE: Duration = Duration::from_hours(1);
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

/// Whether a mail to the owner of a subscription waits for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// It is sent unless another one was within the hour.
    AtMostHourly,
    /// It is sent in any case: it is the last, or the only one of its kind.
    Always,
}

impl Processor {
    /// Decides whether the mail that `effect` sends goes to the owner of a subscription, once for all tries of the effect.
    pub(super) async fn may_mail_owner(&self, effect: &Effect, urgency: Urgency) -> Result<bool, PortError> {
        let subscription = &effect.about.record.id;
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let found = self.store.get(&[OwnerMail::key(subscription)]).await?.pop().flatten();
            let known = found.as_ref().map(OwnerMail::from_stored).transpose()?;
            match known {
                // Decided before the process died or the mail server did not take it.
                Some(known) if known.effect == effect.id => return Ok(true),
                Some(known) if urgency == Urgency::AtMostHourly && now < known.at + SILENCE => return Ok(false),
                _ => {}
            }
            let mail = OwnerMail { id: subscription.clone(), effect: effect.id.clone(), at: now };
            let write = Write::Put { document: mail.document(), condition: Condition::unchanged(found.as_ref()) };
            if self.store.commit(Commit { token: fresh("", &*self.ids), writes: vec![write] }).await? == Committed::Applied {
                return Ok(true);
            }
        }
        Err(PortError::Temporary("mails to this owner were decided by somebody else at the same moment".to_owned()))
    }
}
