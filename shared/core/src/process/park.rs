use std::{ops::Bound, time::Duration};

use crate::{
    alarm::Alarm,
    effect::{Announcement, Effect, EffectKind},
    event::{EventRecord, EventStatus},
    ids::fresh,
    ports::{Commit, Committed, Condition, Index, Key, Order, PortError, Query, Stored, Write},
    process::{Processor, Trouble, jittered},
    record::Record,
    template::MailTemplate,
    time::Timestamp,
};

/// How often the count of an alarm that lost to another one is made again: more often than effects fail at the same moment.
const ROUNDS: u32 = 16;
/// By how much longer each time the next look waits; jittered.
const PAUSE: Duration = Duration::from_millis(20);

impl Processor {
    /// Parks the event with its reason, and rings the alarm. Returns the writes that go with it.
    pub(super) async fn park(&self, record: &mut EventRecord, code: &str, reason: String) -> Result<Vec<Write>, Trouble> {
        tracing::error!(event = record.id, provider = record.provider, key = record.key, r#type = record.kind, code, reason, "parked");
        record.status = EventStatus::Parked;
        record.reason = Some(reason);
        Ok(self.alarm(record, &format!("parked:{code}")).await.into_iter().collect())
    }

    /// Adds a mail to the operator to the event's effects, unless the alarm for this reason rang less than an hour ago.
    /// Returns the write that silences it for the next hour, or counts what it is silent about: what is parked the index counts.
    pub(super) async fn alarm(&self, record: &mut EventRecord, code: &str) -> Option<Write> {
        if !self.policy.mail {
            return None;
        }
        // An alarm that can't be looked up rings once too often rather than not at all.
        let before = self.store.get(&[Alarm::key(code)]).await.ok().and_then(|mut found| found.pop()).flatten();
        let Some(mut alarm) = Alarm::ring(code, before.as_ref(), self.clock.now()) else {
            let before = before.filter(|_| record.status != EventStatus::Parked)?;
            let condition = Condition::Version(before.version);
            return Alarm::hold_back(&before).map(|alarm| Write::Put { document: alarm.document(), condition });
        };
        if let (Some(since), EventStatus::Parked) = (alarm.since, record.status) {
            alarm.count += self.parked_since(since).await;
        }
        let number = record.effects.len() + 1;
        let about = Announcement {
            record: EventRecord::key_of(&record.id),
            subject: format!("{}{code}", Alarm::SUBJECT),
            number: u32::try_from(number).unwrap_or(u32::MAX),
        };
        record.effects.push(Effect::new(&record.id, EffectKind::Mail, MailTemplate::Alert.name(), about));
        Some(Write::Put { document: alarm.document(), condition: Condition::unchanged(before.as_ref()) })
    }

    /// Counts once more what an alarm is silent about, because others counted at the same moment and the mark was made without it: in a commit of its own. A
    /// crash before it, or a store that fails, leaves one uncounted.
    pub(super) async fn hold_back_again(&self, lost: &[Write]) {
        let held_back = lost.iter().filter_map(|write| match write {
            Write::Put { document, .. } => Alarm::held_back_in(document).then_some(&document.key),
            _ => None,
        });
        for key in held_back {
            if let Err(error) = self.count_held_back(key).await {
                tracing::warn!(alarm = key.id, %error, "an alarm counts one too few of what it is silent about");
            }
        }
    }

    async fn count_held_back(&self, alarm: &Key) -> Result<(), PortError> {
        for round in 0..ROUNDS {
            self.clock.sleep(jittered(PAUSE * round, &*self.ids)).await;
            let Some(before) = self.store.get(std::slice::from_ref(alarm)).await?.pop().flatten() else { break };
            let Some(counted) = Alarm::hold_back(&before) else { break };
            let write = Write::Put { document: counted.document(), condition: Condition::Version(before.version) };
            if let Committed::Applied = self.store.commit(Commit { token: fresh("", &*self.ids), writes: vec![write] }).await? {
                return Ok(());
            }
        }
        Err(PortError::Temporary("it kept changing, or is gone".to_owned()))
    }

    /// An alarm that nobody could be told of silences nothing: the next of its kind rings again.
    pub(super) async fn unring(&self, code: &str) -> Option<Write> {
        let key = Alarm::key(code);
        let found = self.store.get(std::slice::from_ref(&key)).await.ok()?.pop().flatten()?;
        Some(Write::Delete { key, condition: Condition::Version(found.version) })
    }

    /// How many events of the same tenant, or of none, that came in since then are parked, as far as the index shows and up to a thousand.
    async fn parked_since(&self, since: Timestamp) -> u64 {
        let query = Query {
            index: Index::Flag,
            partition: EventRecord::PARKED.to_owned(),
            from: Bound::Included(since.sortable()),
            to: Bound::Unbounded,
            order: Order::Descending,
            limit: 1_000,
        };
        // The count is for the reader of a mail; nothing is decided by it.
        let is_alike = |stored: &Stored| EventRecord::from_stored(stored).is_ok_and(|event| event.tenant.as_deref() == self.tenant());
        self.store.query(&query).await.map_or(0, |page| page.items.iter().filter(|(_, stored)| is_alike(stored)).count() as u64)
    }
}
