use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::future::join;
use sluice_aws::secrets::RefreshingSecrets;
use sluice_core::{
    ingest::{Body, Ingest},
    ports::{Measure, Metrics, QueueName},
    provider::{self, Provider},
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
    fn read(reader: &mut Reader<'_>, provider: &'static dyn Provider) -> Self {
        Self {
            ingest: IngestSettings::read_of(reader, provider),
            queues: QueueSettings::read(reader),
            secret_refresh: reader.length("SLUICE_SECRET_REFRESH", RefreshingSecrets::EVERY),
        }
    }
}

/// Takes the webhooks of one provider in: verified, named, queued, answered.
///
/// # Errors
/// [`StartError`] if it can't start.
///
/// # Panics
/// If there is no such provider.
pub async fn ingest(provider: &'static str, environment: Environment) -> Result<(), StartError> {
    let provider = provider::by_name(provider).expect("a function of ingest is named after its provider");
    let (settings, wiring) = Wiring::read(environment, Some(provider), |reader| Settings::read(reader, provider)).await?;
    let queue = wiring.queue(&settings.queues);
    let secrets =
        RefreshingSecrets::start(&settings.ingest.secrets, wiring.secrets.clone(), Arc::clone(&wiring.clock), settings.secret_refresh);
    let (secrets, ()) = join(secrets, wiring.warm_up(queue.connect(QueueName::Inbound))).await;
    let secrets = Arc::new(secrets.map_err(|errors| StartError::Settings(texts(errors)))?);
    let ingest = Ingest {
        queue,
        secrets: secrets.clone(),
        clock: Arc::clone(&wiring.clock),
        metrics: wiring.metrics.clone(),
        public_url: settings.ingest.public_url,
        max_body: settings.ingest.max_body,
        replies: settings.ingest.replies,
    };
    serve(&wiring, async |event: HttpEvent, _| {
        let began = wiring.clock.now();
        secrets.keep_fresh().await;
        let answer = take(&ingest, event).await;
        wiring.metrics.record(Measure::Latency(wiring.clock.now().since(began)));
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
