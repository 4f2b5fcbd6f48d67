use crate::{
    event::{EventRecord, EventStatus},
    ids::fresh,
    ports::{Commit, Committed, Condition, Write},
    process::{Outcome, Processor, Trouble, handle::Handling},
};

impl Processor {
    /// Stores that an event which was never planned waits for somebody to mend what it needs, so that it is found. Its message comes back by itself; a replay does not wait for that.
    ///
    /// # Errors
    /// [`Trouble::Refused`] with the reason, unless somebody else has planned the event meanwhile.
    pub(super) async fn let_wait(
        &self,
        mut record: EventRecord,
        version: Option<u64>,
        reason: String,
        handling: &Handling,
    ) -> Result<Outcome, Trouble> {
        let told = record.status == EventStatus::Waiting && record.reason.as_ref() == Some(&reason);
        // A parked one stands in a list as it is; of one with effects left, whoever does them writes the record; and one that came to an end before was
        // planned: only its replay waits.
        if told || record.status == EventStatus::Parked || record.unfinished() || record.done_at.is_some() {
            return Err(Trouble::Refused(reason));
        }
        record.status = EventStatus::Waiting;
        record.summarize("waits", &reason);
        record.reason = Some(reason.clone());
        record.attempts += 1;
        record.lease = None;
        self.store_pieces(&mut record).await?;
        let condition = version.map_or(Condition::Absent, Condition::Version);
        let writes = vec![Write::Put { document: record.document(), condition }];
        match self.store.commit(Commit { token: fresh("", &*self.ids), writes }).await {
            Ok(Committed::Applied) => {
                tracing::warn!(event = record.id, r#type = record.kind, reason, "an event waits for what it needs to be mended")
            }
            Ok(Committed::Refused(refusals)) => {
                let found = refusals.into_iter().find_map(|refusal| refusal.found);
                let Some(found) = found else { return Err(Trouble::Refused(reason)) };
                let stored = EventRecord::from_stored(&found)?;
                if !matches!(stored.status, EventStatus::Waiting | EventStatus::Parked) {
                    return self.join_in(stored, found.version, handling).await;
                }
            }
            // It waits all the same, and the next time it is told.
            Err(error) => tracing::warn!(event = record.id, %error, "that an event waits could not be stored"),
        }
        Err(Trouble::Refused(reason))
    }
}
