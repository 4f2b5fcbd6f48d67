//! The commit made outside the consumer: the API's put, and the sweeper that sees to its effects.

use crate::{
    protocol::{Action, Delivery, Mutation, OnError, Scenario},
    state::{Change, EventId, Message, NOBODY, Put, State, Write, WriteKind},
    store::{Answer, plan},
};

impl State {
    /// The steps open to the API and the sweeper.
    pub(crate) fn put_actions(&self, actions: &mut Vec<Action>) {
        let faulty = self.faults > 0;
        for (put, phase) in self.puts.iter().enumerate() {
            match phase {
                Put::Planning => actions.push(Action::PlanPut { put }),
                Put::Committing { .. } => {
                    let mut send = |delivery, on_error| actions.push(Action::CommitPut { put, delivery, on_error });
                    send(Delivery::Heard, OnError::Retry);
                    for delivery in Delivery::ERRORS.into_iter().filter(|_| faulty) {
                        send(delivery, OnError::Retry);
                        send(delivery, OnError::GiveUp);
                    }
                }
                Put::Sending { .. } => {
                    let mut send = |delivery| actions.push(Action::AnnouncePut { put, delivery });
                    send(Delivery::Heard);
                    if faulty {
                        send(Delivery::Never);
                        actions.push(Action::CrashPut { put });
                    }
                }
                Put::Over => {}
            }
        }
        for (id, event) in &self.events {
            if event.done || matches!(id, EventId::Webhook(_)) {
                continue;
            }
            let handled = self.handlings.iter().map(|handling| handling.message.event);
            let early = self.queue.iter().map(|message| message.event).chain(handled).any(|queued| queued == *id);
            if !early || faulty {
                actions.push(Action::Sweep { id: *id, early });
            }
        }
    }

    /// Reads the record and plans the put. One that is in already needs no commit: an earlier try applied, and the sweeper knows of it.
    pub(crate) fn plan_put(&mut self, put: usize, scenario: &Scenario) {
        let change = change_of(put, scenario);
        if self.record.facts & 1 << change != 0 {
            return self.answer(put, scenario);
        }
        let (record, event) = plan(change, self.record, NOBODY);
        let read = self.record.version;
        let id = Self::put_id(read);
        self.puts[put] = Put::Committing { read, record, id, event };
    }

    /// Sends the commit of a put.
    pub(crate) fn commit_put(&mut self, put: usize, delivery: Delivery, on_error: OnError, scenario: &Scenario) {
        let Put::Committing { read, record, id, event } = self.puts[put] else {
            unreachable!("only this phase commits");
        };
        let kind = WriteKind::Commit { read, record };
        let write = Write { id, by: NOBODY, event, kind };
        match delivery {
            Delivery::Heard => {
                match self.land(&write, scenario.mutation) {
                    Answer::Applied(_) => self.puts[put] = Put::Sending { id },
                    Answer::Refused { found: Some(_), .. } if scenario.mutation == Mutation::PutTrustsEventRecord => {
                        self.answer(put, scenario);
                    }
                    // The id comes from the version, so a rival's event record may stand under it: only the record itself tells.
                    Answer::Refused { .. } => self.puts[put] = Put::Planning,
                }
                return;
            }
            Delivery::Unheard => {
                self.land(&write, scenario.mutation);
            }
            Delivery::Late => self.late.push(write),
            Delivery::Never => {}
        }
        self.faults -= 1;
        if on_error == OnError::GiveUp {
            self.puts[put] = Put::Over;
        }
    }

    /// Sends the event's id to the queue and answers, also if the queue did not confirm: the sweeper will send it.
    pub(crate) fn announce_put(&mut self, put: usize, delivery: Delivery, scenario: &Scenario) {
        if let (Put::Sending { id }, Delivery::Heard) = (self.puts[put], delivery) {
            self.queue_id(id);
        } else {
            self.faults -= 1;
        }
        self.answer(put, scenario);
    }

    /// Queues the id of an event record.
    pub(crate) fn queue_id(&mut self, event: EventId) {
        self.queue.push(Message { event, receives: 0, hidden: false });
    }

    fn answer(&mut self, put: usize, scenario: &Scenario) {
        self.puts[put] = Put::Over;
        self.history.answered |= 1 << change_of(put, scenario);
    }
}

fn change_of(put: usize, scenario: &Scenario) -> Change {
    scenario.webhook_count() + u8::try_from(put).expect("few puts")
}
