use std::{convert::Infallible, sync::Arc};

use sluice_core::{
    ports::{Key, Store},
    process::Incarnation,
    settings::{QueueSettings, Reader, WebhookSettings, read_max_receives, read_table},
    webhooks::{Crowd, Deliverer, Known},
};

use crate::{Batch, Environment, SqsEvent, StartError, batch::AT_ONCE, invocation::serve, rooms::webhooks, wiring::Wiring};

/// Twice as many places as there can be attempts: no batch is ever so full that a subscription has to wait for another. What keeps a slow endpoint from taking
/// everything are the fair queue, which hands out the messages of quiet subscriptions first, and the endpoint's breaker.
const PLACES: usize = 2 * AT_ONCE;

struct Settings {
    table: String,
    queues: QueueSettings,
    max_receives: u32,
    webhooks: WebhookSettings,
}

impl Settings {
    fn read(reader: &mut Reader<'_>) -> Self {
        let queues = QueueSettings::read(reader);
        if queues.outbound.is_none() {
            reader.problem("SLUICE_OUTBOUND_QUEUE_URL", "is missing: set it to the URL of the queue; the template does");
        }
        let webhooks = webhooks::read(reader);
        if webhooks.master_keys.is_empty() {
            reader.problem("SLUICE_MASTER_KEY", "is missing: without it no delivery can be signed; the template sets it");
        }
        Self { table: read_table(reader), queues, max_receives: read_max_receives(reader), webhooks }
    }
}

/// Delivers webhooks to subscribers: of each message one attempt, written down.
///
/// # Errors
/// [`StartError`] if it can't start.
pub async fn deliver(environment: Environment) -> Result<(), StartError> {
    let (settings, wiring) = Wiring::read(environment, &[], Settings::read).await?;
    let store = wiring.store(&settings.table);
    let deliverer = Deliverer {
        store: store.clone(),
        queue: wiring.queue(&settings.queues),
        clock: Arc::clone(&wiring.clock),
        ids: Arc::clone(&wiring.ids),
        metrics: wiring.metrics.clone(),
        webhooks: webhooks::wire(&settings.webhooks),
        incarnation: Incarnation::OneOfMany,
        crowd: Crowd::new(PLACES),
        known: Known::default(),
    };
    let batch = Batch {
        handler: Arc::new(deliverer),
        receipts: wiring.receipts(settings.queues.outbound.as_deref().unwrap_or_default()),
        clock: Arc::clone(&wiring.clock),
        ids: Arc::clone(&wiring.ids),
        metrics: wiring.metrics.clone(),
        max_receives: settings.max_receives,
    };
    wiring.warm_up(store.get(&[Key::new("health", "-")])).await;
    serve(&wiring, async |event: SqsEvent, deadline| Ok::<_, Infallible>(batch.handle(event, deadline).await)).await
}
