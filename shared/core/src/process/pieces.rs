use crate::{
    event::{EventRecord, PIECE, piece_key},
    ids::fresh,
    ports::{Commit, Condition, Document, Write},
    process::{Processor, Trouble},
};

impl Processor {
    /// Stores a body that is too large for its record in pieces, with the record's own expiry, before the record itself.
    pub(super) async fn store_pieces(&self, record: &mut EventRecord) -> Result<(), Trouble> {
        if record.packed_mut().len() <= PIECE {
            return Ok(());
        }
        let packed = record.body().packed;
        let pieces: Vec<_> = packed.chunks(PIECE).enumerate().map(|(number, bytes)| (piece_key(&record.id, number), bytes)).collect();
        record.pieces = pieces.len();
        let expires_at = record.expires_at();
        for (key, bytes) in pieces {
            let found = self.store.get(std::slice::from_ref(&key)).await?.pop().flatten();
            if found.as_ref().is_some_and(|found| found.document.expires_at == expires_at) {
                continue;
            }
            let document = Document { key, data: b"{}".to_vec(), blob: Some(bytes.to_vec()), places: Vec::new(), expires_at };
            let write = Write::Put { document, condition: Condition::unchanged(found.as_ref()) };
            // Lost to somebody who stores the same piece of the same event: it is there either way.
            self.store.commit(Commit { token: fresh("", &*self.ids), writes: vec![write] }).await?;
        }
        Ok(())
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
