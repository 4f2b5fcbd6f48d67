//! The protocol as a state machine: which steps are open in a state, and where each leads.

use stateright::{Model, Property};

use crate::state::{Change, EventId, FRESH, Handling, History, Message, NOBODY, Phase, Put, Record, State};

/// One thing done differently, to see that the invariants notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// The protocol as designed.
    None,
    /// Marks are written without a condition.
    MarkUnfenced,
    /// The owner is the id of the batch, shared by both duplicates in it.
    OwnerIsBatch,
    /// Effects are planned anew instead of taken from the event record.
    RunPlannedEffects,
    /// The message is deleted after the commit, before the effects.
    AcknowledgeFirst,
    /// An unfinished event of another owner counts as a duplicate, and is acknowledged.
    NeverTakeOver,
    /// A lease that has not run out is taken over.
    TakeOverLiveLease,
    /// A message that meets a live lease of somebody else comes back at once.
    ReturnAtOnce,
    /// After a refusal the record's version is looked at before the event record.
    RecordVersionFirst,
    /// The event record and the change are two writes.
    CommitInTwoWrites,
    /// The event record is put whether or not it is there.
    EventPutUnconditionally,
    /// The record is put whatever its version.
    RecordPutUnconditionally,
    /// An effect is marked before its call.
    MarkFirst,
    /// No look at the lease before a call.
    CallWithoutLease,
    /// An announcement gives way to every other, not to later ones.
    SupersedeAll,
    /// A put whose commit is refused takes an event record under its id for its own.
    PutTrustsEventRecord,
}

/// Who and what there is, and what may go wrong.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// For each webhook event, how often it was queued.
    pub(crate) webhooks: Vec<u8>,
    /// How many puts the API gets.
    pub(crate) puts: u8,
    /// How many messages are handled at the same time.
    pub(crate) workers: usize,
    /// How many faults may come. A fault is a crash of a process, a lost answer (of store, queue or mailer), a stall past the lease, a call that is not
    /// taken or refused for good, and a round of the sweeper that sends what is queued already.
    pub(crate) faults: u8,
    /// What is done differently.
    pub(crate) mutation: Mutation,
    /// What is asked of every state.
    pub(crate) questions: fn() -> Vec<Property<Self>>,
}

impl Scenario {
    /// The number of changes.
    pub(crate) fn changes(&self) -> Change {
        self.webhook_count() + self.puts
    }

    /// The number of webhook events.
    pub(crate) fn webhook_count(&self) -> Change {
        u8::try_from(self.webhooks.len()).expect("few webhooks")
    }
}

/// What becomes of a request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It arrives, and the answer is heard.
    Heard,
    /// It arrives; the sender sees an error.
    Unheard,
    /// The sender sees an error, and it arrives at some later time.
    Late,
    /// The sender sees an error, and it never arrives.
    Never,
}

impl Delivery {
    /// Each way in which the sender sees an error.
    pub(crate) const ERRORS: [Self; 3] = [Self::Unheard, Self::Late, Self::Never];
}

/// What the sender of a request does when it sees an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// The same request again.
    Retry,
    /// Fail; the message comes back.
    GiveUp,
}

/// How a call to the mailer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallEnd {
    /// It took effect.
    Sent,
    /// It took effect; the caller can't know.
    AnswerLost,
    /// Surely not taken; may work later.
    NotTaken,
    /// Refused for good.
    Refused,
}

impl CallEnd {
    /// Each end but the good one.
    pub(crate) const FAULTS: [Self; 3] = [Self::AnswerLost, Self::NotTaken, Self::Refused];
}

