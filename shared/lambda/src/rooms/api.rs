use std::{convert::Infallible, sync::Arc};

use axum::{Router, body::Body};
use http::{Request, Response};
use http_body_util::BodyExt;
use sluice_core::{
    api::{Api, install_keys, router},
    ports::{Measure, Metrics},
    secrets::SourceTenants,
    settings::{ChannelSettings, Mode, QueueSettings, Reader, RuleSettings, WebhookSettings, read_api_keys, read_table, read_tenants},
};
use sluice_signature::Secret;
use tower::ServiceExt;

use crate::{Environment, HttpAnswer, HttpEvent, StartError, invocation::serve, rooms::webhooks, wiring::Wiring};

struct Settings {
    table: String,
    queues: QueueSettings,
    rules: RuleSettings,
    channels: ChannelSettings,
    api_keys: Vec<Secret>,
    webhooks: WebhookSettings,
    tenants: SourceTenants,
}

impl Settings {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            table: read_table(reader),
            queues: QueueSettings::read(reader),
            rules: RuleSettings::read(reader, Mode::Lambda),
            channels: ChannelSettings::read(reader),
            api_keys: read_api_keys(reader, Mode::Lambda),
            webhooks: webhooks::read(reader),
            tenants: read_tenants(reader),
        }
    }
}

/// Serves the HTTP API.
///
/// # Errors
/// [`StartError`] if it can't start.
pub async fn api(environment: Environment) -> Result<(), StartError> {
    let (settings, wiring) = Wiring::read(environment, &[], Settings::read).await?;
    let store = wiring.store(&settings.table);
    let queue = wiring.queue(&settings.queues);
    // Also opens the connection that the first request needs.
    let keys: Vec<_> = settings.api_keys.iter().map(Secret::reveal).collect();
    install_keys(&*store, &*wiring.ids, &keys, wiring.clock.now()).await?;
    let router = router(Arc::new(Api {
        store,
        queue: queue.clone(),
        dead_letters: queue,
        clock: Arc::clone(&wiring.clock),
        ids: Arc::clone(&wiring.ids),
        policy: settings.rules.policy(settings.channels),
        webhooks: (!settings.webhooks.master_keys.is_empty()).then(|| webhooks::wire(&settings.webhooks)),
        tenants: settings.tenants,
        outbox: false,
    }));
    serve(&wiring, async |event: HttpEvent, _| {
        let began = wiring.clock.now();
        let answer = answer(&router, event).await;
        wiring.metrics.record(Measure::Latency(wiring.clock.now().since(began)));
        Ok::<_, Infallible>(answer)
    })
    .await
}

async fn answer(router: &Router, event: HttpEvent) -> HttpAnswer {
    let (head, body) = match event.into_request() {
        Ok(request) => request,
        Err(unreadable) => return unreadable.into(),
    };
    let response = router.clone().oneshot(Request::from_parts(head, Body::from(body))).await;
    let (head, body) = response.unwrap_or_else(|impossible: Infallible| match impossible {}).into_parts();
    let body = body.collect().await.expect("the API answers out of memory").to_bytes();
    Response::from_parts(head, body).into()
}
