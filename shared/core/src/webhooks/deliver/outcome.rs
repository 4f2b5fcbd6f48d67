use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Deliverer, Held};
use crate::{
    envelope::InboundMessage,
    event::{EventRecord, SHOPIFY},
    ids::fresh,
    ports::{Commit, Committed, Condition, Message, PortError, QueueName, Write},
    process::{Outcome, OwnerMail},
    record::Record,
    time::Timestamp,
    webhooks::{
        Attempt, DeliveryStatus, Disabled, EXCERPT, Endpoint, Subscription, WaitsFor, change_subscription,
        endpoint::Consequence,
        manage::Made,
        notice::{DELIVERY_FAILED, Publication, SUBSCRIPTION_DISABLED, SUBSCRIPTION_FAILING, is_own_news},
        verdict::{Strain, Verdict},
    },
};

/// How often the state of an endpoint that others change, too, is tried to be stored.
const ROUNDS: u32 = 8;
/// The wait between two tries to write down what came of an attempt.
const PAUSE: Duration = Duration::from_millis(250);
/// How long it is tried.
const PATIENCE: Duration = Duration::from_secs(5);

/// As much of an answer is told with a failure, bytes.
const SHOWN: usize = 500;

/// An attempt that has ended.
pub(super) struct Ended {
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) status: Option<u16>,
    pub(super) error: Option<String>,
    pub(super) excerpt: Option<Vec<u8>>,
    pub(super) verdict: Verdict,
}

impl Deliverer {
    /// Writes down what came of an attempt: in the delivery, then in the endpoint's state.
    pub(super) async fn write_down(&self, mut held: Box<Held>, ended: Ended) -> Result<Outcome, PortError> {
        let now = ended.ended;
        let excerpt = ended.excerpt.as_ref().filter(|bytes| !bytes.is_empty());
        held.delivery.note(Attempt {
            at: ended.began,
            status_code: ended.status,
            duration_ms: u64::try_from(now.since(ended.began).as_millis()).unwrap_or(u64::MAX),
            response: excerpt.map(|bytes| String::from_utf8_lossy(&bytes[..bytes.len().min(EXCERPT)]).into_owned()),
            error: ended.error.clone(),
        });
        if ended.verdict == Verdict::Gone {
            // Before the delivery: were this lost, it would come again, and find its subscription disabled.
            let reason = "the receiver answered 410: it wants no more webhooks";
            while let Err(error) = self.disable(&held, &ended, reason).await {
                self.before_another_try(now, error).await?;
            }
        }
        match &ended.verdict {
            Verdict::Delivered => held.delivery.delivered(now),
            Verdict::Gone => held.delivery.give_up(None),
            Verdict::Failed { hint, .. } => {
                held.delivery.failed += 1;
                let schedule = held.subscription.retry_schedule.as_ref().unwrap_or(&self.webhooks.retry_schedule);
                match schedule.wait(held.delivery.failed, *hint, &*self.ids) {
                    Some(wait) => {
                        held.delivery.status = DeliveryStatus::Failed;
                        held.delivery.wait(now + wait, Some(WaitsFor::Retry), now);
                    }
                    None => held.delivery.give_up(None),
                }
            }
        }
        let (event, further) = match held.delivery.status {
            DeliveryStatus::PermanentlyFailed => loop {
                match self.told_of_failure(&held, &ended).await {
                    Ok(told) => break told,
                    Err(error) => self.before_another_try(now, error).await?,
                }
            },
            _ => (None, Vec::new()),
        };
        loop {
            match self.put(&held.delivery, held.version, further.clone()).await {
                Ok(Some(_)) => break,
                Ok(None) => {
                    tracing::warn!(delivery = held.delivery.id, "somebody else took over while an attempt was made");
                    return Ok(Outcome::Nothing);
                }
                Err(error) => self.before_another_try(now, error).await?,
            }
        }
        self.send_on(event).await;
        self.note_endpoint(&held, &ended).await;
        Ok(Outcome::Applied)
    }

    /// Waits before what failed with `error` is tried once more: what is not written down of an attempt that ended at `since` is done again.
    ///
    /// # Errors
    /// The error, once it was tried for long enough.
    async fn before_another_try(&self, since: Timestamp, error: PortError) -> Result<(), PortError> {
        if self.clock.now().since(since) >= PATIENCE {
            return Err(error);
        }
        self.clock.sleep(PAUSE).await;
        Ok(())
    }

