//! The whole gateway in memory, on a clock that is set: what property tests and fault tests drive.

use std::{
    num::NonZeroU32,
    pin::pin,
    sync::{Arc, LazyLock},
    task::Poll,
    time::Duration,
};

use sluice_guard::Rules;
use sluice_signature::Secret;

use super::{
    CannedStripe, Captured, CountingIds, Faults, Faulty, ManualClock, MemoryQueue, MemoryStore, Receivers, memory_queue::MemoryReceived,
};
use crate::{
    api::Api,
    body::{self, PackedBody},
    envelope::{Envelope, InboundMessage},
    event::EventRecord,
    outgoing::{Gates, Outgoing, People},
    plan::{FailedTexts, Policy},
    ports::{Clock, Index, Message, NoMetrics, Queue, QueueName, Store, Stored},
    process::{Disposition, Incarnation, Processor, Received, Turns},
    record::Record,
    secrets::SourceTenants,
    sweep::Sweeper,
    template::Templates,
    time::Timestamp,
    watch::Watch,
    webhooks::{ChangedBy, Crowd, Deliverer, InHand, InterestBoard, Known, UnderTest, Webhooks, schedule::RetrySchedule, sealed::Keyring},
};

/// How long a handling may take: what the embedded host gives it.
const DEADLINE: Duration = Duration::from_secs(55);
/// How long a received message stays invisible: longer than any lease.
const VISIBILITY: Duration = Duration::from_secs(120);
/// How often the sweeper makes its round.
const ROUND: Duration = Duration::from_mins(1);
/// After how many receives a message is dead.
const MAX_RECEIVES: u32 = 20;

/// Read once for all worlds: a test may make a thousand of them.
static TEMPLATES: LazyLock<Arc<Templates>> =
    LazyLock::new(|| Arc::new(Templates::new(std::collections::BTreeMap::new()).expect("the built-in templates are whole")));

/// The gateway in memory.
pub struct World {
    /// The time.
    pub clock: Arc<ManualClock>,
    /// Random ids.
    pub ids: Arc<CountingIds>,
    /// The records.
    pub store: Arc<MemoryStore>,
    /// The queues.
    pub queue: Arc<MemoryQueue>,
    /// The mails and texts that were sent.
    pub sent: Arc<Captured>,
    /// What Stripe's API answers.
    pub stripe: Arc<CannedStripe>,
    /// Who subscribed to webhooks.
    pub receivers: Arc<Receivers>,
    /// What goes wrong.
    pub faults: Arc<Faults>,
    /// The API's side, for changes made outside the consumer.
    pub api: Arc<Api>,
    processor: Processor,
    deliverer: Deliverer,
    sweeper: Sweeper,
    watch: Watch,
}

impl World {
    /// The same where this process alone holds the data, as on one machine.
    #[must_use]
    pub fn alone(mut self) -> Self {
        (self.processor.incarnation, self.deliverer.incarnation) = (Incarnation::Sole(1), Incarnation::Sole(1));
        self
    }

    /// The same where Stripe's test-mode events count for nothing, as in production.
    #[must_use]
    pub fn without_test_mode(mut self) -> Self {
        self.processor.policy.stripe_test_mode = false;
        self
    }

    /// The same where what happens in a space may have so many messages sent in an hour; 0: any number.
    #[must_use]
    pub fn with_messages_of_a_tenant(mut self, an_hour: u32) -> Self {
        self.processor.policy.messages_of_a_tenant = NonZeroU32::new(an_hour);
        self
    }

    /// The same where no mail goes out.
    ///
    /// # Panics
    /// If somebody else holds the API already.
    #[must_use]
    pub fn without_mail(mut self) -> Self {
        self.processor.policy.mail = false;
        Arc::get_mut(&mut self.api).expect("nobody else holds it yet").policy.mail = false;
        self
    }

    /// The same where each of these tenants has a source of its own, called like it, and no other tenant has.
    ///
    /// # Panics
    /// If somebody else holds the API already.
    #[must_use]
    pub fn with_sources_of(mut self, tenants: &[&str]) -> Self {
        let api = Arc::get_mut(&mut self.api).expect("nobody else holds it yet");
        api.tenants = SourceTenants::default();
        tenants.iter().for_each(|tenant| api.tenants.bind(tenant, tenant));
        self
    }

    /// An empty world at `now`, with text messages on or off.
    ///
    /// # Panics
    /// If the built-in templates are broken.
    #[must_use]
    pub fn new(now: Timestamp, sms: bool) -> Self {
        Self::with_hold(now, sms, Duration::from_hours(2))
    }

