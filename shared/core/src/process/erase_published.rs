use std::collections::BTreeSet;

use super::{Processor, Trouble};
use crate::{
    effect::EffectKind,
    event::EventRecord,
    ids::fresh,
    listing,
    ports::{Commit, Committed, Condition, Document, Index, Key, PortError, Write},
    record::Record,
    webhooks::{Delivery, Published, Subscription},
};

/// How many subscriptions are looked at in one go.
const PAGE: usize = 100;
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

    /// Forgets what receivers answered to the deliveries of an event that have come to their end.
    async fn forget_answers(&self, event: &str) -> Result<(), PortError> {
        let mut cursor = None;
        loop {
            let listed = listing::list(&*self.store, Index::List, Subscription::KIND, cursor, PAGE, |_| true).await?;
            let id = |subscription: &Key| Delivery::key(&Delivery::id_of(event, &subscription.id));
            let keys: Vec<_> = listed.items.iter().map(|stored| id(&stored.document.key)).collect();
            let found = if keys.is_empty() { Vec::new() } else { self.store.get(&keys).await? };
            for stored in found.into_iter().flatten() {
                let mut delivery = Delivery::from_stored(&stored)?;
                if !delivery.unfinished() && delivery.forget_answers() {
                    // Refused: it is made once more at this moment, and ends as one that is still to be made.
                    self.put_on(delivery.document(), stored.version).await?;
                }
            }
            cursor = listed.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    async fn put_on(&self, document: Document, version: u64) -> Result<Committed, PortError> {
        let write = Write::Put { document, condition: Condition::Version(version) };
        self.store.commit(Commit { token: fresh("", &*self.ids), writes: vec![write] }).await
    }
}