    /// Notes in the endpoint's state how the attempt went. It is a guess at how the next one will go: what can't be stored is left.
    async fn note_endpoint(&self, held: &Held, ended: &Ended) {
        if let Err(error) = self.try_note_endpoint(held, ended).await {
            tracing::warn!(subscription = held.subscription.id, %error, "the state of an endpoint could not be stored");
        }
    }

    async fn try_note_endpoint(&self, held: &Held, ended: &Ended) -> Result<(), PortError> {
        // A healthy endpoint that stays so costs nothing.
        if ended.verdict == Verdict::Delivered && !held.endpoint.clone().succeeded() {
            return Ok(());
        }
        let id = &held.subscription.id;
        for round in 0..ROUNDS {
            if round > 0 {
                // Others write down at this moment how theirs went.
                let spread = u32::try_from(self.ids.random() % 1_000).unwrap_or(0);
                self.clock.sleep(Duration::from_millis(20) * round * spread / 1_000).await;
            }
            let stored = self.store.get(&[Endpoint::key(id)]).await?.pop().flatten();
            let mut endpoint = stored.as_ref().map(Endpoint::from_stored).transpose()?.unwrap_or_else(|| Endpoint::new(id));
            let consequence = match &ended.verdict {
                Verdict::Delivered if !endpoint.succeeded() => return Ok(()),
                Verdict::Delivered | Verdict::Gone => Consequence::Nothing,
                Verdict::Failed { hint, endpoint: strain } => {
                    endpoint.failed(ended.ended, *hint, *strain, ended.error.as_deref().unwrap_or_default())
                }
            };
            let mut writes = vec![Write::Put { document: endpoint.document(), condition: Condition::unchanged(stored.as_ref()) }];
            let told = match consequence {
                Consequence::Nothing => None,
                Consequence::Disable => {
                    self.disable(held, ended, "every attempt has failed for 5 days").await?;
                    None
                }
                Consequence::Warn => {
                    let (event, further) = self.told_half_way(held, ended, &endpoint).await?;
                    writes.extend(further);
                    Some(event)
                }
            };
            if self.store.commit(Commit { token: fresh("", &*self.ids), writes }).await? == Committed::Applied {
                self.send_on(told).await;
                return Ok(());
            }
        }
        Err(PortError::Temporary("it kept changing".to_owned()))
    }

    /// Disables a subscription, tells its owner, and publishes that.
    async fn disable(&self, held: &Held, ended: &Ended, reason: &str) -> Result<(), PortError> {
        let (now, id, posted_to) = (self.clock.now(), held.subscription.id.as_str(), &held.subscription.url);
        let wanted = self.wanted(SUBSCRIPTION_DISABLED).await?;
        let around = (&*self.store, &*self.clock, &*self.ids, &*self.webhooks.interest);
        let last = self.last_attempt(held, ended).await?;
        let event = change_subscription(around, id, &[], |before, _| {
            // What another URL answered says nothing of the one that it has by now.
            let Some(before) = before.filter(|before| before.active() && before.url == *posted_to) else { return Ok(Made::Nothing(None)) };
            let mut after: Subscription = before.clone();
            after.disabled = Some(Disabled::new(now, reason));
            after.updated_at = now;
            let mut data = last.clone();
            data.insert("id".to_owned(), json!(id));
            data.insert("reason".to_owned(), json!(reason));
            data.insert("disabled_at".to_owned(), json!(now));
            let (key, kind) = (format!("{id}/disabled/{}", now.millis()), SUBSCRIPTION_DISABLED);
            let data = Value::Object(data);
            let publication = Publication { key, kind, tenant: before.tenant.clone(), occurred_at: now, data: &data, mail: Some(id) };
            let (event, _, writes) = publication.writes(wanted, now);
            Ok(Made::Store(Box::new(after), writes, Some(event.id)))
        })
        .await?;
        if event.is_some() {
            tracing::warn!(subscription = id, reason, "disabled");
        }
        self.send_on(event).await;
        Ok(())
    }

