use crate::{
    event::{EventRecord, piece_key},
    ids::fresh,
    ports::{Commit, Condition, Write},
    process::{Processor, Trouble},
};

impl Processor {
    /// Stores a body that is too large for its record in pieces, with the record's own expiry, before the record itself.
    pub(super) async fn store_pieces(&self, record: &mut EventRecord) -> Result<(), Trouble> {
        Ok(crate::event::store_pieces(&*self.store, &*self.ids, record).await?)
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