    /// The same, with bookings held for `hold` after a failed payment.
    ///
    /// # Panics
    /// If the built-in templates are broken.
    #[must_use]
    pub fn with_hold(now: Timestamp, sms: bool, hold: Duration) -> Self {
        let clock = Arc::new(ManualClock::auto_advancing(now));
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let queue = Arc::new(MemoryQueue::new(clock.clone(), MAX_RECEIVES));
        let sent = Arc::new(Captured::default());
        let stripe = Arc::new(CannedStripe::default());
        let faults = Faults::new(clock.clone());
        let ids = Arc::new(CountingIds::default());
        let (messages_of_a_tenant, failed_texts) = (NonZeroU32::new(200), FailedTexts::All);
        let policy = Policy { hold, stripe_test_mode: true, mail: true, sms, messages_of_a_tenant, failed_texts };
        let people = People {
            business_name: "Harbour Boats".to_owned(),
            support_email: "support@example.com".to_owned(),
            alert_email: "alerts@example.com".to_owned(),
            pay_url: None,
        };
        let receivers = Arc::new(Receivers::new(clock.clone()));
        let webhooks = Arc::new(Webhooks {
            poster: Arc::new(Faulty::new(receivers.clone(), &faults)),
            keyring: Keyring::new(&[Secret::new("the master key of the tests 0123456789")]),
            rules: Rules::default(),
            interest: Arc::new(InterestBoard::new(ChangedBy::Itself)),
            retry_schedule: RetrySchedule::default(),
            in_hand: InHand::default(),
            under_test: UnderTest::default(),
        });
        let faulty_store: Arc<dyn Store> = Arc::new(Faulty::new(store.clone(), &faults));
        let faulty_queue: Arc<dyn Queue> = Arc::new(Faulty::new(queue.clone(), &faults));
        let outgoing = Arc::new(Outgoing {
            mailer: Some(Arc::new(Faulty::new(sent.clone(), &faults))),
            sms: sms.then(|| Arc::new(Faulty::new(sent.clone(), &faults)) as _),
            templates: Arc::clone(&TEMPLATES),
            people,
            gates: Gates::default(),
        });
        Self {
            api: Arc::new(Api {
                store: faulty_store.clone(),
                queue: faulty_queue.clone(),
                dead_letters: queue.clone(),
                clock: clock.clone(),
                ids: ids.clone(),
                policy: policy.clone(),
                webhooks: Some(webhooks.clone()),
                tenants: SourceTenants::default(),
                outbox: false,
            }),
            processor: Processor {
                store: faulty_store.clone(),
                clock: clock.clone(),
                ids: ids.clone(),
                metrics: Arc::new(NoMetrics),
                outgoing,
                stripe: Some(Arc::new(Faulty::new(stripe.clone(), &faults))),
                interest: Some(webhooks.interest.clone()),
                queue: faulty_queue.clone(),
                policy,
                incarnation: Incarnation::OneOfMany,
                turns: Turns::default(),
            },
            deliverer: Deliverer {
                store: faulty_store.clone(),
                queue: faulty_queue.clone(),
                clock: clock.clone(),
                ids: ids.clone(),
                metrics: Arc::new(NoMetrics),
                webhooks,
                incarnation: Incarnation::OneOfMany,
                crowd: Crowd::new(1_000),
                known: Known::default(),
            },
            watch: Watch {
                dead_letters: queue.clone(),
                store: faulty_store.clone(),
                queue: faulty_queue.clone(),
                clock: clock.clone(),
                ids: ids.clone(),
            },
            sweeper: Sweeper { store: faulty_store, queue: faulty_queue, clock: clock.clone(), ids: ids.clone(), every: ROUND },
            ids,
            clock,
            store,
            queue,
            sent,
            stripe,
            receivers,
            faults,
        }
    }

    /// Puts an event into the queue, past the fault layer: what was acknowledged is there.
    ///
    /// # Panics
    /// Never: a queue in memory takes everything.
    pub async fn enqueue(&self, message: &InboundMessage) {
        let message = Message { body: message.to_text(), group: None };
        self.queue.send(QueueName::Inbound, vec![message], None).await.expect("a queue in memory takes everything");
    }

    /// Puts a text into the queue that is no message of Sluice's.
    ///
    /// # Panics
    /// Never: a queue in memory takes everything.
    pub async fn enqueue_garbage(&self, body: &str) {
        let message = Message { body: body.to_owned(), group: None };
        self.queue.send(QueueName::Inbound, vec![message], None).await.expect("a queue in memory takes everything");
    }

    /// Looks for dead letters.
    ///
    /// # Panics
    /// If it can't look.
    pub async fn watch(&self) {
        self.watch.look().await.expect("it can look");
    }