    /// What is published, and told the owner, when every attempt has failed for half the time after which the subscription is disabled.
    async fn told_half_way(&self, held: &Held, ended: &Ended, endpoint: &Endpoint) -> Result<(String, Vec<Write>), PortError> {
        let (now, id) = (ended.ended, held.subscription.id.as_str());
        let since = endpoint.failing_since.unwrap_or(now);
        let mut data = self.last_attempt(held, ended).await?;
        data.insert("id".to_owned(), json!(id));
        data.insert("failing_since".to_owned(), json!(since));
        data.insert("disabled_after".to_owned(), json!(endpoint.disabled_from()));
        let (key, kind) = (format!("{id}/failing/{}", since.millis()), SUBSCRIPTION_FAILING);
        let (tenant, data) = (held.subscription.tenant.clone(), Value::Object(data));
        let publication = Publication { key, kind, tenant, occurred_at: now, data: &data, mail: Some(id) };
        let (event, _, writes) = publication.writes(self.wanted(kind).await?, now);
        tracing::warn!(subscription = id, %since, "every attempt has failed for days; its owner is told");
        Ok((event.id, writes))
    }

    /// What is published, and told the owner, when a delivery has failed for good.
    async fn told_of_failure(&self, held: &Held, ended: &Ended) -> Result<(Option<String>, Vec<Write>), PortError> {
        let (delivery, now) = (&held.delivery, ended.ended);
        // That the news of a failure fail is not published.
        let wanted = !is_own_news(&delivery.event_type) && self.wanted(DELIVERY_FAILED).await?;
        // A mail goes out already that says more: that a receiver has gone, or that it has failed for days.
        let more_is_told =
            ended.verdict == Verdict::Gone || held.endpoint.clone().failed(now, None, Strain::None, "") != Consequence::Nothing;
        let silent = more_is_told || OwnerMail::holds_back(&*self.store, &held.subscription.id, now).await?;
        if silent && !wanted {
            return Ok((None, Vec::new()));
        }
        let mut data = self.last_attempt(held, ended).await?;
        data.insert("id".to_owned(), json!(delivery.id));
        data.insert("subscription_id".to_owned(), json!(delivery.subscription_id));
        let data = Value::Object(data);
        let publication = Publication {
            key: format!("{}/failed/{}", delivery.id, delivery.attempted),
            kind: DELIVERY_FAILED,
            tenant: delivery.tenant.clone(),
            occurred_at: now,
            data: &data,
            mail: Some(held.subscription.id.as_str()).filter(|_| !silent),
        };
        let (event, _, writes) = publication.writes(wanted, now);
        Ok((Some(event.id), writes))
    }

    async fn wanted(&self, kind: &str) -> Result<bool, PortError> {
        Ok(!self.webhooks.interest.covering_now(kind, &*self.store, &*self.clock).await?.is_empty())
    }

    /// Sends on an event that was stored with its effects. If that is lost, the sweeper does.
    async fn send_on(&self, event: Option<String>) {
        let Some(id) = event else { return };
        let message = Message { body: InboundMessage::Resume { id: id.clone() }.to_text(), group: None };
        if let Err(error) = self.queue.send(QueueName::Inbound, vec![message], None).await {
            tracing::warn!(event = id, %error, "what a delivery caused could not be queued; the sweeper will");
        }
    }

    /// What all news of a failure say: where to, what, and what came of the last attempt. What the receiver answered is left out where it may have repeated
    /// what has to be erased some day: of a shop's customers. It stands in the delivery, where it can be forgotten.
    async fn last_attempt(&self, held: &Held, ended: &Ended) -> Result<Map<String, Value>, PortError> {
        let delivery = &held.delivery;
        let told = EventRecord::key_of(&held.told.event.event);
        let caused_by = self.store.get(&[told]).await?.pop().flatten().as_ref().map(EventRecord::from_stored).transpose()?;
        let may_be_quoted = caused_by.is_some_and(|event| event.provider != SHOPIFY);
        let response = ended.excerpt.as_ref().filter(|bytes| may_be_quoted && !bytes.is_empty());
        let facts = [
            ("url", json!(held.subscription.url)),
            ("delivery_id", json!(delivery.id)),
            ("event_id", json!(delivery.event_id)),
            ("event_type", json!(delivery.event_type)),
            ("attempts", json!(delivery.attempted)),
            ("status_code", json!(ended.status)),
            ("error", json!(ended.error)),
            ("response", json!(response.map(|bytes| String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned()))),
        ];
        Ok(facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}
