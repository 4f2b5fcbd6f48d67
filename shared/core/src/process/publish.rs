use crate::{
    event::EventRecord,
    news::News,
    outgoing::Performed,
    ports::{Condition, Write},
    process::{Processor, Trouble, handle::Handling, steps::Steps},
    record::Record,
    rules::SLUICE,
    webhooks::{Published, publish_effect, publish_news, wanted},
};

impl Processor {
    /// Publishes a verified webhook under its provider's name, if anybody may want it: adds the effect that fans it out, and returns what is written with it.
    pub(super) async fn publish(&self, record: &mut EventRecord) -> Result<Option<Write>, Trouble> {
        let Some(interest) = self.interest.as_ref().filter(|_| record.provider != SLUICE) else { return Ok(None) };
        // It came after what it tells of was erased.
        if record.erased_at.is_some() {
            return Ok(None);
        }
        if interest.covering(&Published::kind_of(record), &*self.store, &*self.clock).await?.is_empty() {
            return Ok(None);
        }
        let published = Published::inbound(record, self.clock.now());
        let effect = publish_effect(&record.id, &published);
        // Planned again: it is published already.
        if record.effects.iter().any(|known| known.id == effect.id) {
            return Ok(None);
        }
        record.effects.push(effect);
        // A subscription that caught up meanwhile had it published, and that is no effect of the event. What was never taken up before was in no list.
        if record.attempts > 1 && self.store.get(&[Published::key(&published.id)]).await?.pop().flatten().is_some() {
            return Ok(None);
        }
        Ok(Some(Write::Put { document: published.document(), condition: Condition::Absent }))
    }

    /// Publishes what the changes of records tell, as far as anybody may want it: adds the effects that fan it out, and returns what is written with them.
    pub(super) async fn publish_news(&self, record: &mut EventRecord, news: Vec<News>) -> Result<Vec<Write>, Trouble> {
        let Some(interest) = &self.interest else { return Ok(Vec::new()) };
        let occurred_at = record.occurred_at.unwrap_or(record.received_at);
        let mut writes = Vec::new();
        for news in wanted(news, interest, &*self.store, &*self.clock).await? {
            let (effect, write) = publish_news(&record.id, &news, occurred_at, self.clock.now());
            // Planned again after it was parked: what has changed before is told.
            if !record.effects.iter().any(|known| known.id == effect.id) {
                record.effects.push(effect);
                writes.push(write);
            }
        }
        Ok(writes)
    }

    /// Fans an event out, page by page; how far it has come is stored after each.
    pub(super) async fn fan_out(
        &self,
        record: &mut EventRecord,
        position: usize,
        version: &mut u64,
        handling: &Handling,
    ) -> Result<Performed, Trouble> {
        let Some(interest) = &self.interest else {
            return Ok(Performed::Failed("webhooks out are switched off: SLUICE_MASTER_KEY is not set".to_owned()));
        };
        let key = record.effects[position].about.record.clone();
        let event: Published = match self.needed(&key).await {
            Ok(Some(event)) => event,
            Ok(None) => return Ok(Performed::Failed(format!("{key} is gone"))),
            Err(performed) => return Ok(performed),
        };
        self.step_by_step(&Steps::FanOut(interest, event), record, position, version, handling).await
    }
}
