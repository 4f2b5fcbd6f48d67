//! One machine: the gateway on the embedded adapters, as one process.

mod bodies;
mod calls;
mod hosts;
mod http;
mod log;
mod outgoing;
mod report;
mod signals;
mod webhooks;

use std::{path::Path, sync::Arc, time::Duration};

use sluice_core::{
    api::{Api, install_keys, router},
    ingest::{Ingest, PublicUrl, Refusals},
    ports::{Clock, Ids, Metrics, NoMetrics, PortError, QueueName},
    process::{self, Incarnation, Processor, Turns},
    settings::{MailSettings, Mode, Settings, SmsSettings},
    sweep::Sweeper,
    watch::Watch,
    webhooks::{Crowd, Deliverer, Known, anybody_subscribed},
};
use sluice_embedded::{
    DataFolder, Disposition, Drained, EmbeddedQueue, MAX_RECEIVES, Received, SystemClock, SystemIds, Worker, WorkerSettings,
};
use tokio::{net::TcpListener, sync::watch};

use self::{calls::Calls, hosts::Hosts, http::ApiServer};

pub use log::init as init_log;

/// How long one message may be handled. Its lease ends 5 s later, long before the message becomes visible again.
const DEADLINE: Duration = Duration::from_secs(55);
/// How many events are handled at once while many requests wait for their answers. What was accepted is safe, and is handled a little later.
const HANDLERS_IN_A_CROWD: usize = 48;
/// How often the sweeper makes its round: it costs nothing here, and what is due soon after it became known is not late.
const ROUND: Duration = Duration::from_secs(5);
/// How often expired documents and dead letters are looked for.
const TIDY: Duration = Duration::from_mins(1);
/// How many expired documents are removed in one go.
const EXPIRED: usize = 1_000;

/// Why the gateway did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The settings, all that is wrong with them.
    #[error("{}", list(.0))]
    Settings(Vec<String>),
    /// The data folder can't be opened.
    #[error(transparent)]
    Data(#[from] sluice_embedded::OpenError),
    /// The data can't be used.
    #[error("the data can't be used: {0}")]
    Store(#[from] sluice_core::ports::PortError),
    /// The address can't be listened on.
    #[error("can't listen on {address}: {cause}; is something else running there? Choose another with --port or SLUICE_LISTEN")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
}

fn list(problems: &[String]) -> String {
    let lines: Vec<_> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    let count = problems.len();
    format!("{count} setting{} wrong:{}", if count == 1 { " is" } else { "s are" }, lines.concat())
}

/// Serves until a signal asks it to stop, then drains.
///
/// # Errors
/// [`HomeError`] if it can't start.
pub async fn run(mode: Mode, mut settings: Settings) -> Result<(), HomeError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(SystemIds);
    let metrics: Arc<dyn Metrics> = Arc::new(NoMetrics);
    // Everything that can be wrong is found before anything is touched.
    let prepared = outgoing::prepare(&settings.outgoing, &settings.stripe_api, &clock).map_err(HomeError::Settings)?;
    let folder = DataFolder::open(&settings.data, Arc::clone(&clock))?;
    let (store, queue) = (Arc::new(folder.store()), folder.queue());
    let shared_queue = Arc::new(queue.clone());
    let keys: Vec<_> = settings.api_keys.iter().map(sluice_signature::Secret::reveal).collect();
    install_keys(&*store, &*ids, &keys, clock.now()).await?;

    let listener = TcpListener::bind(settings.listen).await.map_err(|cause| HomeError::Listen { address: settings.listen, cause })?;
    let address = listener.local_addr().unwrap_or(settings.listen);
    if settings.ingest.public_url == PublicUrl::of_this_machine(settings.listen.port()) {
        // The port may be one that the system chose.
        settings.ingest.public_url = PublicUrl::of_this_machine(address.port());
    }
    let policy = settings.rules.policy(settings.outgoing.channels());
    let stripe = prepared.stripe.clone();
    let outgoing = outgoing::wire(&settings.outgoing, prepared, store.clone(), &clock, &ids);
    let captured = matches!(settings.outgoing.mail, MailSettings::Captured) || matches!(settings.outgoing.sms, SmsSettings::Captured);
    let webhooks = webhooks::wire(&settings.webhooks);
    if webhooks.is_none() && anybody_subscribed(&*store).await? {
        tracing::error!(
            "there are subscriptions, and webhooks out are off: what would be published meanwhile is lost to them; \
             stop, and start again with the SLUICE_MASTER_KEY that they were made with"
        );
    }
    let ingest = Ingest {
        providers: settings.ingest.providers,
        queue: shared_queue.clone(),
        secrets: Arc::new(settings.ingest.secrets.clone()),
        tenants: settings.ingest.tenants.clone(),
        clock: Arc::clone(&clock),
        metrics: Arc::clone(&metrics),
        public_url: settings.ingest.public_url.clone(),
        max_body: settings.ingest.max_body,
        replies: settings.ingest.replies.clone(),
        refusals: Refusals::default(),
    };
    let api = Api {
        store: store.clone(),
        queue: shared_queue.clone(),
        dead_letters: shared_queue.clone(),
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
        policy: policy.clone(),
        webhooks: webhooks.clone(),
        tenants: settings.ingest.tenants.clone(),
        outbox: captured,
    };
    let deliverer = webhooks.clone().map(|webhooks| Deliverer {
        store: store.clone(),
        queue: shared_queue.clone(),
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
        metrics: Arc::clone(&metrics),
        webhooks,
        incarnation: Incarnation::Sole(folder.boot()),
        crowd: Crowd::new(webhooks::DELIVERIES),
        known: Known::default(),
    });
    let processor = Processor {
        store: store.clone(),
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
        metrics,
        outgoing: Arc::new(outgoing),
        stripe,
        interest: webhooks.map(|webhooks| webhooks.interest.clone()),
        queue: shared_queue.clone(),
        policy,
        incarnation: Incarnation::Sole(folder.boot()),
        turns: Turns::default(),
    };
    let sweeper =
        Sweeper { store: store.clone(), queue: shared_queue.clone(), clock: Arc::clone(&clock), ids: Arc::clone(&ids), every: ROUND };
    let watch_dead_letters = Watch { dead_letters: shared_queue.clone(), store, queue: shared_queue, clock: Arc::clone(&clock), ids };

    // Before anyone is told that it runs, and might ask it to stop.
    let stop = signals::stop();
    report::started(mode, &settings, address);
    let ingest = Arc::new(ingest);
    let calls = Calls::default();
    let api = ApiServer { router: router(Arc::new(api)), hosts: Hosts::of(mode, &settings), folder: folder.clone() };
    let server = http::serve(listener, Arc::clone(&ingest), api, calls.clone(), stop.clone());
    let deliveries = webhooks::work(queue.clone(), deliverer.map(Arc::new), Arc::clone(&clock), stop.clone());
    let worker = work(queue, Arc::new(processor), calls, Arc::clone(&clock), stop.clone());
    let sweeps = sweep(sweeper, Arc::clone(&clock), stop.clone());
    let tidied = tidy(watch_dead_letters, ingest, folder, clock, stop);
    let ((), drained, undelivered, (), ()) = tokio::join!(server, worker, deliveries, sweeps, tidied);
    report::stopped(drained.given_back + undelivered.given_back);
    Ok(())
}

