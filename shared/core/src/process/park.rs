use std::{ops::Bound, time::Duration};

use crate::{
    alarm::{Alarm, Change},
    effect::{Announcement, Effect, EffectKind, EffectState},
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
        let subject = format!("{}{code}", Alarm::SUBJECT);
        // One that can't be told yet tells it once it can, however often the event is parked until then.
        let is_to_be_told = |effect: &Effect| effect.state == EffectState::Pending && effect.about.subject == subject;
        if !self.policy.mail || record.effects.iter().any(is_to_be_told) {
            return None;
        }
        // An alarm that can't be looked up rings once too often rather than not at all.
        let before = self.store.get(&[Alarm::key(code)]).await.ok().and_then(|mut found| found.pop()).flatten();
        let Some(mut alarm) = Alarm::ring(code, before.as_ref(), self.clock.now()) else {
            let before = before.filter(|_| record.status != EventStatus::Parked)?;
            return change(Change::HeldBack, &before);
        };
        // Of those before an alarm that nobody heard, that one has counted.
        let counted_until = before.as_ref().and_then(|stored| Alarm::from_stored(stored).ok()).map(|before| before.rang_at);
        if let (Some(since), EventStatus::Parked) = (counted_until, record.status) {
            alarm.count += self.parked_since(since).await;
        }
        let number = record.effects.len() + 1;
        let about = Announcement { record: EventRecord::key_of(&record.id), subject, number: u32::try_from(number).unwrap_or(u32::MAX) };
        record.effects.push(Effect::new(&record.id, EffectKind::Mail, MailTemplate::Alert.name(), about));
        Some(Write::Put { document: alarm.document(), condition: Condition::unchanged(before.as_ref()) })
    }

    /// Makes changes of alarms once more, because others changed them at the same moment and the mark was made without: each in a commit of its own. A crash
    /// before it, or a store that fails, leaves one uncounted, or silences what nobody was told of.
    pub(super) async fn change_alarms_again(&self, lost: &[Write]) {
        let changes = lost.iter().filter_map(|write| match write {
            Write::Put { document, .. } => Alarm::changed_by(document).map(|change| (&document.key, change)),
            _ => None,
        });
        for (key, change) in changes {
            if let Err(error) = self.change_alarm(key, change).await {
                tracing::warn!(alarm = key.id, ?change, %error, "an alarm could not be changed");
            }
        }
    }

    async fn change_alarm(&self, alarm: &Key, what: Change) -> Result<(), PortError> {
        for round in 0..ROUNDS {
            self.clock.sleep(jittered(PAUSE * round, &*self.ids)).await;
            let Some(before) = self.store.get(std::slice::from_ref(alarm)).await?.pop().flatten() else { break };
            let Some(write) = change(what, &before) else { break };
            if let Committed::Applied = self.store.commit(Commit { token: fresh("", &*self.ids), writes: vec![write] }).await? {
                return Ok(());
            }
        }
        Err(PortError::Temporary("it kept changing, or is gone".to_owned()))
    }

    /// An alarm that nobody could be told of silences nothing: the next of its kind rings again, and tells of what this one was to tell of, too.
    pub(super) async fn unring(&self, code: &str) -> Option<Write> {
        let found = self.store.get(&[Alarm::key(code)]).await.ok()?.pop().flatten()?;
        change(Change::TakenBack, &found)
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

fn change(what: Change, before: &Stored) -> Option<Write> {
    let alarm = what.of(before)?;
    Some(Write::Put { document: alarm.document(), condition: Condition::Version(before.version) })
}
