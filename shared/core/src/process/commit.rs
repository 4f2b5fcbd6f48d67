use crate::{
    body::PackedBody,
    effect::join_planned,
    event::{EventRecord, EventStatus, Publishing},
    ids::fresh,
    plan::{Loaded, Plan},
    ports::{Commit, Committed, Condition, Key, PortError, Stored, Write},
    process::{Outcome, Processor, Trouble, event::Planned, handle::Handling, jittered, turns::Turn},
    rules::UNSIGNED_TOPIC,
};
use std::time::Duration;

/// How often a plan that lost to another change of its records is made again before the message waits.
const PLANS: u32 = 8;
/// How often the same commit is tried when its answer is lost.
const TRIES: u32 = 3;
/// The wait between tries; jittered.
const PAUSE: Duration = Duration::from_millis(50);

/// What became of a commit that began with an event record.
enum Applied {
    /// Applied: ours now, at this version.
    Ours(u64),
    /// The event record was there already, or had another version than expected.
    Met(Option<Box<Stored>>),
    /// This other record had changed; nothing is stored of this event.
    Outrun(Key),
}

/// What became of a plan.
enum Tried {
    /// It was carried out.
    Done(Outcome),
    /// This record had changed, so that the event has to be planned again.
    Outrun(Key),
}

/// What is stored of an event that is planned again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Former {
    /// Where it stands.
    pub(super) status: EventStatus,
    /// The record's version.
    pub(super) version: u64,
}

/// What became of a put of an event's record that is there already.
pub(super) enum Put {
    /// It has this version now.
    At(u64),
    /// Somebody else has changed it.
    Overtaken,
    /// One of the records that were to be written with it has changed.
    Outrun,
}

impl Processor {
    /// Plans the event and commits it with its changes, then does its effects. `former`: what is stored of it, `None` for a new event.
    pub(super) async fn apply(
        &self,
        mut record: EventRecord,
        former: Option<Former>,
        body: &PackedBody,
        handling: &Handling,
    ) -> Result<Outcome, Trouble> {
        let version = former.map(|former| former.version);
        let unpacked = match body.unpack() {
            Ok(unpacked) => unpacked,
            Err(error) => {
                let planned = Planned::Park { code: "unreadable_body".to_owned(), reason: error.to_string() };
                return match self.apply_planned(&mut record, version, planned, &mut None, handling).await? {
                    Tried::Done(outcome) => Ok(outcome),
                    Tried::Outrun(_) => Err(contended()),
                };
            }
        };
        let (mut loaded, mut turn, mut waits) = (Loaded::default(), None, true);
        for round in 0..PLANS {
            if round > 0 {
                loaded.forget_records();
                if turn.is_none() {
                    self.clock.sleep(jittered(PAUSE * round, &*self.ids)).await;
                }
            }
            let planned = match self.plan(&record, &unpacked, &mut loaded, handling).await {
                Ok(planned) => planned,
                Err(Trouble::Temporary(reason) | Trouble::Damaged(reason) | Trouble::Unanswered(reason)) if handling.last => {
                    if former.is_some_and(|former| former.status == EventStatus::Done) {
                        tracing::error!(
                            event = record.id,
                            reason,
                            "an event could not be planned again; all of it was applied before, and it stays as it is"
                        );
                        return Ok(Outcome::Nothing);
                    }
                    Planned::Park { code: "gave_up".to_owned(), reason }
                }
                Err(Trouble::Unanswered(reason)) => return self.let_wait(record, version, reason, handling).await,
                Err(trouble) => return Err(trouble),
            };
            // Where others take turns already, it is behind them before it has lost.
            let behind = match &planned {
                Planned::Plan(plan) if turn.is_none() && waits => self.turns.wanted(plan.writes.iter().map(Write::key)),
                _ => None,
            };
            let record_of_turn = match behind {
                Some(key) => key,
                None => match self.apply_planned(&mut record, version, planned, &mut turn, handling).await? {
                    Tried::Done(outcome) => return Ok(outcome),
                    Tried::Outrun(key) => key,
                },
            };
            if waits && turn.as_ref().is_none_or(|turn| *turn.at() != record_of_turn) {
                // One at a time, so that no two wait for each other.
                drop(turn.take());
                turn = self.turns.take(&record_of_turn, &*self.clock).await;
                // Once is enough: there is a deadline.
                waits = turn.is_some();
            }
        }
        Err(contended())
    }

