//! The HTTP API. JSON in snake case, times in RFC 3339, amounts in the currency's smallest unit, errors as problem+json.

mod bookings;
mod dead_letters;
mod inbound;
mod key;
mod outbox;
mod page;
mod parameters;
mod problem;
mod transactions;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;

pub use key::{ApiKey, Origin, Scope, install_keys};
pub use problem::{FieldError, Problem};

use crate::{
    plan::Policy,
    ports::{Clock, DeadLetters, Ids, Queue, Store},
};

/// What the API stands on.
pub struct Api {
    /// The records.
    pub store: Arc<dyn Store>,
    /// Where replays and effects are sent.
    pub queue: Arc<dyn Queue>,
    /// What an operator looks after.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random ids.
    pub ids: Arc<dyn Ids>,
    /// The settings that decide something.
    pub policy: Policy,
    /// Whether the captured mails and texts are shown.
    pub outbox: bool,
}

/// The API as a router. It knows nothing of webhooks.
pub fn router(api: Arc<Api>) -> Router {
    let mut v1 = Router::new()
        .route("/bookings", get(bookings::list))
        .route("/bookings/{id}", get(bookings::read).put(bookings::put))
        .route("/transactions", get(transactions::list))
        .route("/transactions/{id}", get(transactions::read))
        .route("/inbound", get(inbound::list))
        .route("/inbound/{id}", get(inbound::read))
        .route("/inbound/{id}/replay", post(inbound::replay))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/redrive", post(dead_letters::redrive));
    if api.outbox {
        v1 = v1.route("/dev/outbox", get(outbox::list));
    }
    let v1 = v1
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method; see Allow")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&api), authorize));
    Router::new()
        .nest("/api/v1", v1)
        .route("/healthz", get(health))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path; the API is under /api/v1") })
        .with_state(api)
}

async fn authorize(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    match key::authorize(&*api.store, request.method(), request.headers()).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Well if the store answers.
async fn health(State(api): State<Arc<Api>>) -> Response {
    match api.store.get(&[crate::ports::Key::new("health", "-")]).await {
        Ok(_) => Json(json!({ "status": "ok" })).into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}
