//! Marks: what was done for an event is written into its record, fenced, and with it what else follows in the same commit.

use std::time::Duration;

use crate::{
    effect::{Effect, EffectState},
    event::EventRecord,
    plan::{Loaded, Stop, View},
    ports::{Key, Measure, Stored, Write},
    process::{Processor, Trouble, commit::Put, handle::Handling},
};

/// How often changes that lost to another one of the same records are made again.
const ROUNDS: u32 = 4;

/// Whether a change is still to be made, by the records that it looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is.
    Make,
    /// It is not: nothing is marked either.
    Leave,
}

/// What became of a mark that goes with changes of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Marked {
    /// Both are written; the event's record has this version now.
    At(u64),
    /// The change was not to be made any more. Nothing is written.
    Left,
    /// The records kept changing. Nothing is written.
    Outrun,
    /// What it is decided on could not be read, for this reason. Nothing is written.
    Unread(String),
}

impl Processor {
    /// Brings an effect to its end, and counts it. It is marked by whoever calls this.
    pub(super) fn end(&self, effect: &mut Effect, state: EffectState, reason: Option<String>) {
        self.metrics.record(Measure::Effect { kind: effect.kind, state });
        effect.end(state, reason, self.clock.now());
    }

    /// Marks what was done, fenced, for as long as there is time: a mark that is lost would send the same again.
    pub(super) async fn mark(
        &self,
        record: &mut EventRecord,
        version: u64,
        further: Vec<Write>,
        handling: &Handling,
    ) -> Result<u64, Trouble> {
        record.settle(self.clock.now());
        let version = loop {
            match self.put_event(record, version, further.clone(), handling).await {
                Ok(Some(version)) => break version,
                // Somebody else changed the same alarm at the same moment, or took over: the next try without the alarm tells which.
                Ok(None) if !further.is_empty() => {
                    let version = self.put_event(record, version, Vec::new(), handling).await?.ok_or_else(fenced_off)?;
                    self.change_alarms_again(&further).await;
                    break version;
                }
                Ok(None) => return Err(fenced_off()),
                Err(trouble) if self.clock.now() >= handling.deadline => return Err(trouble),
                Err(_) => self.clock.sleep(Duration::from_millis(250)).await,
            }
        };
        self.end_pieces(record, version).await?;
        Ok(version)
    }

    /// Marks what `change` writes into the event's record, in one commit with the records that it changes. `known`: what has been read of these already, at
    /// whatever time; whether it is still so is seen by the commit.
    ///
    /// # Errors
    /// [`Trouble::Damaged`] only where nothing is written.
    pub(super) async fn mark_changing(
        &self,
        record: &mut EventRecord,
        version: u64,
        known: Vec<(Key, Option<Stored>)>,
        handling: &Handling,
        change: impl Fn(&mut View<'_>, &mut EventRecord) -> Result<Change, Stop>,
    ) -> Result<Marked, Trouble> {
        let mut loaded = Loaded::default();
        known.into_iter().for_each(|(key, stored)| loaded.insert(key, stored));
        for _ in 0..ROUNDS {
            let planned = self.plan_aside(record, &mut loaded, |view| {
                let mut marked = record.clone();
                change(view, &mut marked).map(|change| (change, marked))
            });
            let (plan, (change, mut marked)) = match planned.await {
                Ok(planned) => planned,
                Err(error) => return Ok(Marked::Unread(error.to_string())),
            };
            if change == Change::Leave {
                return Ok(Marked::Left);
            }
            for effect in plan.effects {
                marked.add_effect(effect);
            }
            let mut writes = self.publish_news(&mut marked, plan.news).await?;
            // Without a change the records need not be as they were read.
            if plan.writes.iter().any(|write| matches!(write, Write::Put { .. })) {
                writes.extend(plan.writes);
            }
            marked.settle(self.clock.now());
            match self.put_event_with(&marked, version, writes, handling).await? {
                Put::At(version) => {
                    *record = marked;
                    self.end_pieces(record, version).await.map_err(Trouble::after_commit)?;
                    return Ok(Marked::At(version));
                }
                Put::Overtaken => return Err(fenced_off()),
                Put::Outrun => loaded.forget_records(),
            }
        }
        Ok(Marked::Outrun)
    }

    /// Gives the pieces of a body the end of their event, once that has one. Not before the record itself has it: a crash between both is mended by whoever
    /// meets the message again, and pieces that ended before their event could never be planned again.
    async fn end_pieces(&self, record: &EventRecord, version: u64) -> Result<(), Trouble> {
        if record.pieces > 0 && !record.unfinished() {
            self.align_pieces(record.clone(), version).await?;
        }
        Ok(())
    }
}

pub(super) fn fenced_off() -> Trouble {
    Trouble::Temporary("somebody else took over".to_owned())
}
