use std::{convert::Infallible, sync::Arc};

use axum::{Router, body::Body, response::IntoResponse};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use sluice_core::{
    api::{Api, Problem, install_keys, router},
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
    let answer = HttpAnswer::from(Response::from_parts(head, body));
    if answer.is_too_large() { too_large().await } else { answer }
}

/// Lambda fails an invocation that answers with more, and API Gateway then says nothing but that something went wrong.
async fn too_large() -> HttpAnswer {
    tracing::warn!("an answer of the API is larger than Lambda lets it be");
    let detail = "the answer is larger than the 6 MB that AWS Lambda can pass on; of a list ask for fewer at a time with ?limit=";
    let (head, body) = Problem::new(StatusCode::BAD_REQUEST, detail).into_response().into_parts();
    let body = body.collect().await.expect("a problem is in memory").to_bytes();
    Response::from_parts(head, body).into()
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;

    async fn asked(router: Router, path: &str) -> serde_json::Value {
        let event = serde_json::json!({ "rawPath": path, "requestContext": { "http": { "method": "GET" } } });
        let answer = answer(&router, serde_json::from_value(event).expect("an event")).await;
        serde_json::to_value(answer).expect("JSON")
    }

    #[tokio::test]
    async fn an_answer_that_lambda_would_not_pass_on_says_so() {
        // Each quotation mark is two characters in what is handed to Lambda.
        let router = Router::new()
            .route("/fits", get(async || "x".repeat(5_900_000)))
            .route("/quotes", get(async || "\"".repeat(3_000_000)))
            .route("/long", get(async || "x".repeat(6_100_000)));
        let fits = asked(router.clone(), "/fits").await;
        assert_eq!((&fits["statusCode"], fits["body"].as_str().map(str::len)), (&200.into(), Some(5_900_000)));
        for path in ["/quotes", "/long"] {
            let answer = asked(router.clone(), path).await;
            assert_eq!((&answer["statusCode"], &answer["headers"]["content-type"]), (&400.into(), &"application/problem+json".into()));
            let problem: serde_json::Value = serde_json::from_str(answer["body"].as_str().expect("a body")).expect("JSON");
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("?limit=")), "{problem}");
        }
    }
}
