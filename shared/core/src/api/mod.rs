//! The HTTP API. JSON in snake case, times in RFC 3339, amounts in the currency's smallest unit, errors as problem+json.

mod dead_letters;
mod history;
mod inbound;
mod key;
mod keys;
mod openapi;
mod outbox;
mod page;
mod parameters;
mod precondition;
mod problem;
mod put;
mod records;
mod spaces;
mod tenancy;
mod webhooks;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;

pub use key::{ApiKey, Origin, Scope, install_keys};
pub use openapi::document as openapi;
pub use outbox::{Channel, OutboxEntry};
pub use problem::Problem;
pub use webhooks::{ProviderSample, event_types_document as event_types};

use crate::{
    plan::Policy,
    ports::{Clock, DeadLetters, Ids, Queue, Store},
    records::{
        Booking, Customer, Invoice, Message, Order, Payment, PaymentMethod, Product, Repository, Shop, ShopCustomer, Tenant, Transaction,
    },
    secrets::SourceTenants,
    webhooks::Webhooks,
};

/// What the API stands on.
#[derive(Clone)]
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
    /// Webhooks out, where they are on.
    pub webhooks: Option<Arc<Webhooks>>,
    /// Which tenants have sources of their own, and so a space.
    pub tenants: SourceTenants,
    /// Whether the captured mails and texts are shown.
    pub outbox: bool,
}

/// The API as a router. It knows nothing of webhooks.
pub fn router(api: Arc<Api>) -> Router {
    let v1 = of_tenants()
        .merge(of_spaces(&api))
        .merge(of_operators(api.outbox))
        .merge(keys())
        .fallback(|| async { nothing_here() })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method; see Allow")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&api), authorize));
    let alias = webhooks::alias().layer(middleware::from_fn_with_state(Arc::clone(&api), authorize));
    Router::new()
        .nest("/api/v1", v1)
        .merge(alias)
        .route("/healthz", get(health))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path; the API is under /api/v1") })
        .with_state(api)
}

/// What tenants have a part in: each handler shows a tenant its own rows alone.
fn of_tenants() -> Router<Arc<Api>> {
    let v1 = records::owned::<Booking>(Router::new(), "/bookings");
    let v1 = records::owned::<Invoice>(v1, "/invoices");
    let v1 = records::owned::<Customer>(v1, "/customers");
    let v1 = records::owned::<Tenant>(v1, "/tenants");
    webhooks::routes(v1).route("/openapi.json", get(openapi::serve))
}

/// Records that don't say whose they are: there for a tenant that has a space, in which all is its own.
fn of_spaces(api: &Arc<Api>) -> Router<Arc<Api>> {
    let v1 = records::served::<Payment>(Router::new(), "/payments");
    let v1 = records::served::<PaymentMethod>(v1, "/payment-methods");
    let v1 = records::owned::<Message>(v1, "/messages");
    let v1 = records::served::<Order>(v1, "/orders");
    let v1 = records::served::<Product>(v1, "/products");
    let v1 = records::served::<ShopCustomer>(v1, "/shop-customers");
    let v1 = records::served::<Shop>(v1, "/shops");
    let v1 = records::served::<Repository>(v1, "/repositories");
    let v1 = records::served::<Transaction>(v1, "/transactions");
    v1.route_layer(middleware::from_fn_with_state(Arc::clone(api), key::those_with_a_space))
}

/// What belongs to no tenant: it is not there for one.
fn of_operators(outbox: bool) -> Router<Arc<Api>> {
    let mut v1 = Router::new()
        .route("/inbound", get(inbound::list))
        .route("/inbound/{id}", get(inbound::read))
        .route("/inbound/{id}/replay", post(inbound::replay))
        .route("/inbound/{id}/dismiss", post(inbound::dismiss))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/redrive", post(dead_letters::redrive));
    if outbox {
        v1 = v1.route("/dev/outbox", get(self::outbox::list));
    }
    v1.route_layer(middleware::from_fn(key::operators_only))
}

fn keys() -> Router<Arc<Api>> {
    let keys = Router::new().route("/keys", get(keys::list).post(keys::create)).route("/keys/{id}", get(keys::read).delete(keys::revoke));
    keys.route_layer(middleware::from_fn(key::admins_only)).route_layer(middleware::from_fn(key::operators_only))
}

/// An answer whose JSON is there already.
fn json_text(text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], text)
}

fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path")
}

async fn authorize(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let around = (&*api.store, &*api.clock, &*api.ids);
    match key::authorize(around, request.method(), request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
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