    /// Commits one plan, which ends the turn that it was made in.
    async fn apply_planned(
        &self,
        stored: &mut EventRecord,
        version: Option<u64>,
        planned: Planned,
        turn: &mut Option<Turn>,
        handling: &Handling,
    ) -> Result<Tried, Trouble> {
        let mut record = stored.clone();
        record.take_up(self.lease(handling));
        let (mut writes, outcome) = match planned {
            Planned::Nothing => {
                *turn = None;
                return self.nothing_planned(&record.id, handling).await.map(Tried::Done);
            }
            Planned::Plan(plan) => {
                if plan.erase_body {
                    self.remove_pieces(&record).await?;
                    record.erase_body(self.clock.now());
                }
                let mut plan = plan;
                let news = std::mem::take(&mut plan.news);
                let mut writes = adopt(&mut record, plan);
                writes.extend(self.publish(&mut record).await?);
                writes.extend(self.publish_news(&mut record, news).await?);
                (writes, Outcome::Applied)
            }
            Planned::Ignore { reason, twin, publishing } => {
                (record.twin, record.publishing) = (twin, publishing);
                tracing::info!(event = record.id, reason, "ignored");
                record.status = EventStatus::Ignored;
                record.summarize("changes nothing", &reason);
                record.reason = Some(reason);
                let write = if record.is_untold() { None } else { self.publish(&mut record).await? };
                (write.into_iter().collect(), Outcome::Ignored)
            }
            Planned::Park { code, reason } => {
                record.summarize("could not be processed", &reason);
                record.publishing = if code.starts_with(UNSIGNED_TOPIC) { Publishing::Withheld } else { Publishing::default() };
                let mut writes = self.park(&mut record, &code, reason).await?;
                if !record.is_untold() {
                    writes.extend(self.publish(&mut record).await?);
                }
                (writes, Outcome::Parked)
            }
        };
        record.settle(self.clock.now());
        self.store_pieces(&mut record).await?;
        let condition = version.map_or(Condition::Absent, Condition::Version);
        writes.insert(0, Write::Put { document: record.document(), condition });
        let applied = self.commit(writes, condition, handling).await?;
        if !matches!(applied, Applied::Outrun(_)) {
            *turn = None;
        }
        match applied {
            Applied::Ours(now) => {
                // Whoever met it as it was before may have given its pieces the end that it had then.
                if version.is_some() {
                    self.align_pieces(record.clone(), now).await?;
                }
                self.carry_on(record, now, outcome, handling).await.map(Tried::Done)
            }
            Applied::Outrun(key) => Ok(Tried::Outrun(key)),
            Applied::Met(found) => self.met(found, version, outcome, handling).await.map(Tried::Done),
        }
    }

    /// There is nothing to plan any more; but an earlier handling may have planned it and left its effects.
    async fn nothing_planned(&self, id: &str, handling: &Handling) -> Result<Outcome, Trouble> {
        match self.event(id).await? {
            Some((record, version)) => self.within(record.tenant.clone().as_deref()).join_in(record, version, handling).await,
            None => Ok(Outcome::Nothing),
        }
    }

    /// The event record was not as expected: a lost answer of our own, or somebody else's work.
    async fn met(
        &self,
        found: Option<Box<Stored>>,
        expected: Option<u64>,
        outcome: Outcome,
        handling: &Handling,
    ) -> Result<Outcome, Trouble> {
        let Some(found) = found else {
            return Err(Trouble::Temporary("the event record was removed meanwhile".to_owned()));
        };
        let record = EventRecord::from_stored(&found)?;
        // It may have been stored before its source was bound, or bound anew.
        let tenant = record.tenant.clone();
        let there = self.within(tenant.as_deref());
        if record.lease.as_ref().is_some_and(|lease| lease.owner == handling.owner) {
            return there.carry_on(record, found.version, outcome, handling).await;
        }
        // A provider's redelivery of a parked event is a replay of it; what is told about it goes with it. One that waits was never planned.
        if expected.is_none() && matches!(record.status, EventStatus::Parked | EventStatus::Waiting) {
            return Box::pin(there.replan(record, found.version, handling)).await;
        }
        there.join_in(record, found.version, handling).await
    }

