//! Watches the dead letters: what killed whoever handled it every time rings the alarm.

use std::sync::Arc;

use crate::{
    alarm::{self, Alarm},
    envelope::InboundMessage,
    ids::fresh,
    ports::{Clock, Commit, Condition, DeadLetters, Ids, Message, PortError, Queue, QueueName, Store, Write},
    record::Record,
    rules::DEAD_LETTERS,
    sweep::GRACE,
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

/// The queues, and the code of the alarm on the dead letters behind each.
const CODES: [(QueueName, &str); 2] = [(QueueName::Inbound, "dead_letters"), (QueueName::Outbound, "dead_letters_outbound")];

impl Watch {
    /// Looks once. More dead letters than were told of ring the alarm, at most once an hour for each queue.
    ///
    /// # Errors
    /// [`PortError`] if it can't look, or can't write down that it rang.
    pub async fn look(&self) -> Result<(), PortError> {
        for (queue, code) in CODES {
            self.look_behind(queue, code).await?;
        }
        Ok(())
    }

    async fn look_behind(&self, queue: QueueName, code: &str) -> Result<(), PortError> {
        let (_, total) = self.dead_letters.list(queue, 1).await?;
        let before = self.store.get(&[Alarm::key(code)]).await?.pop().flatten();
        let told = before.as_ref().map(Alarm::from_stored).transpose()?.filter(|alarm| !alarm.unheard).map_or(0, |alarm| alarm.count);
        if total <= told {
            // Those that were redriven are told of again should they come back.
            if let (true, Some(stored)) = (total < told, &before) {
                let alarm = Alarm { count: total, ..Alarm::from_stored(stored)? };
                self.commit(vec![Write::Put { document: alarm.document(), condition: Condition::Version(stored.version) }]).await?;
            }
            return Ok(());
        }
        tracing::error!(total, ?queue, "there are dead letters; see `sluice dlq list`");
        let now = self.clock.now();
        let Some(alarm) = Alarm::ring(code, before.as_ref(), now) else { return Ok(()) };
        let alarm = Alarm { count: total, ..alarm };
        let reason = format!("the dead-letter queue{} holds {total} message{}", behind(queue), if total == 1 { "" } else { "s" });
        let mut event = alarm::event(code, DEAD_LETTERS, reason, None, now);
        event.due_at = Some(now + GRACE);
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

    async fn commit(&self, writes: Vec<Write>) -> Result<(), PortError> {
        // Refused: somebody else has told it.
        self.store.commit(Commit { token: fresh("", &*self.ids), writes }).await.map(drop)
    }
}

/// Which dead-letter queue it is, if it is not the one that everything comes in by.
fn behind(queue: QueueName) -> &'static str {
    match queue {
        QueueName::Inbound => "",
        QueueName::Outbound => " of deliveries",
    }
}
