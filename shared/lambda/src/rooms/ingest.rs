use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::future::join;
use sluice_aws::secrets::RefreshingSecrets;
use sluice_core::{
    ingest::{Body, Ingest, Refusals},
    ports::{Measure, Metrics, QueueName},
    provider::Providers,
    settings::{IngestSettings, QueueSettings, Reader},
};

use crate::{
    Environment, HttpAnswer, HttpEvent, StartError,
    invocation::serve,
    wiring::{Wiring, texts},
};

struct Settings {
    ingest: IngestSettings,
    queues: QueueSettings,
    secret_refresh: Duration,
}

impl Settings {
    fn read(reader: &mut Reader<'_>, providers: Providers) -> Self {
        Self {
            ingest: IngestSettings::read_of(reader, providers),
            queues: QueueSettings::read(reader),
            secret_refresh: reader.length("SLUICE_SECRET_REFRESH", RefreshingSecrets::EVERY),
        }
    }
}

/// Takes the webhooks of `providers` in: verified, named, queued, answered.
///
/// # Errors
/// [`StartError`] if it can't start.
pub async fn ingest(providers: Providers, environment: Environment) -> Result<(), StartError> {
    let (settings, wiring) = Wiring::read(environment, providers, |reader| Settings::read(reader, providers)).await?;
    settings.ingest.doubts().iter().for_each(|doubt| tracing::warn!("{doubt}"));
    let queue = wiring.queue(&settings.queues);
    let fetch = wiring.secrets.clone();
    let (fixed, tenants) = (&settings.ingest.secrets, &settings.ingest.tenants);
    let secrets = RefreshingSecrets::start(providers, fixed, tenants, fetch, Arc::clone(&wiring.clock), settings.secret_refresh);
    let (secrets, ()) = join(secrets, wiring.warm_up(queue.connect(QueueName::Inbound))).await;
    let secrets = Arc::new(secrets.map_err(|errors| StartError::Settings(texts(errors)))?);
    let ingest = Ingest {
        providers,
        queue,
        secrets: secrets.clone(),
        tenants: settings.ingest.tenants,
        clock: Arc::clone(&wiring.clock),
        metrics: wiring.metrics.clone(),
        public_url: settings.ingest.public_url,
        max_body: settings.ingest.max_body,
        replies: settings.ingest.replies,
        refusals: Refusals::default(),
    };
    serve(&wiring, async |event: HttpEvent, _| {
        let began = wiring.clock.now();
        secrets.keep_fresh().await;
        let answer = take(&ingest, event).await;
        wiring.metrics.record(Measure::Latency(wiring.clock.now().since(began)));
        ingest.refusals.log_left_out(wiring.clock.now());
        Ok::<_, Infallible>(answer)
    })
    .await
}

async fn take(ingest: &Ingest, event: HttpEvent) -> HttpAnswer {
    match event.into_request() {
        Ok((request, body)) => ingest.handle(&request, Body::Whole(body)).await.into(),
        Err(unreadable) => unreadable.into(),
    }
}
