//! What the events of a space have sent counts against its tenant's allowance, and waits where that is spent. An event of no space has none, and costs nothing here.

use std::{num::NonZeroU32, time::Duration};

use crate::{
    alarm::Alarm,
    allowance::Allowance,
    effect::{Effect, EffectKind, EffectState},
    event::{EventRecord, EventStatus},
    ports::{Condition, PortError, Stored, Write},
    process::{Outcome, Processor, Trouble, commit::Put, handle::Handling, jittered, mark::fenced_off},
    record::Record,
    rules::ALLOWANCE_SPENT,
    time::Timestamp,
};

/// How often a time is asked for again because others of the same tenant asked at the same moment, before the event comes back for it.
const ROUNDS: u32 = 16;
/// By how much longer each time it is waited before; jittered.
const PAUSE: Duration = Duration::from_millis(20);
/// Why an event of a space waits.
const SPENT: &str = "what its tenant's sources may have sent in an hour is spent: the rest goes later";
/// Why another one does.
pub(super) const OWNER_WAS_MAILED: &str = "the owner of its subscription was sent a mail within the hour: the next goes after that";

/// Whether an effect may be done.
pub(super) enum Turn {
    /// It may.
    Now,
    /// From this time on.
    From(Timestamp),
    /// Nobody knows yet, for this reason.
    Unknown(String),
}

/// Whether a message counts. What tells the operator that the allowance is spent does not: there is at most one an hour.
fn counts(effect: &Effect) -> bool {
    let tells = effect.about.subject.strip_prefix(Alarm::SUBJECT) == Some(ALLOWANCE_SPENT);
    matches!(effect.kind, EffectKind::Mail | EffectKind::Sms) && effect.state == EffectState::Pending && !tells
}

impl Processor {
    /// Whether an effect of an event may be done by the allowance of its space. Each message is given its time once, and keeps it.
    ///
    /// # Errors
    /// [`Trouble`] if it is not known that this handling still holds the event at `version`.
    pub(super) async fn turn(
        &self,
        record: &mut EventRecord,
        position: usize,
        version: &mut u64,
        handling: &Handling,
    ) -> Result<Turn, Trouble> {
        let Some(an_hour) = self.policy.messages_of_a_tenant.filter(|_| self.tenant().is_some() && counts(&record.effects[position]))
        else {
            return Ok(self.from(record.effects[position].not_before));
        };
        if record.effects[position].not_before.is_none()
            && let Some(reason) = self.allot(an_hour, record, version, handling).await?
        {
            return Ok(Turn::Unknown(reason));
        }
        Ok(self.from(record.effects[position].not_before))
    }

    /// Why an effect waits that was given its time before.
    pub(super) fn reason_of_waiting(&self) -> &'static str {
        if self.tenant().is_some() { SPENT } else { OWNER_WAS_MAILED }
    }

    fn from(&self, at: Option<Timestamp>) -> Turn {
        at.filter(|at| self.clock.now() < *at).map_or(Turn::Now, Turn::From)
    }

    /// Gives every message of the event that has none yet its time: in one commit with the count, so that none counts twice whatever crashes, and the operator is
    /// told where one has to wait. Why there was none to be had; `None` if there was.
    async fn allot(
        &self,
        an_hour: NonZeroU32,
        record: &mut EventRecord,
        version: &mut u64,
        handling: &Handling,
    ) -> Result<Option<String>, Trouble> {
        for round in 0..ROUNDS {
            if round > 0 {
                self.clock.sleep(jittered(PAUSE * round, &*self.ids)).await;
            }
            let (found, mut allowance) = match self.allowance().await {
                Ok(known) => known,
                Err(error) => return Ok(Some(error.to_string())),
            };
            let (mut allotted, now) = (record.clone(), self.clock.now());
            for effect in allotted.effects.iter_mut().filter(|effect| counts(effect) && effect.not_before.is_none()) {
                effect.not_before = Some(allowance.give(an_hour, now));
            }
            let mut writes = vec![Write::Put { document: allowance.document(), condition: Condition::unchanged(found.as_ref()) }];
            if allotted.effects.iter().any(|effect| counts(effect) && effect.not_before.is_some_and(|at| now < at)) {
                writes.extend(self.alarm(&mut allotted, ALLOWANCE_SPENT).await);
            }
            match self.put_event_with(&allotted, *version, writes, handling).await {
                Ok(Put::At(now)) => {
                    (*record, *version) = (allotted, now);
                    return Ok(None);
                }
                Ok(Put::Overtaken) => return Err(fenced_off()),
                Ok(Put::Outrun) => {}
                Err(Trouble::Damaged(reason)) => return Ok(Some(reason)),
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(Some("what its tenant's sources may have sent kept changing".to_owned()))
    }

    /// The tenant's allowance as it is stored, and as it is to be changed.
    async fn allowance(&self) -> Result<(Option<Stored>, Allowance), PortError> {
        let found = self.store.get(&[Allowance::key(Allowance::ID)]).await?.pop().flatten();
        let allowance = found.as_ref().map(Allowance::from_stored).transpose()?.unwrap_or_default();
        Ok((found, allowance))
    }

    /// What is left of an event waits until `at`: it stands in the due index, and its message is handled. So it may wait for as long as it must, and no receive is
    /// counted for that.
    pub(super) async fn wait_for_turn(
        &self,
        mut record: EventRecord,
        version: u64,
        at: Timestamp,
        reason: &str,
        outcome: Outcome,
        handling: &Handling,
    ) -> Result<Outcome, Trouble> {
        // Why it was parked matters more.
        if record.status == EventStatus::Processing {
            record.reason = Some(reason.to_owned());
        }
        (record.due_at, record.next_attempt_at) = (Some(at), Some(at));
        if let Some(lease) = &mut record.lease {
            lease.until = self.clock.now();
        }
        self.put_event(&record, version, Vec::new(), handling).await.map_err(Trouble::after_commit)?.ok_or_else(fenced_off)?;
        tracing::info!(event = record.id, key = record.key, r#type = record.kind, ?outcome, until = %at, reason, "waits");
        Ok(outcome)
    }
}
