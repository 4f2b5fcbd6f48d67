use std::sync::Arc;

use super::{Recent, commit::remove, row::Head};
use crate::{
    failure::Failure,
    writer::{Ended, Operation, Outcome, Work},
};

/// Removes documents that have expired, the longest expired first.
pub(crate) struct RemoveExpired {
    pub(crate) limit: usize,
    pub(crate) recent: Arc<Recent>,
}

impl Operation for RemoveExpired {
    type Answer = usize;

    fn run(&mut self, work: &mut Work<'_>) -> Result<Outcome<usize>, Failure> {
        let now = work.clock.now().millis();
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let expired = {
            let mut statement = work.connection.prepare_cached(
                "SELECT doc, version, expires_at, places FROM documents WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2",
            )?;
            let rows = statement.query_map([now, limit], |row| {
                Ok(Head { doc: row.get(0)?, version: row.get::<_, i64>(1)?.unsigned_abs(), expires_at: row.get(2)?, places: row.get(3)? })
            })?;
            rows.collect::<rusqlite::Result<Vec<Head>>>()?
        };
        for head in &expired {
            remove(work.connection, head)?;
        }
        Ok(Outcome::Keep(expired.len()))
    }

    fn ended(self, _: Ended) {
        // It does not know their names. By themselves they would only be found again if the clock were set back.
        self.recent.clear();
    }
}
