use crate::{
    body::{self, PackedBody},
    envelope::Envelope,
    event::{EventRecord, EventStatus, Publishing},
    plan::{Event, Loaded, Plan, Stop, View},
    ports::{Key, StripeAnswer},
    process::{Processor, Trouble, handle::Handling},
    records::Cause,
    rules::{self, SLUICE, TIMER, own_event},
    space::Space,
    time::Timestamp,
};

/// Why an event goes on waiting where there is no key any more.
const WAITS_FOR_KEY: &str = "there is no key for Stripe's API; set one in STRIPE_SECRET_KEY";

/// What planning came to.
pub(super) enum Planned {
    /// Changes and effects.
    Plan(Plan),
    /// It can't be processed as it is.
    Park { code: String, reason: String },
    /// It changes nothing here.
    Ignore {
        /// Why.
        reason: String,
        /// The event record that tells the same.
        twin: Option<String>,
        /// Whether it is published all the same.
        publishing: Publishing,
    },
    /// Nothing is to be done or recorded.
    Nothing,
}

/// The event that a timer makes: the same for the same record and due time. `record`: as the due index names it, which tells the space that it lies in.
pub(super) fn timer_envelope(record: Key, due_at: Timestamp, now: Timestamp) -> Envelope {
    let key = rules::own_key(&record, &due_at.millis().to_string());
    let (tenant, record) = Space::apart(record);
    let body = own_event(record, Some(due_at));
    Envelope {
        provider: SLUICE.to_owned(),
        source: TIMER.to_owned(),
        key,
        kind: rules::TIMER_DUE.to_owned(),
        occurred_at: Some(due_at),
        account: None,
        tenant,
        received_at: now,
        query: String::new(),
        headers: Vec::new(),
        body: PackedBody::pack(&body::NONE, &body),
    }
}

impl Processor {
    /// Reads an event record with its version.
    pub(super) async fn event(&self, id: &str) -> Result<Option<(EventRecord, u64)>, Trouble> {
        let key = EventRecord::key_of(id);
        let found = self.store.get(std::slice::from_ref(&key)).await?.pop().flatten();
        found.map(|stored| Ok((EventRecord::from_stored(&stored)?, stored.version))).transpose()
    }

    /// Plans an event on what is stored now.
    pub(super) async fn plan(
        &self,
        record: &EventRecord,
        body: &[u8],
        loaded: &mut Loaded,
        handling: &Handling,
    ) -> Result<Planned, Trouble> {
        let event = Event {
            id: &record.id,
            provider: &record.provider,
            source: &record.source,
            kind: &record.kind,
            occurred_at: record.occurred_at,
            received_at: record.received_at,
            account: record.account.as_deref(),
            query: &record.query,
            body,
        };
        let cause = Cause { event: record.id.clone(), kind: record.kind.clone(), recorded: true, told: record.changes.clone() };
        loop {
            let mut view = View::new(cause.clone(), loaded, &self.policy, self.now(handling));
            match rules::plan(&event, &mut view).and_then(|()| view.into_plan()) {
                Ok(plan) => return Ok(Planned::Plan(plan)),
                Err(Stop::Need(keys)) if loaded.may_lag() => {
                    let found = self.store.get_lagging(&keys).await?;
                    keys.into_iter().zip(found).for_each(|(key, stored)| loaded.insert_lagging(key, stored));
                }
                Err(Stop::Need(keys) | Stop::NeedLatest(keys)) => {
                    let found = self.store.get(&keys).await?;
                    keys.into_iter().zip(found).for_each(|(key, stored)| loaded.insert(key, stored));
                }
                Err(Stop::Ask(lookup)) => {
                    let answer = self.look_up(&lookup, handling).await?;
                    // It has waited for a key, and is not to do without because there is none for a while.
                    if answer == StripeAnswer::NotKnown && record.status == EventStatus::Waiting {
                        return Err(Trouble::Unanswered(WAITS_FOR_KEY.to_owned()));
                    }
                    loaded.answer(*lookup, answer);
                }
                // No commit checks what these were decided on.
                Err(Stop::Park { .. } | Stop::Ignore { .. } | Stop::Nothing | Stop::Refuse(_)) if loaded.lags() => loaded.forget_records(),
                Err(Stop::Park { code, reason }) => return Ok(Planned::Park { code, reason }),
                // Likewise one that has waited in vain: somebody looks after it.
                Err(Stop::Ignore { reason, .. }) if record.status == EventStatus::Parked && loaded.lacks_answers() => {
                    return Ok(Planned::Park { code: "no_stripe_key".to_owned(), reason });
                }
                Err(Stop::Ignore { reason, twin, publishing }) => return Ok(Planned::Ignore { reason, twin, publishing }),
                Err(Stop::Nothing) => return Ok(Planned::Nothing),
                // Only puts are; what follows from one that was taken is not refused when it is planned once more.
                Err(Stop::Refuse(refusal)) => return Ok(Planned::Park { code: "refused".to_owned(), reason: refusal.to_string() }),
                Err(Stop::Failed(error)) => return Err(error.into()),
            }
        }
    }
}
