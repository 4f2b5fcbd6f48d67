//! What the model remembers: the store, the queue, who is at work, what is still on its way, and the history that the invariants ask for.

use sluice_core::testing::invariants::EffectState;

/// The most changes (webhooks and puts) that one scenario has.
pub(crate) const CHANGES: usize = 4;
/// The most effects that one change has.
pub(crate) const EFFECTS: usize = 2;

/// A random owner of an event record. Equal ones are the same, and that is all that counts, so they are small numbers, renamed in each state.
pub(crate) type Owner = u8;
/// Nobody owns the event.
pub(crate) const NOBODY: Owner = 0;
/// A name that no state has once its names are in order.
pub(crate) const FRESH: u8 = u8::MAX;

/// Which change to the record: the webhooks first, then the puts.
pub(crate) type Change = u8;

/// The id of an event record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum EventId {
    /// From the provider's key.
    Webhook(Change),
    /// From the record and the version that the put gives it.
    Put(u8),
}

/// The business record that all events are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Record {
    pub(crate) version: u8,
    /// The changes it has heard of, one bit each.
    pub(crate) facts: u8,
    /// The number of its last announcement.
    pub(crate) announced: u8,
}

/// A stored effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Effect {
    pub(crate) announcement: Option<u8>,
    pub(crate) state: EffectState,
}

/// An event record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Event {
    pub(crate) change: Change,
    pub(crate) version: u8,
    pub(crate) owner: Owner,
    /// Whether the lease has yet to run out.
    pub(crate) leased: bool,
    pub(crate) done: bool,
    pub(crate) effects: [Option<Effect>; EFFECTS],
}

impl Event {
    /// The first effect that nobody has marked.
    pub(crate) fn next_pending(&self) -> Option<usize> {
        let pending = |effect: &Option<Effect>| effect.is_some_and(|effect| effect.state == EffectState::Pending);
        self.effects.iter().position(pending)
    }
}

/// A message of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Message {
    pub(crate) event: EventId,
    pub(crate) receives: u8,
    /// Not to be received before the event's present lease has run out.
    pub(crate) hidden: bool,
}

/// How far a handling of a message is. What a phase carries is the memory of the process, lost in a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Nothing done yet, or back here to plan again.
    Received,
    /// About to send the commit (again).
    Committing { read: u8, record: Record, event: Event },
    /// About to send the takeover of the event as found.
    TakingOver { found: Event },
    /// Owner of the event as it stands here; about to look for the next effect.
    Running { event: Event },
    /// The checks before the call have passed; the call has not taken effect.
    Calling { event: Event, effect: u8 },
    /// About to write down what became of an effect.
    Marking { event: Event, effect: u8, state: EffectState },
    /// About to give the lease back.
    GivingBack { event: Event },
    /// About to delete the message; `then` is what is left to do afterwards, nothing unless the protocol is broken.
    Acknowledging { then: Option<Event> },
}

/// One message being handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Handling {
    pub(crate) message: Message,
    pub(crate) phase: Phase,
    /// Its lease, or the one it is about to write, has run out by its own clock.
    pub(crate) lapsed: bool,
    /// Whether a commit of this very handling has applied (history, not known to it).
    pub(crate) committed: bool,
    /// The message is deleted already.
    pub(crate) acknowledged: bool,
    /// Which batch, which is to say which process: a crash takes all of a batch.
    pub(crate) batch: u8,
    pub(crate) owner: Owner,
}

impl Handling {
    /// Whether this is the handling that owns the event if `owner` does.
    pub(crate) fn owns(&self, id: EventId, owner: Owner) -> bool {
        owner != NOBODY && self.owner == owner && self.message.event == id
    }
}

/// A put through the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Put {
    /// About to read and plan.
    Planning,
    /// About to send the commit (again).
    Committing { read: u8, record: Record, id: EventId, event: Event },
    /// About to send the event's id to the queue.
    Sending { id: EventId },
    /// Answered or dead.
    Over,
}

/// A conditional write, as it goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Write {
    pub(crate) id: EventId,
    /// Who sends it.
    pub(crate) by: Owner,
    /// The event record to put.
    pub(crate) event: Event,
    pub(crate) kind: WriteKind,
}