    /// Commits, with the event record first. The event record's failure is looked at before any other.
    ///
    /// # Errors
    /// [`Trouble::Damaged`] only where nothing is written.
    async fn commit(&self, writes: Vec<Write>, condition: Condition, handling: &Handling) -> Result<Applied, Trouble> {
        let commit = Commit { token: fresh("", &*self.ids), writes };
        let mut lost = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                self.clock.sleep(jittered(PAUSE, &*self.ids)).await;
                if self.clock.now() >= handling.deadline {
                    break;
                }
            }
            match self.store.commit(commit.clone()).await {
                Ok(Committed::Applied) => {
                    return Ok(Applied::Ours(match condition {
                        Condition::Absent => 1,
                        Condition::Version(version) => version + 1,
                    }));
                }
                Ok(Committed::Refused(refusals)) => {
                    let other = refusals.first().and_then(|refusal| commit.writes.get(refusal.write)).map(|write| write.key().clone());
                    let event = refusals.into_iter().find(|refusal| refusal.write == 0);
                    return match (event, other) {
                        (Some(refusal), _) => Ok(Applied::Met(refusal.found.map(Box::new))),
                        (None, Some(key)) => Ok(Applied::Outrun(key)),
                        (None, None) => Err(Trouble::Temporary("a commit was refused for none of its writes".to_owned())),
                    };
                }
                Err(PortError::Temporary(reason)) => lost = Some(reason),
                // It says nothing of an earlier try whose answer was lost.
                Err(error @ PortError::Permanent(_)) if lost.is_some() => return Err(Trouble::from(error).after_commit()),
                Err(error @ PortError::Permanent(_)) => return Err(error.into()),
            }
        }
        Err(Trouble::Temporary(lost.unwrap_or_else(|| "no time was left to commit".to_owned())))
    }

    /// Takes over the effects that somebody left.
    pub(super) async fn take_over(&self, mut record: EventRecord, version: u64, handling: &Handling) -> Result<Outcome, Trouble> {
        record.take_up(self.lease(handling));
        match self.put_event(&record, version, Vec::new(), handling).await? {
            Some(version) => self.carry_on(record, version, Outcome::TakenOver, handling).await,
            None => Err(Trouble::Temporary("somebody else took it over first".to_owned())),
        }
    }

    /// Puts the event record on the version read, with further writes. The new version; `None` if somebody else has changed it, or one of these.
    pub(super) async fn put_event(
        &self,
        record: &EventRecord,
        version: u64,
        further: Vec<Write>,
        handling: &Handling,
    ) -> Result<Option<u64>, Trouble> {
        Ok(match self.put_event_with(record, version, further, handling).await? {
            Put::At(version) => Some(version),
            Put::Overtaken | Put::Outrun => None,
        })
    }

    /// Puts the event record on the version read, with further writes, and says which of them were refused.
    /// A refusal by our own earlier try, whose answer was lost, counts as applied.
    pub(super) async fn put_event_with(
        &self,
        record: &EventRecord,
        version: u64,
        further: Vec<Write>,
        handling: &Handling,
    ) -> Result<Put, Trouble> {
        let document = record.document();
        let condition = Condition::Version(version);
        let mut writes = vec![Write::Put { document: document.clone(), condition }];
        writes.extend(further);
        Ok(match self.commit(writes, condition, handling).await? {
            Applied::Ours(version) => Put::At(version),
            Applied::Met(Some(found)) if found.version == version + 1 && found.document.data == document.data => Put::At(version + 1),
            Applied::Met(_) => Put::Overtaken,
            Applied::Outrun(_) => Put::Outrun,
        })
    }
}

/// Takes a plan into the event record, and returns its writes.
fn adopt(record: &mut EventRecord, plan: Plan) -> Vec<Write> {
    record.status = EventStatus::Processing;
    record.reason = None;
    record.summary = plan.summary;
    record.unmatched = plan.unmatched;
    record.twin = plan.twin;
    record.done_at = None;
    join_planned(&mut record.effects, plan.effects);
    for change in plan.changes {
        if !record.changes.contains(&change) {
            record.changes.push(change);
        }
    }
    plan.writes
}

fn contended() -> Trouble {
    Trouble::Temporary("its records kept changing".to_owned())
}
