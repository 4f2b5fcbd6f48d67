//! The store: conditional writes, all or nothing, and what the plan of an event is.

use sluice_core::testing::invariants::EffectState;

use crate::{
    protocol::Mutation,
    state::{Change, EFFECTS, Effect, Event, EventId, NOBODY, Owner, Record, State, Write, WriteKind},
};

/// The answer to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It applied, and the event record now stands like this.
    Applied(Event),
    /// It did not apply.
    Refused {
        /// The event record as it stands.
        found: Option<Event>,
        /// Whether the record's version was not the one read.
        record_lost: bool,
    },
}

/// What the record looks like after a change, and the event record that goes with it. Pure.
///
/// Change 0 is "payment failed", 1 "payment succeeded", which beats it; all others are puts. The derived state decides about announcements.
/// A success and a put have an effect without a number too, as publishing has.
pub(crate) fn plan(change: Change, record: Record, owner: Owner) -> (Record, Event) {
    let facts = record.facts | 1 << change;
    let new = facts != record.facts;
    let changed = derived(facts) != derived(record.facts);
    let announced = record.announced + u8::from(changed);
    let pending = |announcement| Effect { announcement, state: EffectState::Pending };
    let announcement = changed.then(|| pending(Some(announced)));
    let publish = (new && change > 0).then(|| pending(None));
    let mut effects = [None; EFFECTS];
    for (place, effect) in effects.iter_mut().zip([announcement, publish].into_iter().flatten()) {
        *place = Some(effect);
    }
    let event = Event { change, version: 1, owner, leased: owner != NOBODY, done: effects[0].is_none(), effects };
    let version = record.version + 1;
    (Record { version, facts, announced }, event)
}

/// The state that follows from the facts: nothing, failed, paid.
fn derived(facts: u8) -> u8 {
    match facts & 0b11 {
        0 => 0,
        1 => 1,
        _ => 2,
    }
}

impl State {
    /// Lets a write arrive at the store.
    pub(crate) fn land(&mut self, write: &Write, mutation: Mutation) -> Answer {
        let found = self.event(write.id).copied();
        let (event_holds, record_lost) = match write.kind {
            WriteKind::Commit { read, .. } => (
                found.is_none() || mutation == Mutation::EventPutUnconditionally,
                read != self.record.version && mutation != Mutation::RecordPutUnconditionally,
            ),
            WriteKind::TakeOver { read } | WriteKind::Update { read: Some(read) } => {
                (found.is_some_and(|event| event.version == read), false)
            }
            WriteKind::Update { read: None } => (true, false),
        };
        let split = mutation == Mutation::CommitInTwoWrites && matches!(write.kind, WriteKind::Commit { .. }) && event_holds;
        if (!event_holds || record_lost) && !split {
            return Answer::Refused { found, record_lost };
        }
        if let (WriteKind::Commit { record, .. }, false) = (write.kind, split && record_lost) {
            self.record = record;
            self.history.applied[usize::from(write.event.change)] += 1;
            for handling in self.handlings.iter_mut().filter(|handling| handling.owns(write.id, write.by)) {
                handling.committed = true;
            }
        }
        let stored = self.put(write, found.as_ref());
        Answer::Applied(stored)
    }

    fn put(&mut self, write: &Write, before: Option<&Event>) -> Event {
        let mut event = write.event;
        event.version = before.map_or(1, |event| event.version + 1);
        if let (WriteKind::Update { .. }, Some(before)) = (write.kind, before)
            && before.owner != write.by
        {
            self.history.foreign_writes[usize::from(event.change)] += 1;
        }
        // The lease is a time: it may have run out while the write was on its way.
        let lapsed = self.handlings.iter().any(|handling| handling.owns(write.id, event.owner) && handling.lapsed);
        event.leased = event.owner != NOBODY && !event.done && !lapsed;
        self.events.retain(|(id, _)| *id != write.id);
        self.events.push((write.id, event));
        if !event.leased {
            self.end_lease(write.id);
        }
        event
    }

    /// The id of the event record of a put that was planned on this version.
    pub(crate) fn put_id(read: u8) -> EventId {
        EventId::Put(read + 1)
    }
}
