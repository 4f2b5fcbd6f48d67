use crate::event::Lease;
use crate::{
    envelope::{Envelope, InboundMessage},
    event::{EventRecord, EventStatus},
    ports::{Key, Measure},
    process::{Disposition, LEASE_MARGIN, Outcome, Processor, Received, Trouble, backoff, commit::Former, event::timer_envelope},
    rules::{is_greeting_of_ses, ses_envelope, space_of_text},
    time::Timestamp,
};

/// One handling of one message: who does it, and until when.
pub(super) struct Handling {
    pub(super) owner: String,
    pub(super) deadline: Timestamp,
    /// How often the message has been received.
    pub(super) receives: u32,
    pub(super) last: bool,
    /// For timers the later of the clock and the time that was waited for.
    pub(super) not_before: Option<Timestamp>,
}

impl Processor {
    /// Handles one message. Never panics on its content, and never returns before everything it started has ended.
    pub async fn handle(&self, message: Received<'_>) -> Disposition {
        // Boxed, so that whoever handles many at once holds a pointer for each.
        let disposition = Box::pin(self.dispose(message)).await;
        self.metrics.record(match disposition {
            Disposition::Done(outcome) => Measure::Handled { outcome },
            Disposition::Later { .. } => Measure::PutOff,
        });
        disposition
    }

    async fn dispose(&self, message: Received<'_>) -> Disposition {
        let parsed = match serde_json::from_str::<InboundMessage>(message.body) {
            Ok(parsed) => parsed,
            Err(_) if is_greeting_of_ses(message.body) => {
                tracing::info!("SES reports to the queue inbound from now on");
                return Disposition::Done(Outcome::Nothing);
            }
            Err(error) => match ses_envelope(message.body, self.clock.now()) {
                Some(envelope) => InboundMessage::Event(Box::new(envelope)),
                None => {
                    tracing::error!(
                        %error,
                        receives = message.receives,
                        "a message on the queue inbound can't be read; it is tried again, and is a dead letter after {} receives",
                        message.max_receives
                    );
                    return self.later(message.receives, format!("the message can't be read: {error}"));
                }
            },
        };
        let mut handling = Handling {
            owner: self.incarnation.owner(&*self.ids),
            deadline: message.deadline,
            receives: message.receives,
            last: message.receives >= message.max_receives,
            not_before: None,
        };
        let event = parsed.event_id();
        let result = match parsed {
            InboundMessage::Event(envelope) => self.first(*envelope, &handling).await,
            InboundMessage::Timer { record, due_at } => self.timer(record, due_at, &mut handling).await,
            InboundMessage::Resume { id } => self.resume(&id, &handling).await,
            InboundMessage::Replay { id } => self.replay(&id, &handling).await,
        };
        match result {
            Ok(outcome) => Disposition::Done(outcome),
            Err(Trouble::Busy { until }) => Disposition::Later { at: until, reason: "somebody else is working on it".to_owned() },
            Err(Trouble::Temporary(reason) | Trouble::Unanswered(reason)) => {
                tracing::warn!(event, reason, receives = message.receives, "a message could not be handled and will be tried again");
                self.later(message.receives, reason)
            }
            Err(Trouble::Later { at, reason }) => {
                tracing::warn!(event, reason, receives = message.receives, "a message could not be handled and will be tried again");
                Disposition::Later { at, reason }
            }
            Err(Trouble::Damaged(reason)) => {
                tracing::error!(event, reason, receives = message.receives, "a message could not be handled and will be tried again");
                self.later(message.receives, reason)
            }
        }
    }

    fn later(&self, receives: u32, reason: String) -> Disposition {
        Disposition::Later { at: self.clock.now() + backoff(receives, &*self.ids), reason }
    }

    /// When a message that can't be handled now is to come back.
    pub(super) fn next_try(&self, handling: &Handling) -> Timestamp {
        self.clock.now() + backoff(handling.receives, &*self.ids)
    }

    pub(super) fn lease(&self, handling: &Handling) -> Lease {
        Lease { owner: handling.owner.clone(), until: handling.deadline + LEASE_MARGIN }
    }

    pub(super) fn alive(&self, lease: &Lease) -> bool {
        self.incarnation.is_alive(lease, self.clock.now())
    }

    pub(super) fn now(&self, handling: &Handling) -> Timestamp {
        self.clock.now().max(handling.not_before.unwrap_or(Timestamp::MIN))
    }

    async fn first(&self, mut envelope: Envelope, handling: &Handling) -> Result<Outcome, Trouble> {
        // What a source of a tenant's says never leads anywhere else.
        if envelope.tenant.is_none() {
            envelope.tenant = space_of_text(&envelope);
        }
        let body = envelope.body.clone();
        let record = EventRecord::new(envelope);
        let tenant = record.tenant.clone();
        self.within(tenant.as_deref()).apply(record, None, &body, handling).await
    }

    async fn timer(&self, record: Key, due_at: Timestamp, handling: &mut Handling) -> Result<Outcome, Trouble> {
        handling.not_before = Some(due_at);
        let envelope = timer_envelope(record, due_at, self.now(handling));
        self.first(envelope, handling).await
    }

    /// Carries on with effects that nobody is working on.
    async fn resume(&self, id: &str, handling: &Handling) -> Result<Outcome, Trouble> {
        let Some((record, version)) = self.event(id).await? else {
            tracing::warn!(event = id, "an event to carry on with is gone");
            return Ok(Outcome::Nothing);
        };
        self.within(record.tenant.clone().as_deref()).join_in(record, version, handling).await
    }

    /// Somebody planned this event before: nothing is left to do, or its effects are taken over once nobody is working on them.
    pub(super) async fn join_in(&self, record: EventRecord, version: u64, handling: &Handling) -> Result<Outcome, Trouble> {
        if !record.unfinished() {
            self.finish_pieces(record, version, handling).await?;
            return Ok(Outcome::Duplicate);
        }
        if let Some(lease) = record.lease.as_ref().filter(|lease| self.alive(lease)) {
            return Err(Trouble::Busy { until: lease.until });
        }
        self.take_over(record, version, handling).await
    }

    /// Plans a stored event again.
    async fn replay(&self, id: &str, handling: &Handling) -> Result<Outcome, Trouble> {
        let Some((record, version)) = self.event(id).await? else {
            tracing::warn!(event = id, "an event to replay is gone");
            return Ok(Outcome::Nothing);
        };
        self.within(record.tenant.clone().as_deref()).replan(record, version, handling).await
    }

    /// Plans an event again that is stored: a replay, or a provider's redelivery of one that is parked.
    pub(super) async fn replan(&self, mut record: EventRecord, version: u64, handling: &Handling) -> Result<Outcome, Trouble> {
        if record.unfinished()
            && let Some(lease) = record.lease.as_ref().filter(|lease| self.alive(lease))
        {
            return Err(Trouble::Busy { until: lease.until });
        }
        if record.erased_at.is_some() {
            tracing::info!(event = record.id, "an event whose body was erased can't be planned again");
            return self.join_in(record, version, handling).await;
        }
        self.fetch_pieces(&mut record).await?;
        let (body, former) = (record.body(), Former { status: record.status, version });
        if !matches!(record.status, EventStatus::Parked | EventStatus::Waiting) {
            record.status = EventStatus::Processing;
        }
        record.dismissal = None;
        self.apply(record, Some(former), &body, handling).await
    }
}
