use crate::{
    body::PackedBody,
    envelope::Envelope,
    event::EventRecord,
    plan::{Event, Loaded, Plan, Stop, View},
    ports::Key,
    process::{Processor, Trouble, handle::Handling},
    rules::{self, SLUICE, TIMER, own_event},
    time::Timestamp,
};

/// What planning came to.
pub(super) enum Planned {
    /// Changes and effects.
    Plan(Plan),
    /// It can't be processed as it is.
    Park { code: String, reason: String },
    /// It changes nothing here.
    Ignore(String),
    /// Nothing is to be done or recorded.
    Nothing,
}

/// The event that a timer makes: the same for the same record and due time.
pub(super) fn timer_envelope(record: Key, due_at: Timestamp, now: Timestamp) -> Envelope {
    let key = rules::own_key(&record, &due_at.millis().to_string());
    let body = own_event(record, Some(due_at));
    Envelope {
        provider: SLUICE.to_owned(),
        source: TIMER.to_owned(),
        key,
        kind: rules::TIMER_DUE.to_owned(),
        occurred_at: Some(due_at),
        account: None,
        received_at: now,
        query: String::new(),
        headers: Vec::new(),
        body: PackedBody::pack(SLUICE, &body),
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
    pub(super) async fn plan(&self, record: &EventRecord, body: &[u8], handling: &Handling) -> Result<Planned, Trouble> {
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
        let mut loaded = Loaded::default();
        loop {
            let mut view = View::new(&record.id, &loaded, &self.policy, self.now(handling));
            match rules::plan(&event, &mut view) {
                Ok(()) => return Ok(Planned::Plan(view.into_plan())),
                Err(Stop::Need(keys)) => {
                    let found = self.store.get(&keys).await?;
                    keys.into_iter().zip(found).for_each(|(key, stored)| loaded.insert(key, stored));
                }
                Err(Stop::Park { code, reason }) => return Ok(Planned::Park { code, reason }),
                Err(Stop::Ignore(reason)) => return Ok(Planned::Ignore(reason)),
                Err(Stop::Nothing) => return Ok(Planned::Nothing),
                Err(Stop::Failed(error)) => return Err(error.into()),
            }
        }
    }
}
