//! What the consumer does with a message, step by step, and how it can be cut short.

use sluice_core::testing::invariants::EffectState;

use crate::{
    protocol::{Action, CallEnd, Delivery, Mutation, OnError},
    state::{Event, EventId, FRESH, Message, NOBODY, Phase, State, Write, WriteKind},
    store::{Answer, plan},
};

impl State {
    /// The steps open to a handling.
    pub(crate) fn handling_actions(&self, handling: usize, actions: &mut Vec<Action>) {
        let it = &self.handlings[handling];
        let mut send = |delivery, on_error| {
            actions.push(Action::Send { handling, delivery, on_error });
        };
        let faulty = self.faults > 0;
        match it.phase {
            Phase::Received | Phase::Running { .. } => actions.push(Action::Think { handling }),
            Phase::Committing { .. } | Phase::TakingOver { .. } => {
                send(Delivery::Heard, OnError::GiveUp);
                for delivery in Delivery::ERRORS.into_iter().filter(|_| faulty) {
                    send(delivery, OnError::Retry);
                    send(delivery, OnError::GiveUp);
                }
            }
            // Giving up with a mark unwritten would repeat the effect for no need, so it is tried until it is heard.
            Phase::Marking { .. } => {
                send(Delivery::Heard, OnError::Retry);
                for delivery in Delivery::ERRORS.into_iter().filter(|_| faulty) {
                    send(delivery, OnError::Retry);
                }
            }
            Phase::GivingBack { .. } => {
                send(Delivery::Heard, OnError::GiveUp);
                for delivery in Delivery::ERRORS.into_iter().filter(|_| faulty) {
                    send(delivery, OnError::GiveUp);
                }
            }
            Phase::Calling { .. } => {
                let mut call = |end| actions.push(Action::Call { handling, end });
                call(CallEnd::Sent);
                for end in CallEnd::FAULTS.into_iter().filter(|_| faulty) {
                    call(end);
                }
            }
            Phase::Acknowledging { .. } => {
                let delivery = Delivery::Heard;
                actions.push(Action::Acknowledge { handling, delivery });
                if faulty {
                    let delivery = Delivery::Never;
                    actions.push(Action::Acknowledge { handling, delivery });
                }
            }
        }
        let holds_or_asks_for_a_lease = matches!(
            it.phase,
            Phase::Committing { .. } | Phase::TakingOver { .. } | Phase::Running { .. } | Phase::Calling { .. } | Phase::Marking { .. }
        );
        if faulty && !it.lapsed && holds_or_asks_for_a_lease {
            actions.push(Action::Stall { handling });
        }
    }

    /// Reads and plans, or decides what is next.
    pub(crate) fn think(&mut self, handling: usize, mutation: Mutation) {
        let it = self.handlings[handling];
        match it.phase {
            Phase::Received => {
                self.handlings[handling].owner = self.draw_owner(handling, mutation);
                match it.message.event {
                    EventId::Webhook(change) => {
                        self.history.plans_after_commit[usize::from(change)] += u8::from(it.committed);
                        let read = self.record.version;
                        let (record, event) = plan(change, self.record, self.handlings[handling].owner);
                        self.handlings[handling].phase = Phase::Committing { read, record, event };
                    }
                    id @ EventId::Put(_) => {
                        let found = *self.event(id).expect("its id is sent after the commit");
                        self.judge(handling, found, mutation);
                    }
                }
            }
            Phase::Running { event } => self.next_effect(handling, event, mutation),
            _ => unreachable!("only these two think"),
        }
    }

    fn draw_owner(&self, handling: usize, mutation: Mutation) -> u8 {
        let it = &self.handlings[handling];
        let in_batch = |other: &&crate::state::Handling| other.batch == it.batch && other.owner != NOBODY;
        match self.handlings.iter().find(in_batch) {
            Some(other) if mutation == Mutation::OwnerIsBatch => other.owner,
            _ if it.owner != NOBODY => it.owner,
            _ => FRESH,
        }
    }

    /// Decides by the event record of another owner (or of nobody).
    fn judge(&mut self, handling: usize, found: Event, mutation: Mutation) {
        let phase = if found.done || (mutation == Mutation::NeverTakeOver && !found.leased) {
            Phase::Acknowledging { then: None }
        } else if found.leased && mutation != Mutation::TakeOverLiveLease {
            return self.release(handling, mutation != Mutation::ReturnAtOnce);
        } else {
            Phase::TakingOver { found }
        };
        self.handlings[handling].phase = phase;
    }