/// One step of somebody, or of the world. Positions are those in the state's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A message is received: in a batch of its own, or in one just received.
    Receive { message: usize, batch: Option<u8> },
    /// A handling reads what it needs, or decides.
    Think { handling: usize },
    /// A handling's write goes out.
    Send { handling: usize, delivery: Delivery, on_error: OnError },
    /// A handling's call goes out.
    Call { handling: usize, end: CallEnd },
    /// A handling deletes its message, or fails to.
    Acknowledge { handling: usize, delivery: Delivery },
    /// A process dies, with all that it was handling.
    Crash { batch: u8 },
    /// A handling stalls until its lease has run out.
    Stall { handling: usize },
    /// Time passes until the lease of an event that nobody is handling has run out.
    LeaseEnds { id: EventId },
    /// A late write arrives.
    Arrive { write: usize },
    /// The API reads and plans a put.
    PlanPut { put: usize },
    /// The API's commit goes out.
    CommitPut { put: usize, delivery: Delivery, on_error: OnError },
    /// The API sends the event's id to the queue, or fails to, and answers.
    AnnouncePut { put: usize, delivery: Delivery },
    /// The API's process dies between commit and queue.
    CrashPut { put: usize },
    /// The sweeper sends the id of an unfinished event.
    Sweep { id: EventId, early: bool },
}

impl Model for Scenario {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let copies = self.webhooks.iter().zip(0..).flat_map(|(count, change)| {
            let message = Message { event: EventId::Webhook(change), receives: 0, hidden: false };
            std::iter::repeat_n(message, usize::from(*count))
        });
        let state = State {
            record: Record::default(),
            events: Vec::new(),
            queue: copies.collect(),
            handlings: Vec::new(),
            late: Vec::new(),
            puts: vec![Put::Planning; usize::from(self.puts)],
            faults: self.faults,
            history: History::default(),
        };
        vec![state.normalise()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        receives(self, state, actions);
        for handling in 0..state.handlings.len() {
            state.handling_actions(handling, actions);
        }
        if state.faults > 0 {
            let batches = (1..=FRESH).take_while(|batch| state.handlings.iter().any(|handling| handling.batch == *batch));
            actions.extend(batches.map(|batch| Action::Crash { batch }));
        }
        for (id, event) in &state.events {
            let handled = state.handlings.iter().any(|handling| handling.owns(*id, event.owner));
            if event.leased && !handled {
                actions.push(Action::LeaseEnds { id: *id });
            }
        }
        actions.extend((0..state.late.len()).map(|write| Action::Arrive { write }));
        state.put_actions(actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Receive { message, batch } => {
                let mut message = next.queue.remove(message);
                message.receives += 1;
                next.handlings.push(Handling {
                    message,
                    phase: Phase::Received,
                    lapsed: false,
                    committed: false,
                    acknowledged: false,
                    batch: batch.unwrap_or(FRESH),
                    owner: NOBODY,
                });
            }
            Action::Think { handling } => next.think(handling, self.mutation),
            Action::Send { handling, delivery, on_error } => next.send(handling, delivery, on_error, self.mutation),
            Action::Call { handling, end } => next.call(handling, end, self.mutation),
            Action::Acknowledge { handling, delivery } => next.acknowledge(handling, delivery),
            Action::Crash { batch } => next.crash(batch),
            Action::Stall { handling } => next.stall(handling),
            Action::LeaseEnds { id } => next.end_lease(id),
            Action::Arrive { write } => {
                let write = next.late.remove(write);
                next.land(&write, self.mutation);
            }
            Action::PlanPut { put } => next.plan_put(put, self),
            Action::CommitPut { put, delivery, on_error } => next.commit_put(put, delivery, on_error, self),
            Action::AnnouncePut { put, delivery } => next.announce_put(put, delivery, self),
            Action::CrashPut { put } => {
                next.faults -= 1;
                next.puts[put] = Put::Over;
            }
            Action::Sweep { id, early } => {
                next.faults -= u8::from(early);
                next.queue_id(id);
            }
        }
        Some(next.normalise())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        (self.questions)()
    }
}

fn receives(scenario: &Scenario, state: &State, actions: &mut Vec<Action>) {
    if state.handlings.len() >= scenario.workers {
        return;
    }
    for (message, found) in state.queue.iter().enumerate() {
        let same_as_the_last = message > 0 && state.queue[message - 1] == *found;
        if found.hidden || same_as_the_last {
            continue;
        }
        actions.push(Action::Receive { message, batch: None });
        // Which messages share a process matters to crashes only, so joining is open to a batch of which nothing is under way.
        let mut fresh = state.handlings.iter().filter(|handling| handling.phase == Phase::Received && !handling.lapsed);
        if let Some(handling) = fresh.next() {
            let batch = Some(handling.batch);
            actions.push(Action::Receive { message, batch });
        }
    }
}
