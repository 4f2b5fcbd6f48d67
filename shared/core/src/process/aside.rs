use crate::{
    envelope::InboundMessage,
    event::EventRecord,
    ids::fresh,
    news::News,
    plan::{Loaded, Plan, Stop, View},
    ports::{Commit, Committed, Message, PortError, QueueName, Write},
    process::Processor,
    records::Cause,
    rules::own_key,
    webhooks::{Publication, wanted},
};

/// How often a change that lost to another one of the same records is made again.
const ROUNDS: u32 = 8;

impl Processor {
    /// Changes records while the effects of an event are done, in a commit of their own. What is changed must be the same when it is done twice.
    pub(super) async fn change_aside<T>(
        &self,
        event: &EventRecord,
        change: impl Fn(&mut View<'_>) -> Result<T, Stop>,
    ) -> Result<T, PortError> {
        let mut loaded = Loaded::default();
        for _ in 0..ROUNDS {
            loaded.forget_records();
            let (plan, answer) = self.plan_aside(event, &mut loaded, &change).await?;
            // Only checks: nothing changes, and whatever changes meanwhile is later than this.
            if !plan.writes.iter().any(|write| matches!(write, Write::Put { .. })) {
                return Ok(answer);
            }
            let (told, further) = self.tell(plan.news).await?;
            let writes = plan.writes.into_iter().chain(further).collect();
            match self.store.commit(Commit { token: fresh("", &*self.ids), writes }).await? {
                Committed::Applied => {
                    self.send_on(told).await;
                    return Ok(answer);
                }
                Committed::Refused(_) => {}
            }
        }
        Err(PortError::Temporary("its records kept changing".to_owned()))
    }

    /// Plans such a change on what is stored now, as far as it is not loaded.
    pub(super) async fn plan_aside<T>(
        &self,
        event: &EventRecord,
        loaded: &mut Loaded,
        change: impl Fn(&mut View<'_>) -> Result<T, Stop>,
    ) -> Result<(Plan, T), PortError> {
        let cause = Cause { event: event.id.clone(), kind: event.kind.clone(), recorded: true, told: Vec::new() };
        loop {
            let mut view = View::new(cause.clone(), loaded, &self.policy, self.clock.now());
            match change(&mut view).and_then(|answer| Ok((view.into_plan()?, answer))) {
                Ok(changed) => return Ok(changed),
                Err(Stop::Need(keys) | Stop::NeedLatest(keys)) => {
                    let found = self.store.get(&keys).await?;
                    keys.into_iter().zip(found).for_each(|(key, stored)| loaded.insert(key, stored));
                }
                Err(Stop::Failed(error)) => return Err(error),
                Err(stop) => return Err(PortError::Permanent(format!("a change can't be planned: {stop:?}"))),
            }
        }
    }

    /// What the changes tell, each as an event of Sluice's own: their ids, and what is written with the changes. The event whose effects are done has its
    /// record in hand elsewhere.
    async fn tell(&self, news: Vec<News>) -> Result<(Vec<String>, Vec<Write>), PortError> {
        let Some(interest) = &self.interest else { return Ok(Default::default()) };
        let (now, mut ids, mut writes) = (self.clock.now(), Vec::new(), Vec::new());
        for news in wanted(news, interest, &*self.store, &*self.clock).await? {
            let publication = Publication {
                key: own_key(&news.record, &fresh("", &*self.ids)),
                kind: news.kind,
                tenant: news.tenant.clone(),
                occurred_at: now,
                data: &news.data,
                mail: None,
            };
            let (event, _, put) = publication.writes(true, now);
            ids.push(event.id);
            writes.extend(put);
        }
        Ok((ids, writes))
    }

    /// Sends on events that were stored with their effects. If that is lost, the sweeper does.
    async fn send_on(&self, events: Vec<String>) {
        let message = |id| Message { body: InboundMessage::Resume { id }.to_text(), group: None };
        let messages: Vec<_> = events.into_iter().map(message).collect();
        if !messages.is_empty()
            && let Err(error) = self.queue.send(QueueName::Inbound, messages, None).await
        {
            tracing::warn!(%error, "what a change told could not be queued; the sweeper will");
        }
    }
}
