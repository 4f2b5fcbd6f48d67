use std::sync::Arc;

use crate::{
    event::{EventRecord, piece_key},
    ids::fresh,
    ports::{Commit, Committed, Condition, Document, Write},
    process::{Processor, Trouble, handle::Handling},
};

/// How often pieces are looked at again whose event keeps changing.
const ROUNDS: u32 = 8;

impl Processor {
    /// Stores a body that is too large for its record in pieces, with the record's own expiry, before the record itself.
    pub(super) async fn store_pieces(&self, record: &mut EventRecord) -> Result<(), Trouble> {
        Ok(crate::event::store_pieces(&*self.store, &*self.ids, record).await?)
    }

    /// Gives the pieces of a stored record that is finished the record's own expiry, and takes the record off the sweeper's list if it stands there.
    ///
    /// A duplicate stores its pieces before it is known for one, and a dismissal leaves them as they are: both end here, before their message is done, so
    /// that a crash on the way leaves nothing behind.
    pub(super) async fn finish_pieces(&self, mut record: EventRecord, version: u64, handling: &Handling) -> Result<(), Trouble> {
        self.align_pieces(record.clone(), version).await?;
        if record.due_at.take().is_some() {
            // Lost to somebody who has changed it: the list shows what the record says since.
            self.put_event(&record, version, Vec::new(), handling).await?;
        }
        Ok(())
    }

    /// Gives the pieces of a stored record the record's own expiry, and looks whether it is still that one.
    ///
    /// # Errors
    /// [`Trouble::Temporary`] if the store fails, or the record kept changing.
    pub(super) async fn align_pieces(&self, mut record: EventRecord, mut version: u64) -> Result<(), Trouble> {
        for _ in 0..ROUNDS {
            let (mut changed, mut lost) = (false, false);
            let expires_at = record.expires_at();
            for key in (0..record.pieces).map(|number| piece_key(&record.id, number)) {
                let Some(found) = self.store.get(&[key]).await?.pop().flatten() else { continue };
                if found.document.expires_at == expires_at {
                    continue;
                }
                let document = Document { expires_at, ..Arc::unwrap_or_clone(found.document) };
                let write = Write::Put { document, condition: Condition::Version(found.version) };
                let committed = self.store.commit(Commit { token: fresh("", &*self.ids), writes: vec![write] }).await?;
                (changed, lost) = (true, lost || matches!(committed, Committed::Refused(_)));
            }
            if !changed {
                return Ok(());
            }
            match self.event(&record.id).await? {
                Some((_, now)) if now == version && !lost => return Ok(()),
                Some(now) => (record, version) = now,
                None => return Ok(()),
            }
        }
        Err(Trouble::Temporary("the pieces of an event's body kept changing".to_owned()))
    }

    /// Removes the pieces that the body of a stored record lies in. The record itself still says that there are some.
    pub(super) async fn remove_pieces(&self, record: &EventRecord) -> Result<(), Trouble> {
        for key in (0..record.pieces).map(|number| piece_key(&record.id, number)) {
            let Some(found) = self.store.get(std::slice::from_ref(&key)).await?.pop().flatten() else { continue };
            let write = Write::Delete { key, condition: Condition::Version(found.version) };
            // Lost to somebody who gives it another expiry, or removes it: whoever stored the record it belongs to has lost, too.
            self.store.commit(Commit { token: fresh("", &*self.ids), writes: vec![write] }).await?;
        }
        Ok(())
    }

    /// Puts the body of a stored record together again if it lies in pieces.
    pub(super) async fn fetch_pieces(&self, record: &mut EventRecord) -> Result<(), Trouble> {
        Ok(crate::event::fetch_pieces(&*self.store, record).await?)
    }
}
