//! Webhooks out: subscriptions, deliveries, and what is published.

mod cursor;
mod deliveries;
mod event_types;
mod events;
mod input;
mod jobs;
mod subscriptions;

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};

pub use self::event_types::{ProviderSample, document as event_types_document};
pub(super) use self::{
    deliveries::View as Delivery,
    event_types::{EventType, record_example},
    events::{View as Event, Whole as EventWithData},
    jobs::{Counted, Job},
    subscriptions::{Enabled, NewSubscription, Rotated, Tested, View as Subscription},
};
use super::{Api, Problem};
use crate::webhooks::Webhooks;

/// Adds the routes. Where webhooks out are off they answer so.
pub(super) fn routes(router: Router<Arc<Api>>) -> Router<Arc<Api>> {
    router
        .route("/subscriptions", get(subscriptions::list).post(subscriptions::create))
        .route("/subscriptions/{id}", get(subscriptions::read).patch(subscriptions::patch).delete(subscriptions::delete))
        .route("/subscriptions/{id}/enable", post(subscriptions::enable))
        .route("/subscriptions/{id}/disable", post(subscriptions::disable))
        .route("/subscriptions/{id}/rotate-secret", post(subscriptions::rotate))
        .route("/subscriptions/{id}/test", post(subscriptions::test))
        .route("/subscriptions/{id}/deliveries", get(deliveries::list_of))
        .route("/subscriptions/{id}/recover", post(jobs::recover))
        .route("/subscriptions/{id}/replay-missing", post(jobs::replay_missing))
        .route("/subscriptions/{id}/jobs/{job}", get(jobs::read))
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/{id}", get(deliveries::read))
        .route("/deliveries/{id}/resend", post(deliveries::resend))
        .route("/events", get(events::list).post(events::publish))
        .route("/events/{id}", get(events::read))
        .route("/event-types", get(event_types::list))
}

/// Subscriptions under another name, which other gateways use.
pub(super) fn alias() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/webhooks", get(subscriptions::list).post(subscriptions::create))
        .route("/api/webhooks/{id}/test", post(subscriptions::test))
}

fn no_key() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "there is no master key: set SLUICE_MASTER_KEY")
}

/// What webhooks out stand on, if they are on.
fn on(api: &Api) -> Result<&Webhooks, Problem> {
    let off = "webhooks out are off: set SLUICE_MASTER_KEY, under which signing secrets are kept";
    api.webhooks.as_deref().ok_or_else(|| Problem::new(StatusCode::SERVICE_UNAVAILABLE, off))
}