/// The conditions of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum WriteKind {
    /// The event record if it is absent, and the record if it is at `read`.
    Commit { read: u8, record: Record },
    /// The event record if it is at `read`, by a new owner.
    TakeOver { read: u8 },
    /// The event record if it is at `read`, by its owner. Without a condition in a broken protocol.
    Update { read: Option<u8> },
}

/// What the world saw of one effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Calls {
    pub(crate) made: u8,
    pub(crate) excuses: u8,
    pub(crate) after_mark: u8,
}

/// What happened, beyond what the store shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    pub(crate) calls: [[Calls; EFFECTS]; CHANGES],
    pub(crate) applied: [u8; CHANGES],
    /// Changes of which a message was deleted, one bit each.
    pub(crate) acknowledged: u8,
    /// Puts that were answered with success, one bit each.
    pub(crate) answered: u8,
    pub(crate) foreign_writes: [u8; CHANGES],
    pub(crate) plans_after_commit: [u8; CHANGES],
    pub(crate) takeovers: bool,
    /// The highest announcement that went out.
    pub(crate) told: u8,
    /// An announcement went out after a later one.
    pub(crate) told_out_of_order: bool,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) record: Record,
    /// The event records, by id.
    pub(crate) events: Vec<(EventId, Event)>,
    /// The messages nobody is handling.
    pub(crate) queue: Vec<Message>,
    pub(crate) handlings: Vec<Handling>,
    /// Writes whose sender heard an error, and that are still going to arrive.
    pub(crate) late: Vec<Write>,
    pub(crate) puts: Vec<Put>,
    /// How many more faults may come, of whatever kind.
    pub(crate) faults: u8,
    pub(crate) history: History,
}

impl State {
    /// The event record, if there is one.
    pub(crate) fn event(&self, id: EventId) -> Option<&Event> {
        self.events.iter().find(|(key, _)| *key == id).map(|(_, event)| event)
    }

    /// Takes a lease away, and brings back what waited for its end.
    pub(crate) fn end_lease(&mut self, id: EventId) {
        if let Some((_, event)) = self.events.iter_mut().find(|(key, _)| *key == id) {
            event.leased = false;
        }
        for message in self.queue.iter_mut().filter(|message| message.event == id) {
            message.hidden = false;
        }
    }

    /// Makes states equal that differ in names and order alone.
    pub(crate) fn normalise(mut self) -> Self {
        self.events.sort_unstable_by_key(|(id, _)| *id);
        self.queue.sort_unstable();
        self.handlings.sort_unstable();
        self.late.sort_unstable();
        self.late.dedup();
        let mut owners = Names::default();
        let mut batches = Names::default();
        for (_, event) in &mut self.events {
            owners.rename(&mut event.owner);
        }
        for handling in &mut self.handlings {
            batches.rename(&mut handling.batch);
            owners.rename(&mut handling.owner);
            match &mut handling.phase {
                Phase::Committing { event, .. }
                | Phase::TakingOver { found: event }
                | Phase::Running { event }
                | Phase::Calling { event, .. }
                | Phase::Marking { event, .. }
                | Phase::GivingBack { event }
                | Phase::Acknowledging { then: Some(event) } => owners.rename(&mut event.owner),
                Phase::Received | Phase::Acknowledging { then: None } => {}
            }
        }
        for write in &mut self.late {
            owners.rename(&mut write.by);
            owners.rename(&mut write.event.owner);
        }
        self
    }
}

/// Gives names anew, in the order in which they appear.
#[derive(Default)]
struct Names {
    seen: [u8; 16],
    count: u8,
}

impl Names {
    fn rename(&mut self, name: &mut u8) {
        if *name == NOBODY {
            return;
        }
        let known = usize::from(self.count);
        let place = self.seen[..known].iter().position(|seen| seen == name).unwrap_or_else(|| {
            self.seen[known] = *name;
            self.count += 1;
            known
        });
        *name = u8::try_from(place + 1).expect("at most sixteen names");
    }
}
