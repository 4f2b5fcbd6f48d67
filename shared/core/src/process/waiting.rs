use crate::{
    event::{EventRecord, EventStatus},
    ids::fresh,
    ports::{Commit, Committed, Condition, Write},
    process::{Outcome, Processor, Trouble, handle::Handling},
};

/// How often a note that lost to another change of the event is made again: whoever handles the same event at the same moment notes the same.
const TRIES: usize = 2;

impl Processor {
    /// Stores that an event which was never planned waits for an answer that it needs, why, and when it is asked for again, so that it is found. Its message
    /// comes back by itself; a replay does not wait for that.
    ///
    /// # Errors
    /// [`Trouble::Later`] with the reason, unless somebody else has planned the event meanwhile.
    pub(super) async fn let_wait(
        &self,
        mut record: EventRecord,
        version: Option<u64>,
        reason: String,
        handling: &Handling,
    ) -> Result<Outcome, Trouble> {
        let at = self.next_try(handling);
        // A parked one stands in a list as it is; of one with effects left, whoever does them writes the record; and one that came to an end before was
        // planned: only its replay waits.
        if record.status == EventStatus::Parked || record.unfinished() || record.done_at.is_some() {
            return Err(Trouble::Later { at, reason });
        }
        record.wait(&reason, at);
        self.store_pieces(&mut record).await?;
        let mut condition = version.map_or(Condition::Absent, Condition::Version);
        for _ in 0..TRIES {
            let writes = vec![Write::Put { document: record.document(), condition }];
            match self.store.commit(Commit { token: fresh("", &*self.ids), writes }).await {
                Ok(Committed::Applied) => {
                    let (event, r#type) = (&record.id, &record.kind);
                    tracing::warn!(event, r#type, reason, attempts = record.attempts, "an event waits for what it needs to be mended");
                    break;
                }
                Ok(Committed::Refused(refusals)) => {
                    let Some(found) = refusals.into_iter().find_map(|refusal| refusal.found) else { break };
                    let stored = EventRecord::from_stored(&found)?;
                    match stored.status {
                        EventStatus::Waiting => {
                            record = stored;
                            record.wait(&reason, at);
                            condition = Condition::Version(found.version);
                        }
                        EventStatus::Parked => break,
                        _ => return self.within(stored.tenant.clone().as_deref()).join_in(stored, found.version, handling).await,
                    }
                }
                // It waits all the same, and the next time it is told.
                Err(error) => {
                    tracing::warn!(event = record.id, %error, "that an event waits could not be stored");
                    break;
                }
            }
        }
        Err(Trouble::Later { at, reason })
    }
}
