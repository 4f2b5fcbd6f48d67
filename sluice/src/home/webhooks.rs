use std::sync::Arc;

use sluice_clients::poster::{GuardedPoster, SystemResolver};
use sluice_core::{
    ports::{Clock, QueueName},
    process,
    settings::WebhookSettings,
    webhooks::{ChangedBy, Deliverer, InHand, InterestBoard, UnderTest, Webhooks, sealed::Keyring},
};
use sluice_embedded::{Disposition, Drained, EmbeddedQueue, MAX_RECEIVES, Received, Worker, WorkerSettings};
use tokio::sync::watch;

use super::DEADLINE;

/// How many deliveries are under way at the same time, at most. Each mostly waits for its receiver.
pub(super) const DELIVERIES: usize = 1_024;

/// Puts webhooks out together; `None` where they are off.
pub(super) fn wire(settings: &WebhookSettings) -> Option<Arc<Webhooks>> {
    if settings.master_keys.is_empty() {
        return None;
    }
    Some(Arc::new(Webhooks {
        poster: Arc::new(GuardedPoster::new(settings.rules.clone(), Arc::new(SystemResolver::default()))),
        keyring: Keyring::new(&settings.master_keys),
        rules: settings.rules.clone(),
        interest: Arc::new(InterestBoard::new(ChangedBy::Itself)),
        retry_schedule: settings.retry_schedule.clone(),
        in_hand: InHand::default(),
        under_test: UnderTest::default(),
    }))
}

/// Delivers until the stop.
pub(super) async fn work(
    queue: EmbeddedQueue,
    deliverer: Option<Arc<Deliverer>>,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) -> Drained {
    let Some(deliverer) = deliverer else { return Drained { given_back: 0 } };
    let settings = WorkerSettings { concurrency: DELIVERIES, ..WorkerSettings::default() };
    let worker = Worker::new(queue, QueueName::Outbound, clock, settings);
    let handler = move |received: Received| {
        let deliverer = Arc::clone(&deliverer);
        async move { handle(&deliverer, received).await }
    };
    let stopped = async move {
        // An error means that nobody is left who could say stop: it is as good as said.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    worker.run(handler, stopped).await
}

async fn handle(deliverer: &Deliverer, received: Received) -> Disposition {
    let message = process::Received {
        body: &received.body,
        receives: received.receives,
        max_receives: MAX_RECEIVES,
        deadline: deliverer.clock.now() + DEADLINE,
    };
    match deliverer.handle(message).await {
        process::Disposition::Done(_) => Disposition::Done,
        process::Disposition::Later { at, .. } => Disposition::Later { at },
    }
}