/// Everything that is wrong with what goes out and with the place of the data, as far as it shows without sending or writing anything.
#[must_use]
pub fn problems(settings: &Settings) -> Vec<String> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut problems = outgoing::prepare(&settings.outgoing, &settings.stripe_api, &clock).err().unwrap_or_default();
    // What is there already of the way to it; the rest will be made.
    if let Some(there) = settings.data.ancestors().find(|folder| folder.exists()).filter(|there| !there.is_dir()) {
        problems.push(format!("SLUICE_DATA: can't be the folder {}: {} is a file", settings.data.display(), there.display()));
    }
    problems
}

/// Copies a running data folder.
///
/// # Errors
/// [`sluice_embedded::BackupError`].
pub fn backup(data: &Path, to: &Path) -> Result<(), sluice_embedded::BackupError> {
    sluice_embedded::backup(data, to)
}

/// Handles what came in until the stop.
async fn work(
    queue: EmbeddedQueue,
    processor: Arc<Processor>,
    calls: Calls,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) -> Drained {
    let settings = WorkerSettings::default();
    let time = Arc::clone(&clock);
    let waiting = Arc::clone(&processor);
    let limit = move || match calls.are_many(time.now()) {
        // Those that wait for a mail server, Twilio or Stripe keep nobody else from being handled.
        true => HANDLERS_IN_A_CROWD + waiting.outgoing.gates.calls(),
        false => settings.concurrency,
    };
    let worker = Worker::new(queue, QueueName::Inbound, clock, settings).limited_by(limit);
    let handler = move |received: Received| {
        let processor = Arc::clone(&processor);
        async move { handle(&processor, received).await }
    };
    let stopped = async move {
        // An error means that nobody is left who could say stop: it is as good as said.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    worker.run(handler, stopped).await
}

async fn handle(processor: &Processor, received: Received) -> Disposition {
    let message = process::Received {
        body: &received.body,
        receives: received.receives,
        max_receives: MAX_RECEIVES,
        deadline: processor.clock.now() + DEADLINE,
    };
    match processor.handle(message).await {
        process::Disposition::Done(_) => Disposition::Done,
        process::Disposition::Later { at, .. } => Disposition::Later { at },
    }
}

/// Sends on what waits for a time.
async fn sweep(sweeper: Sweeper, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    if let Err(error) = sweeper.resume().await {
        tracing::error!(%error, "what the last process may have left could not be looked up; it is carried on within minutes");
    }
    loop {
        if let Err(error) = sweeper.round().await {
            tracing::error!(%error, "the sweeper could not look after all that waits; it tries again in {ROUND:?}");
        }
        tokio::select! {
            () = clock.sleep(ROUND) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Removes what has expired, sees that the data folder is in its place, looks for dead letters, and tells how many refusals had no line in the log.
async fn tidy(dead_letters: Watch, ingest: Arc<Ingest>, folder: DataFolder, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    loop {
        ingest.refusals.log_left_out(clock.now());
        if let Err(error) = folder.check_place() {
            tracing::error!(%error, "what is written now may be lost");
        }
        if let Err(error) = dead_letters.look().await {
            tracing::error!(%error, "the dead letters could not be looked at; trying again in {TIDY:?}");
        }
        if let Err(error) = remove_expired(&folder).await {
            tracing::error!(%error, "expired records could not be removed; trying again in {TIDY:?}");
        }
        tokio::select! {
            () = clock.sleep(TIDY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

async fn remove_expired(folder: &DataFolder) -> Result<(), PortError> {
    while folder.remove_expired(EXPIRED).await? == EXPIRED {}
    Ok(())
}
