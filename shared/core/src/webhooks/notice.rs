//! What happened to a subscription or a delivery, as an event of Sluice's own: published for those who subscribe to it.

use std::sync::Arc;

use serde_json::{Value, value::RawValue};

use super::{Delivery, FanOut, InterestBoard, Published, Subscription};
use crate::{
    body::{self, PackedBody},
    effect::{Announcement, Effect, EffectKind, EffectState},
    envelope::Envelope,
    event::EventRecord,
    news::News,
    ports::{Clock, Condition, PortError, Store, Write},
    record::{Record, to_json},
    rules::{PUBLISH, SLUICE},
    state::State,
    sweep::GRACE,
    template::MailTemplate,
    time::Timestamp,
};

/// The type of the event that tells of a disabled subscription.
pub(crate) const SUBSCRIPTION_DISABLED: &str = "subscription.disabled";
/// The type of the event that tells of a subscription that has failed half-way to being disabled.
pub(crate) const SUBSCRIPTION_FAILING: &str = "subscription.failing";
/// The type of the event that tells of a delivery that failed for good.
pub(crate) const DELIVERY_FAILED: &str = "delivery.failed";
/// The type of the event that tests a subscription.
pub(crate) const TEST: &str = "webhook.test";

/// That the news of a failure can't be delivered is told to nobody, or it would never end.
pub(crate) fn is_own_news(kind: &str) -> bool {
    [SUBSCRIPTION_DISABLED, SUBSCRIPTION_FAILING, DELIVERY_FAILED, TEST].contains(&kind)
}

/// An event that somebody publishes: its own record, whose body is the data.
pub(crate) struct Publication<'a, D: ?Sized> {
    /// What makes it the same event when it comes again.
    pub(crate) key: String,
    pub(crate) kind: &'a str,
    pub(crate) tenant: Option<String>,
    pub(crate) occurred_at: Timestamp,
    pub(crate) data: &'a D,
    /// The subscription whose owner is sent a mail about it.
    pub(crate) mail: Option<&'a str>,
}

/// A publication about to be committed.
pub(crate) struct Begun {
    pub(crate) event: EventRecord,
    pub(crate) published: Published,
    /// Those of few subscribers, to be written with it; their messages are still to be sent.
    pub(crate) deliveries: Vec<Delivery>,
}

impl Begun {
    /// What is to be written.
    pub(crate) fn writes(&self) -> Vec<Write> {
        let documents = [self.event.document(), self.published.document()].into_iter().chain(self.deliveries.iter().map(Record::document));
        documents.map(|document| Write::Put { document, condition: Condition::Absent }).collect()
    }
}

/// What can be published.
pub(crate) trait Data {
    /// Its JSON text.
    fn json(&self) -> Vec<u8>;
}

impl Data for Value {
    fn json(&self) -> Vec<u8> {
        to_json(self)
    }
}

impl Data for State {
    fn json(&self) -> Vec<u8> {
        to_json(self)
    }
}

impl Data for RawValue {
    fn json(&self) -> Vec<u8> {
        self.get().as_bytes().to_vec()
    }
}

impl<D: Data + ?Sized> Data for Arc<D> {
    fn json(&self) -> Vec<u8> {
        D::json(self)
    }
}

impl<D: Data + ?Sized> Publication<'_, D> {
    /// The event's record, with its fan-out to be done if anybody wants it, and what is published.
    pub(crate) fn records(&self, wanted: bool, now: Timestamp) -> (EventRecord, Published) {
        let data = self.data.json();
        let mut event = EventRecord::new(Envelope {
            provider: SLUICE.to_owned(),
            source: PUBLISH.to_owned(),
            key: self.key.clone(),
            kind: self.kind.to_owned(),
            occurred_at: Some(self.occurred_at),
            account: None,
            tenant: None,
            received_at: now,
            query: String::new(),
            headers: Vec::new(),
            body: PackedBody::pack(&body::NONE, &data),
        });
        event.summary = format!("{} was published", self.kind);
        let published = Published::with_data(&event.id, self.kind, self.tenant.clone(), self.occurred_at, now, &data);
        if wanted {
            event.effects.push(effect(&event.id, &published));
        }
        if let Some(subscription) = self.mail {
            let about = Announcement { record: Subscription::key(subscription), subject: "trouble".to_owned(), number: 1 };
            event.effects.push(Effect::new(&event.id, EffectKind::Mail, MailTemplate::SubscriptionTrouble.name(), about));
        }
        if !event.effects.is_empty() {
            event.due_at = Some(now + GRACE);
        }
        event.settle(now);
        (event, published)
    }

    /// Publishes it for `out`: with the deliveries if they are few, so that nothing is left to be done but to write it and send their messages.
    pub(crate) async fn begin(&self, out: &FanOut<'_>, interest: &InterestBoard, now: Timestamp) -> Result<Begun, PortError> {
        let moment = interest.moment();
        let patterns = interest.covering_now(self.kind, out.store, out.clock).await?;
        let (mut event, published) = self.records(!patterns.is_empty(), now);
        let few = if patterns.is_empty() { None } else { out.few(interest, (&patterns, moment), &published).await? };
        if few.is_some() {
            event
                .effects
                .iter_mut()
                .filter(|effect| effect.kind == EffectKind::Publish)
                .for_each(|effect| effect.end(EffectState::Done, None, now));
            event.settle(now);
        }
        Ok(Begun { event, published, deliveries: few.unwrap_or_default() })
    }

    /// The writes that publish it.
    pub(crate) fn writes(&self, wanted: bool, now: Timestamp) -> (EventRecord, Published, Vec<Write>) {
        let (event, published) = self.records(wanted, now);
        let put = |document| Write::Put { document, condition: Condition::Absent };
        let writes = vec![put(event.document()), put(published.document())];
        (event, published, writes)
    }
}

/// What is published of the change of a record, which the event record `event` has caused: the effect that fans it out, and what is written with it.
pub(crate) fn of_news(event: &str, news: &News, occurred_at: Timestamp, now: Timestamp) -> (Effect, Write) {
    let published = Published::of_news(event, news, occurred_at, now);
    (effect(event, &published), Write::Put { document: published.document(), condition: Condition::Absent })
}

/// Those of the news that anybody may want. What is told of a record in a space is that tenant's.
pub(crate) async fn wanted(
    news: Vec<News>,
    interest: &InterestBoard,
    store: &dyn Store,
    clock: &dyn Clock,
) -> Result<Vec<News>, PortError> {
    let mut wanted = Vec::new();
    for news in news {
        if !interest.covering(news.kind, store, clock).await?.is_empty() {
            wanted.push(match store.space() {
                Some(space) => news.within(space.tenant()),
                None => news,
            });
        }
    }
    Ok(wanted)
}

/// The effect that fans an event out.
pub(crate) fn effect(event: &str, published: &Published) -> Effect {
    let about = Announcement { record: Published::key(&published.id), subject: "publish".to_owned(), number: 1 };
    Effect::new(event, EffectKind::Publish, &published.kind, about)
}
