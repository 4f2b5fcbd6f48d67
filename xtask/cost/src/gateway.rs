//! The functions without Lambda: ingest and the consumer as the rooms wire them, over ports that are counted.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    body::{Body as HttpBody, to_bytes},
    http::{Method, Request},
};
use clap::Parser;
use serde_json::{Value, json};
use sluice::cli::{Cli, Exit, Surroundings};
use sluice_aws::capacity::Units;
use sluice_core::{
    api::{Api, install_keys, router},
    ingest::{Body, Ingest, PublicUrl, Refusals},
    outgoing::{Gates, Outgoing, People},
    plan::{FailedTexts, Policy},
    ports::{self, Clock, Ids, Measure, Metrics, Queue, QueueName, SendError},
    process::{Incarnation, Processor, Turns},
    provider::{self, TwilioReplies},
    record::Record,
    records::Message,
    secrets::{FixedSecrets, SourceTenants},
    settings::{LogFormat, LogSettings},
    sweep::Sweeper,
    template::Templates,
    testing::{Captured, ManualClock, MemoryQueue, MemoryStore},
    time::Timestamp,
    webhooks::{ChangedBy, InterestBoard},
};
use sluice_lambda::{Batch, EmfMetrics, HttpAnswer, HttpEvent, Receipts, SqsEvent};
use sluice_system::SystemIds;
use tower::ServiceExt;
use tracing::Instrument;

use crate::{BATCH, bill::Counted, log::Log, store::CountedStore, template};

/// What Twilio's ids of texts begin with here. Their number makes them as long as they are.
const SID: &str = "SM0123456789abcdef0123456789abc";
const PUBLIC_URL: &str = "https://hooks.example.com";
const API_KEY: &str = "a_key_of_the_bench_0123456789";
/// How long a booking is held.
const HOLD: Duration = Duration::from_hours(2);
/// What SQS and API Gateway bill as one request, bytes.
const QUEUE_CHUNK: usize = 64 * 1024;
const HTTP_CHUNK: usize = 512 * 1024;
/// As long as those that CloudFormation gives.
const INGEST_FUNCTION: &str = "sluice-StripeFunction-1XVJ8Q2T4ZK9";
const CONSUMER_FUNCTION: &str = "sluice-ConsumerFunction-1XVJ8Q2T4ZK9";
/// DynamoDB adds this to every item and index entry that it keeps.
const STORED_OVERHEAD: usize = 100;

/// Messages that were sent.
#[derive(Default)]
struct Sent(Mutex<Vec<String>>);

#[async_trait]
impl Queue for Sent {
    async fn send(&self, _: QueueName, messages: Vec<ports::Message>, _: Option<Timestamp>) -> Result<(), SendError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(messages.into_iter().map(|message| message.body));
        Ok(())
    }
}