    /// Receives and handles one message. `false` if there is none that is visible.
    pub async fn step(&self) -> bool {
        for queue in [QueueName::Inbound, QueueName::Outbound] {
            if let Some(received) = self.queue.receive(queue, 1, VISIBILITY).pop() {
                self.handle(queue, received).await;
                return true;
            }
        }
        false
    }

    /// Makes one round of the sweeper.
    ///
    /// # Panics
    /// If the store or the queue does not answer.
    pub async fn sweep(&self) {
        self.sweeper.round().await.expect("a store and a queue in memory answer");
    }

    /// Receives up to `count` messages and handles them side by side, as a batch is.
    pub async fn batch(&self, count: usize) {
        let batch = self.queue.receive(QueueName::Inbound, count, VISIBILITY);
        futures_util::future::join_all(batch.into_iter().map(|received| self.handle(QueueName::Inbound, received))).await;
    }

    async fn handle(&self, queue: QueueName, received: MemoryReceived) {
        let message = Received {
            body: &received.body,
            receives: received.receives,
            max_receives: MAX_RECEIVES,
            deadline: self.clock.now() + DEADLINE,
        };
        let handled = async {
            match queue {
                QueueName::Inbound => self.processor.handle(message).await,
                QueueName::Outbound => self.deliverer.handle(message).await,
            }
        };
        match self.unless_crashed(handled).await {
            Some(Disposition::Done(_)) => self.queue.done(received.id, received.receipt),
            Some(Disposition::Later { at, .. }) => self.queue.later(received.id, received.receipt, at),
            None => {}
        }
    }

    /// Runs a piece of work until it ends or its process dies.
    pub async fn unless_crashed<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        std::future::poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.faults.take_crash() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Lets time pass, sweeping every minute, until no message is left and nothing waits for a time.
    ///
    /// # Panics
    /// If it never gets quiet.
    pub async fn run_until_quiet(&self) {
        for _ in 0..20_000 {
            while self.step().await {}
            let waiting = self.waiting();
            let Some(next) = self.queue.next_visible().into_iter().chain(waiting).min() else { return };
            let now = self.clock.now();
            self.clock.set(next.clamp(now + Duration::from_millis(1), now + ROUND));
            let _ = self.unless_crashed(self.sweeper.round()).await;
        }
        panic!("it never gets quiet; left: {:?}", self.store.documents());
    }

    /// The time of the earliest record that waits for one.
    fn waiting(&self) -> Option<Timestamp> {
        let documents = self.store.documents();
        let places = documents.iter().flat_map(|stored| &stored.document.places).filter(|place| place.index == Index::Due);
        let times = places.filter_map(|place| place.sort.split('/').next()?.parse().ok());
        times.min().map(Timestamp::from_millis)
    }

    /// A record as it is stored, past the fault layer.
    ///
    /// # Panics
    /// If it can't be read.
    pub async fn record<R: Record>(&self, id: &str) -> Option<R> {
        let found = self.store.get(&[R::key(id)]).await.expect("a store in memory answers").pop().flatten();
        found.map(|stored| R::from_stored(&stored).expect("can be read"))
    }

    /// All event records.
    ///
    /// # Panics
    /// If one can't be read.
    #[must_use]
    pub fn events(&self) -> Vec<EventRecord> {
        let events = self.store.documents().into_iter().filter(|stored| stored.document.key.kind == EventRecord::KIND);
        events.map(|stored| EventRecord::from_stored(&stored).expect("can be read")).collect()
    }

    /// All documents of a kind.
    #[must_use]
    pub fn documents(&self, kind: &str) -> Vec<Stored> {
        self.store.documents().into_iter().filter(|stored| stored.document.key.kind == kind).collect()
    }
}

/// A verified Stripe event.
#[must_use]
pub fn stripe(id: &str, kind: &str, created: Timestamp, received_at: Timestamp, object: &serde_json::Value) -> InboundMessage {
    let body = serde_json::json!({ "id": id, "object": "event", "type": kind, "created": created.seconds(), "livemode": true, "data": { "object": object } });
    InboundMessage::Event(Box::new(Envelope {
        provider: "stripe".to_owned(),
        source: "default".to_owned(),
        key: id.to_owned(),
        kind: kind.to_owned(),
        occurred_at: Some(Timestamp::from_seconds(created.seconds())),
        account: None,
        tenant: None,
        received_at,
        query: String::new(),
        headers: Vec::new(),
        body: PackedBody::pack(&body::STRIPE, body.to_string().as_bytes()),
    }))
}
