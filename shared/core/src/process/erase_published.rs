use std::collections::BTreeSet;

use super::{Processor, Trouble};
use crate::{
    effect::EffectKind,
    event::EventRecord,
    ids::fresh,
    ports::{Commit, Committed, Condition, Document, Key, PortError, Stored, Write},
    record::Record,
    webhooks::{Delivery, Published, keys_of_event},
};

/// How many deliveries are read in one go.
const AT_ONCE: usize = 100;
/// How often a published event is tried to be erased that keeps changing.
const TRIES: u32 = 8;

impl Processor {
    /// Erases the data of all that was published of an event, and what receivers answered to it. A delivery that is still to be made ends by itself: whoever
    /// handles it finds that the data is erased.
    pub(super) async fn erase_published(&self, event: &EventRecord) -> Result<(), Trouble> {
        let told = event.effects.iter().filter(|effect| effect.kind == EffectKind::Publish).map(|effect| effect.about.record.clone());
        // Also where nobody wanted it at first: a subscription that caught up had it published, and that is no effect of the event.
        let itself = Published::inbound(event, event.received_at);
        for key in told.chain([Published::key(&itself.id)]).collect::<BTreeSet<_>>() {
            if self.erase_data(&key).await? {
                self.forget_answers(&key.id).await?;
            }
        }
        Ok(())
    }

    /// Erases the data of a published event. `false` if there is none.
    async fn erase_data(&self, key: &Key) -> Result<bool, Trouble> {
        for _ in 0..TRIES {
            let Some(found) = self.store.get(std::slice::from_ref(key)).await?.pop().flatten() else { return Ok(false) };
            let mut published = Published::from_stored(&found)?;
            if published.erased_at.is_some() {
                return Ok(true);
            }
            published.erase(self.clock.now());
            if self.put_on(published.document(), found.version).await? == Committed::Applied {
                return Ok(true);
            }
        }
        Err(Trouble::Temporary(format!("{key}, which is to be erased, kept changing")))
    }

    /// Forgets what receivers answered to the deliveries of an event, also to those of subscriptions that are no more.
    async fn forget_answers(&self, event: &str) -> Result<(), Trouble> {
        for keys in keys_of_event(&*self.store, event).await?.chunks(AT_ONCE) {
            for stored in self.store.get(keys).await?.into_iter().flatten() {
                self.forget_answers_to(stored).await?;
            }
        }
        Ok(())
    }

    /// Forgets what a receiver answered. One that is still to be made is written in any case: the answer to an attempt that is under way is then not taken
    /// down either, and the delivery ends when it is due again.
    async fn forget_answers_to(&self, found: Stored) -> Result<(), Trouble> {
        let mut found = Some(found);
        for _ in 0..TRIES {
            let Some(stored) = found else { return Ok(()) };
            let (mut delivery, key) = (Delivery::from_stored(&stored)?, stored.document.key.clone());
            if !delivery.forget_answers() && !delivery.unfinished() {
                return Ok(());
            }
            if self.put_on(delivery.document(), stored.version).await? == Committed::Applied {
                return Ok(());
            }
            found = self.store.get(&[key]).await?.pop().flatten();
        }
        Err(Trouble::Temporary("a delivery of what is to be erased kept changing".to_owned()))
    }

    async fn put_on(&self, document: Document, version: u64) -> Result<Committed, PortError> {
        let write = Write::Put { document, condition: Condition::Version(version) };
        self.store.commit(Commit { token: fresh("", &*self.ids), writes: vec![write] }).await
    }
}