impl Sent {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Messages are handled at once, so none is given back.
struct NoReceipts;

#[async_trait]
impl Receipts for NoReceipts {
    async fn put_off(&self, _: &[(String, Duration)]) {}
    async fn remove(&self, _: &[String]) {}
}

/// The gateway as it is deployed, but for the services.
pub(crate) struct Gateway {
    clock: Arc<ManualClock>,
    ids: Arc<SystemIds>,
    memory: Arc<MemoryStore>,
    store: Arc<CountedStore>,
    queue: Arc<Sent>,
    interest: Arc<InterestBoard>,
    mails: Arc<Captured>,
    ingest: Ingest,
    ingest_metrics: Arc<EmfMetrics>,
    batch: Batch,
    consumer_metrics: Arc<EmfMetrics>,
    api: axum::Router,
    log: Log,
    access_log_line: String,
    function_memory: (f64, f64),
    counted: Counted,
}

impl Gateway {
    /// One with an empty table.
    pub(crate) async fn new() -> Result<Self, String> {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_327_261_234)));
        let ids = Arc::new(SystemIds);
        let memory = Arc::new(MemoryStore::new(clock.clone()));
        let store = Arc::new(CountedStore::new(memory.clone(), clock.clone()));
        let queue = Arc::new(Sent::default());
        let mails = Arc::new(Captured::default());
        mails.name_texts(SID);
        let policy = Policy {
            hold: HOLD,
            stripe_test_mode: true,
            mail: true,
            sms: true,
            messages_of_a_tenant: None,
            failed_texts: FailedTexts::All,
        };
        let (ingest_metrics, consumer_metrics) = (Arc::new(EmfMetrics::new(INGEST_FUNCTION)), Arc::new(EmfMetrics::new(CONSUMER_FUNCTION)));
        let mut secrets = FixedSecrets::default();
        for provider in provider::ALL {
            secrets.insert(provider.name(), "default", vec![provider.read_secret(provider.dev_secret())]);
        }
        let ingest = Ingest {
            providers: provider::ALL,
            queue: queue.clone(),
            secrets: Arc::new(secrets),
            tenants: SourceTenants::default(),
            clock: clock.clone(),
            metrics: ingest_metrics.clone(),
            public_url: PublicUrl::read(PUBLIC_URL).expect("an address"),
            max_body: sluice_core::ingest::MAX_BODY,
            replies: TwilioReplies::default(),
            refusals: Refusals::default(),
        };
        let people = People {
            business_name: "Harbour Boats".to_owned(),
            support_email: "support@example.com".to_owned(),
            alert_email: "alerts@example.com".to_owned(),
            pay_url: None,
        };
        let templates = Templates::new(BTreeMap::new()).map_err(|problems| format!("the templates are broken: {problems:?}"))?;
        let outgoing = Outgoing {
            mailer: Some(mails.clone()),
            sms: Some(mails.clone()),
            templates: Arc::new(templates),
            people,
            gates: Gates::default(),
        };
        let interest = Arc::new(InterestBoard::new(ChangedBy::Others));
        let processor = Processor {
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            metrics: consumer_metrics.clone(),
            stripe: None,
            outgoing: Arc::new(outgoing),
            interest: Some(interest.clone()),
            queue: queue.clone(),
            policy: policy.clone(),
            incarnation: Incarnation::OneOfMany,
            turns: Turns::default(),
        };
        let batch = Batch {
            handler: Arc::new(processor),
            receipts: Arc::new(NoReceipts),
            clock: clock.clone(),
            ids: ids.clone(),
            metrics: consumer_metrics.clone(),
            max_receives: 20,
        };
        install_keys(&*memory, &*ids, &[API_KEY], clock.now()).await.map_err(|error| error.to_string())?;
        let api = router(Arc::new(Api {
            store: store.clone(),
            queue: queue.clone(),
            dead_letters: Arc::new(MemoryQueue::new(clock.clone(), 20)),
            clock: clock.clone(),
            ids: ids.clone(),
            policy,
            webhooks: None,
            tenants: SourceTenants::default(),
            outbox: false,
        }));
        Ok(Self {
            clock,
            ids,
            memory,
            store,
            queue,
            interest,
            mails,
            ingest,
            ingest_metrics,
            batch,
            consumer_metrics,
            api,
            log: Log::default(),
            access_log_line: template::access_log_line()?,
            function_memory: (template::memory("StripeFunction")?, template::memory("ConsumerFunction")?),
            counted: Counted::default(),
        })
    }

    /// Puts a booking, as its owner does, and handles what follows.
    pub(crate) async fn put_booking(&mut self, id: &str, phone: Option<&str>) -> Result<(), String> {
        let booking = json!({
            "customer_name": "Ana Lima",
            "customer_email": "ana.lima@example.com",
            "customer_phone": phone,
            "deposit_amount": 6000,
            "currency": "usd",
        });
        self.put(&format!("bookings/{id}"), &booking).await
    }

    /// Puts a record, as its owner does, and handles what follows.
    pub(crate) async fn put(&mut self, path: &str, body: &Value) -> Result<(), String> {
        self.call(Method::PUT, path, body.to_string()).await?;
        let messages = self.queue.take();
        self.consume(&messages).await
    }

    /// Reads what the API shows.
    pub(crate) async fn read(&self, path: &str) -> Result<Value, String> {
        self.call(Method::GET, path, String::new()).await
    }

    async fn call(&self, method: Method, path: &str, body: String) -> Result<Value, String> {
        let request = Request::builder().method(method).uri(format!("/api/v1/{path}")).header("authorization", format!("Bearer {API_KEY}"));
        let request = request.body(HttpBody::from(body)).map_err(|error| error.to_string())?;
        let answer = self.api.clone().oneshot(request).await.unwrap_or_else(|impossible: Infallible| match impossible {});
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await.map_err(|error| error.to_string())?;
        if status.is_success() {
            serde_json::from_slice(&body).map_err(|error| error.to_string())
        } else {
            Err(format!("{path}: {status}"))
        }
    }

    /// Lets the hold of a booking pass.
    pub(crate) fn pass_hold(&self) {
        self.clock.advance(HOLD);
    }

    /// Sends on what is due, and handles it.
    pub(crate) async fn sweep(&mut self) -> Result<(), String> {
        let (store, queue, clock, ids) = (self.store.clone(), self.queue.clone(), self.clock.clone(), self.ids.clone());
        let sweeper = Sweeper { store, queue, clock, ids, every: Duration::from_mins(1) };
        sweeper.round().await.map_err(|error| error.to_string())?;
        let messages = self.queue.take();
        self.consume(&messages).await
    }

    /// The units that were taken since [`Gateway::begin`].
    pub(crate) fn units(&self) -> Units {
        self.store.take().0.iter().fold(Units::default(), |units, used| units + used.units)
    }

    /// Forgets what was counted so far. What a function that runs reads every two seconds, however much it handles, belongs to no event: who subscribes.
    pub(crate) async fn begin(&mut self) -> Result<(), String> {
        self.interest.covering("any", &*self.store, &*self.clock).await.map_err(|error| error.to_string())?;
        drop(self.store.take());
        self.counted = Counted::default();
        Ok(())
    }

    /// What was counted since, with what lies in the table and did not `before`.
    pub(crate) fn end(&mut self, before: (usize, usize)) -> Counted {
        let (used, calls) = self.store.take();
        let (expiring, lasting) = self.stored();
        let mut counted = std::mem::take(&mut self.counted);
        counted.used = used;
        counted.memory = self.function_memory;
        counted.calls = crate::bill::Calls { mails: counted.calls.mails, ..calls };
        (counted.expiring, counted.lasting) = (expiring - before.0, lasting.saturating_sub(before.1));
        counted
    }

    /// The bytes of all that lies in the table and its indexes: what expires, and what stays.
    pub(crate) fn stored(&self) -> (usize, usize) {
        let mut sums = (0, 0);
        for stored in self.memory.documents() {
            let footprint = sluice_aws::capacity::Footprint::of_stored(&stored).unwrap_or_default();
            let entries: usize = footprint.entries.iter().map(|entry| entry.bytes + STORED_OVERHEAD).sum();
            let sum = if stored.document.expires_at.is_some() { &mut sums.0 } else { &mut sums.1 };
            *sum += footprint.bytes + STORED_OVERHEAD + entries;
        }
        sums
    }

    /// How many mails went out.
    pub(crate) fn mails(&self) -> usize {
        self.mails.sent().len()
    }

    /// Takes webhooks in, each signed as its provider signs it, and hands them to the consumer in batches.
    pub(crate) async fn run(&mut self, events: &[HttpEvent]) -> Result<(), String> {
        let subscriber = sluice_lambda::subscriber(LogSettings { level: tracing::Level::INFO, format: LogFormat::Json }, self.writer());
        let _logging = tracing::subscriber::set_default(subscriber);
        for event in events {
            self.take(event.clone()).await?;
        }
        let messages = self.queue.take();
        for batch in messages.chunks(BATCH) {
            self.consume(batch).await?;
        }
        Ok(())
    }

    fn writer(&self) -> impl Fn() -> Log + Send + Sync + 'static {
        let log = self.log.clone();
        move || log.clone()
    }

    fn logged(&mut self, who: &'static str, line: Option<String>) {
        line.iter().for_each(|line| self.log.add(line));
        *self.counted.logged.entry(who).or_default() += self.log.take();
    }

    async fn take(&mut self, event: HttpEvent) -> Result<(), String> {
        let request_id = self.request_id();
        let (parts, body) = event.into_request().map_err(|error| error.to_string())?;
        self.counted.events += 1;
        self.counted.http_requests += body.len().div_ceil(HTTP_CHUNK).max(1) as u64;
        let answer = self.ingest.handle(&parts, Body::Whole(body)).instrument(sluice_lambda::span(&request_id)).await;
        self.ingest_metrics.record(Measure::Latency(Duration::from_millis(11)));
        if !answer.status().is_success() {
            return Err(format!("a webhook was refused: {:?}", HttpAnswer::from(answer)));
        }
        let sent: usize = self.queue.0.lock().unwrap_or_else(PoisonError::into_inner).last().map_or(0, String::len);
        self.counted.sends += sent.div_ceil(QUEUE_CHUNK).max(1) as u64;
        let line = self.ingest_metrics.line(&request_id, self.clock.now());
        self.logged("ingest", line);
        let access = self.access_log_line.clone();
        self.logged("access", Some(access));
        Ok(())
    }

    async fn consume(&mut self, messages: &[String]) -> Result<(), String> {
        if messages.is_empty() {
            return Ok(());
        }
        let sent_at = self.clock.now().millis().to_string();
        let records: Vec<Value> = messages
            .iter()
            .map(|body| {
                json!({
                    "messageId": self.request_id(),
                    "receiptHandle": "r",
                    "body": body,
                    "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": sent_at },
                })
            })
            .collect();
        let event: SqsEvent = serde_json::from_value(json!({ "Records": records })).map_err(|error| error.to_string())?;
        let request_id = self.request_id();
        let mails = self.mails();
        let deadline = self.clock.now() + Duration::from_mins(1);
        let answer = self.batch.handle(event, deadline).instrument(sluice_lambda::span(&request_id)).await;
        let failed = serde_json::to_value(&answer).map_err(|error| error.to_string())?;
        if failed != json!({ "batchItemFailures": [] }) {
            return Err(format!("a message was not handled: {failed}"));
        }
        self.counted.batches += 1;
        self.counted.receives += messages.iter().map(String::len).sum::<usize>().div_ceil(QUEUE_CHUNK).max(1) as u64;
        self.counted.calls.mails += (self.mails() - mails) as u64;
        let line = self.consumer_metrics.line(&request_id, self.clock.now());
        self.logged("consumer", line);
        Ok(())
    }

    /// As Lambda and SQS draw them.
    fn request_id(&self) -> String {
        let hex = format!("{:032x}", self.ids.random());
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    /// A new event out of a sample with changes, signed, as API Gateway hands it to a function.
    pub(crate) fn sign(&self, provider: &str, sample: &str, changes: &[String]) -> Result<HttpEvent, String> {
        self.sign_for(PUBLIC_URL, provider, sample, changes)
    }

    /// The same, as it comes back to the URL that the text about a booking was sent with.
    pub(crate) fn sign_callback(&self, booking: &str, sample: &str, changes: &[String]) -> Result<HttpEvent, String> {
        let text = self.text_about(booking)?;
        let url = format!("{PUBLIC_URL}/webhooks/twilio/sms-status?{}={}", Message::REFERENCE, text.id);
        self.sign_for(&url, "twilio", sample, changes)
    }

    /// Twilio's id of the text about a booking.
    pub(crate) fn sid_of(&self, booking: &str) -> Result<String, String> {
        Ok(self.text_about(booking)?.external_id().ok_or("Twilio's answer was not noted down")?.to_owned())
    }

    fn text_about(&self, booking: &str) -> Result<Message, String> {
        let messages = self.memory.documents().into_iter().filter(|stored| stored.document.key.kind == Message::KIND);
        let messages: Result<Vec<_>, _> = messages.map(|stored| Message::from_stored(&stored)).collect();
        let about = |message: &Message| message.booking_id() == Some(booking);
        messages.map_err(|error| error.to_string())?.into_iter().find(about).ok_or_else(|| "there is no text about the booking".to_owned())
    }

    fn sign_for(&self, url: &str, provider: &str, sample: &str, changes: &[String]) -> Result<HttpEvent, String> {
        let known = provider::by_name(provider).ok_or("there is no such provider")?;
        let mut arguments = vec!["sluice", "send", provider, sample, "--to", url, "--secret", known.dev_secret()];
        arguments.extend(["--print", "api-gateway"]);
        for change in changes {
            arguments.extend(["--set", change.as_str()]);
        }
        let cli = Cli::try_parse_from(arguments).map_err(|error| error.to_string())?;
        let (now, random) = (self.clock.now().seconds(), || self.ids.random());
        let mut output = Vec::new();
        let mut surroundings = Surroundings {
            now: &|| now,
            random: &random,
            setting: &|_| None,
            environment: &BTreeMap::new,
            input: &mut std::io::empty(),
            output: &mut output,
            remarks: &mut std::io::sink(),
        };
        match sluice::cli::run(cli, &mut surroundings) {
            Ok(Exit::Success) => serde_json::from_slice(&output).map_err(|error| error.to_string()),
            Ok(Exit::Failure) => Err("the sample can't be signed".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// As long as those of Stripe's.
    pub(crate) fn fresh(&self, prefix: &str) -> String {
        format!("{prefix}{:024x}", self.ids.random() >> 32)
    }
}