    fn next_effect(&mut self, handling: usize, event: Event, mutation: Mutation) {
        let it = self.handlings[handling];
        let Some(next) = event.next_pending() else {
            if it.acknowledged {
                self.handlings.remove(handling);
            } else {
                self.handlings[handling].phase = Phase::Acknowledging { then: None };
            }
            return;
        };
        if it.lapsed && mutation != Mutation::CallWithoutLease {
            return self.release(handling, false);
        }
        let effect = u8::try_from(next).expect("few effects");
        let announcement = event.effects[next].and_then(|effect| effect.announcement);
        let over = announcement.is_some_and(|number| {
            let all = mutation == Mutation::SupersedeAll && self.record.facts.count_ones() > 1;
            number < self.record.announced || all
        });
        self.handlings[handling].phase = if over {
            let state = EffectState::Superseded;
            Phase::Marking { event, effect, state }
        } else if mutation == Mutation::MarkFirst {
            let state = EffectState::Done;
            Phase::Marking { event, effect, state }
        } else {
            Phase::Calling { event, effect }
        };
    }

    /// The write that a handling is about to send.
    fn write_of(&self, handling: usize, mutation: Mutation) -> Write {
        let it = self.handlings[handling];
        let (event, kind) = match it.phase {
            Phase::Committing { read, record, event } => (event, WriteKind::Commit { read, record }),
            Phase::TakingOver { found } => {
                let read = found.version;
                (Event { owner: it.owner, ..found }, WriteKind::TakeOver { read })
            }
            Phase::Marking { mut event, effect, state } => {
                let read = (mutation != Mutation::MarkUnfenced).then_some(event.version);
                if let Some(effect) = &mut event.effects[usize::from(effect)] {
                    effect.state = state;
                }
                event.done = event.next_pending().is_none();
                (event, WriteKind::Update { read })
            }
            Phase::GivingBack { event } => {
                let read = Some(event.version);
                (Event { owner: NOBODY, ..event }, WriteKind::Update { read })
            }
            _ => unreachable!("nothing to write"),
        };
        let (id, by) = (it.message.event, it.owner);
        Write { id, by, event, kind }
    }

    /// Sends the write of a handling, and does what follows from what is heard.
    pub(crate) fn send(&mut self, handling: usize, delivery: Delivery, on_error: OnError, mutation: Mutation) {
        let write = self.write_of(handling, mutation);
        let phase = self.handlings[handling].phase;
        match delivery {
            Delivery::Heard => {
                let answer = self.land(&write, mutation);
                return self.heard(handling, phase, answer, mutation);
            }
            Delivery::Unheard => {
                self.land(&write, mutation);
            }
            Delivery::Late => self.late.push(write),
            Delivery::Never => {}
        }
        self.faults -= 1;
        if on_error == OnError::GiveUp {
            self.release(handling, false);
        }
    }

    fn heard(&mut self, handling: usize, phase: Phase, answer: Answer, mutation: Mutation) {
        let it = self.handlings[handling];
        match (phase, answer) {
            (Phase::GivingBack { .. }, _) => self.release(handling, false),
            (Phase::Committing { .. }, Answer::Applied(event)) => self.run(handling, event, mutation),
            (Phase::Marking { effect, .. }, Answer::Applied(event)) if mutation == Mutation::MarkFirst => {
                self.handlings[handling].phase = Phase::Calling { event, effect };
            }
            (Phase::Marking { .. }, Answer::Applied(event)) => self.handlings[handling].phase = Phase::Running { event },
            (Phase::TakingOver { .. }, Answer::Applied(event)) => {
                self.history.takeovers = true;
                self.run_stored(handling, event, mutation);
            }
            (_, Answer::Refused { found: None, .. }) => self.handlings[handling].phase = Phase::Received,
            (Phase::Committing { .. }, Answer::Refused { record_lost: true, .. }) if mutation == Mutation::RecordVersionFirst => {
                self.handlings[handling].phase = Phase::Received;
            }
            (Phase::Marking { effect, state, .. }, Answer::Refused { found: Some(event), .. }) => {
                // A mark under our own name is ours: its answer had been lost.
                let marked = event.effects[usize::from(effect)].is_some_and(|effect| effect.state == state);
                if event.owner == it.owner && marked {
                    self.handlings[handling].phase = Phase::Running { event };
                } else {
                    self.release(handling, false);
                }
            }
            (_, Answer::Refused { found: Some(event), .. }) if event.owner == it.owner => self.run_stored(handling, event, mutation),
            (_, Answer::Refused { found: Some(event), .. }) => self.judge(handling, event, mutation),
            (phase, Answer::Applied(_)) => unreachable!("{phase:?} writes nothing"),
        }
    }

    fn run(&mut self, handling: usize, event: Event, mutation: Mutation) {
        self.handlings[handling].phase =
            if mutation == Mutation::AcknowledgeFirst { Phase::Acknowledging { then: Some(event) } } else { Phase::Running { event } };
    }

