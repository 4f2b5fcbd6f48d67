use serde::{Deserialize, Serialize};

use crate::{
    event::RETENTION,
    ports::{Condition, Place, PortError, Store, Write},
    record::Record,
    time::Timestamp,
};

/// How many deliveries a job has set going. It is written in the very commits that set them going, so that it is right also if the process dies before the
/// job's own record says how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// The job.
    id: String,
    /// How many.
    count: u64,
    /// When it was written last.
    at: Timestamp,
}

/// What a job's tally goes on from.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    /// The job.
    pub(crate) id: &'a str,
    /// How many the job's own record says, which has no tally if an older version began it.
    pub(crate) counted: u64,
}

impl Job<'_> {
    /// How many deliveries it has set going.
    ///
    /// # Errors
    /// [`PortError`] if that can't be read.
    pub(crate) async fn count(self, store: &dyn Store) -> Result<u64, PortError> {
        let found = store.get(&[Tally::key(self.id)]).await?.pop().flatten();
        Ok(found.as_ref().map(Tally::from_stored).transpose()?.map_or(self.counted, |tally| tally.count))
    }

    /// What is written with so many more.
    ///
    /// # Errors
    /// [`PortError`] if it can't be read how many there are.
    pub(crate) async fn add(self, more: usize, store: &dyn Store, now: Timestamp) -> Result<Write, PortError> {
        let found = store.get(&[Tally::key(self.id)]).await?.pop().flatten();
        let known = found.as_ref().map(Tally::from_stored).transpose()?.map_or(self.counted, |tally| tally.count);
        let tally = Tally { id: self.id.to_owned(), count: known + more as u64, at: now };
        Ok(Write::Put { document: tally.document(), condition: Condition::unchanged(found.as_ref()) })
    }
}

impl Record for Tally {
    const KIND: &'static str = "job_tally";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }

    /// As long as the job's own record.
    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.at + RETENTION)
    }
}
