//! Watches the dead letters: what killed the consumer every time rings the alarm.

use std::sync::Arc;

use crate::{
    alarm::Alarm,
    body::PackedBody,
    effect::{Announcement, Effect, EffectKind},
    envelope::{Envelope, InboundMessage},
    event::EventRecord,
    ids::fresh,
    ports::{Clock, Commit, Condition, DeadLetters, Ids, Message, PortError, Queue, QueueName, Store, Write},
    record::Record,
    rules::{ALARM, DEAD_LETTERS, SLUICE},
    sweep::GRACE,
    template::MailTemplate,
};

/// Looks for dead letters and tells the operator of new ones.
pub struct Watch {
    /// The dead letters.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Where it is kept what was told.
    pub store: Arc<dyn Store>,
    /// Where the telling is sent.
    pub queue: Arc<dyn Queue>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random ids.
    pub ids: Arc<dyn Ids>,
}

/// The code of the alarm.
const CODE: &str = "dead_letters";

impl Watch {
    /// Looks once. More dead letters than were told of ring the alarm, at most once an hour.
    ///
    /// # Errors
    /// [`PortError`] if it can't look, or can't write down that it rang.
    pub async fn look(&self) -> Result<(), PortError> {
        let (_, total) = self.dead_letters.list(QueueName::Inbound, 1).await?;
        let before = self.store.get(&[Alarm::key(CODE)]).await?.pop().flatten();
        let told = before.as_ref().map(Alarm::from_stored).transpose()?.map_or(0, |alarm| alarm.count);
        if total <= told {
            // Those that were redriven are told of again should they come back.
            if let (true, Some(stored)) = (total < told, &before) {
                let alarm = Alarm { count: total, ..Alarm::from_stored(stored)? };
                self.commit(vec![Write::Put { document: alarm.document(), condition: Condition::Version(stored.version) }]).await?;
            }
            return Ok(());
        }
        tracing::error!(total, "there are dead letters; see `sluice dlq list`");
        let now = self.clock.now();
        let Some(alarm) = Alarm::ring(CODE, before.as_ref(), now) else { return Ok(()) };
        let alarm = Alarm { count: total, ..alarm };
        let event = self.event(total);
        let id = event.id.clone();
        let writes = vec![
            Write::Put { document: event.document(), condition: Condition::Absent },
            Write::Put { document: alarm.document(), condition: Condition::unchanged(before.as_ref()) },
        ];
        self.commit(writes).await?;
        let message = Message { body: InboundMessage::Resume { id }.to_text(), group: None };
        // Should this be lost, the sweeper sends it again.
        self.queue.send(QueueName::Inbound, vec![message], None).await.map_err(|error| error.cause)
    }

    fn event(&self, total: u64) -> EventRecord {
        let now = self.clock.now();
        let reason = format!("the dead-letter queue holds {total} message{}", if total == 1 { "" } else { "s" });
        let mut event = EventRecord::new(Envelope {
            provider: SLUICE.to_owned(),
            source: ALARM.to_owned(),
            key: format!("{CODE}/{}", now.millis()),
            kind: DEAD_LETTERS.to_owned(),
            occurred_at: Some(now),
            account: None,
            received_at: now,
            query: String::new(),
            headers: Vec::new(),
            body: PackedBody::pack(SLUICE, b"{}"),
        });
        event.summary.clone_from(&reason);
        event.reason = Some(reason);
        event.due_at = Some(now + GRACE);
        let about = Announcement { record: EventRecord::key_of(&event.id), subject: format!("{}{CODE}", Alarm::SUBJECT), number: 1 };
        event.effects = vec![Effect::new(&event.id, EffectKind::Mail, MailTemplate::Alert.name(), about)];
        event
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), PortError> {
        // Refused: somebody else has told it.
        self.store.commit(Commit { token: fresh("", &*self.ids), writes }).await.map(drop)
    }
}