    fn run_stored(&mut self, handling: usize, mut event: Event, mutation: Mutation) {
        if mutation == Mutation::RunPlannedEffects {
            event.effects = plan(event.change, self.record, event.owner).1.effects;
        }
        self.run(handling, event, mutation);
    }

    /// Lets the call of a handling end.
    pub(crate) fn call(&mut self, handling: usize, end: CallEnd, mutation: Mutation) {
        let it = self.handlings[handling];
        let Phase::Calling { event, effect } = it.phase else {
            unreachable!("only this phase calls");
        };
        let marking = |state| Phase::Marking { event, effect, state };
        if matches!(end, CallEnd::Sent | CallEnd::AnswerLost) {
            self.take_effect(handling, event, effect, end);
        }
        self.handlings[handling].phase = match end {
            CallEnd::Sent if mutation == Mutation::MarkFirst => Phase::Running { event },
            CallEnd::Sent => marking(EffectState::Done),
            CallEnd::AnswerLost | CallEnd::NotTaken => Phase::GivingBack { event },
            CallEnd::Refused => marking(EffectState::Failed),
        };
        self.faults -= u8::from(end != CallEnd::Sent);
    }

    fn take_effect(&mut self, handling: usize, event: Event, effect: u8, end: CallEnd) {
        let it = self.handlings[handling];
        let place = usize::from(effect);
        let stored = self.event(it.message.event).and_then(|event| event.effects[place]);
        let marked = stored.is_some_and(|effect| effect.state != EffectState::Pending);
        let calls = &mut self.history.calls[usize::from(event.change)][place];
        calls.made += 1;
        calls.excuses += u8::from(end == CallEnd::AnswerLost);
        calls.after_mark += u8::from(marked && !it.lapsed);
        if let Some(number) = event.effects[place].and_then(|effect| effect.announcement) {
            self.history.told_out_of_order |= number < self.history.told;
            self.history.told = self.history.told.max(number);
        }
    }

    /// Deletes the message of a handling, or fails to.
    pub(crate) fn acknowledge(&mut self, handling: usize, delivery: Delivery) {
        let Phase::Acknowledging { then } = self.handlings[handling].phase else {
            unreachable!("only this phase acknowledges");
        };
        if delivery != Delivery::Heard {
            self.faults -= 1;
            return self.release(handling, false);
        }
        let id = self.handlings[handling].message.event;
        let change = self.event(id).map_or(0, |event| event.change);
        self.history.acknowledged |= 1 << change;
        match then {
            Some(event) => {
                self.handlings[handling].acknowledged = true;
                self.handlings[handling].phase = Phase::Running { event };
            }
            None => {
                self.handlings.remove(handling);
            }
        }
    }

    /// Ends a handling; its message comes back, at once or with the end of the event's lease.
    fn release(&mut self, handling: usize, until_lease_end: bool) {
        let it = self.handlings.remove(handling);
        let leased = self.event(it.message.event).is_some_and(|event| event.leased);
        if !it.acknowledged {
            let hidden = until_lease_end && leased;
            self.queue.push(Message { hidden, ..it.message });
        }
    }

    /// Ends all handlings of a process. A message stays invisible for longer than the lease that its handling took.
    pub(crate) fn crash(&mut self, batch: u8) {
        self.faults -= 1;
        while let Some(handling) = self.handlings.iter().position(|handling| handling.batch == batch) {
            if matches!(self.handlings[handling].phase, Phase::Marking { .. }) {
                self.excuse(handling);
            }
            let it = &self.handlings[handling];
            let own = self.event(it.message.event).is_some_and(|event| event.owner == it.owner);
            self.release(handling, own);
        }
    }

    /// Lets a handling stand still until its lease has run out, wherever it is.
    pub(crate) fn stall(&mut self, handling: usize) {
        self.faults -= 1;
        if matches!(self.handlings[handling].phase, Phase::Calling { .. } | Phase::Marking { .. }) {
            self.excuse(handling);
        }
        let it = &mut self.handlings[handling];
        it.lapsed = true;
        let (id, owner) = (it.message.event, it.owner);
        if self.event(id).is_some_and(|event| event.owner == owner) {
            self.end_lease(id);
        }
    }

    /// Notes that the call of a handling may come again, unless it is marked by now.
    fn excuse(&mut self, handling: usize) {
        let it = self.handlings[handling];
        let (Phase::Calling { event, effect } | Phase::Marking { event, effect, .. }) = it.phase else {
            return;
        };
        let place = usize::from(effect);
        let stored = self.event(it.message.event).and_then(|event| event.effects[place]);
        if stored.is_some_and(|effect| effect.state == EffectState::Pending) {
            self.history.calls[usize::from(event.change)][place].excuses += 1;
        }
    }
}
