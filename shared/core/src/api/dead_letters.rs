use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{Api, Problem, page::Paging, parameters::Parameters};
use crate::ports::QueueName;

/// The dead letters of the inbound queue, oldest first.
pub(super) async fn list(State(api): State<Arc<Api>>, Parameters(paging): Parameters<Paging>) -> Result<Json<Value>, Problem> {
    let (items, total) = api.dead_letters.list(QueueName::Inbound, paging.limit()?).await?;
    Ok(Json(json!({ "items": items, "total": total, "next": null })))
}

/// Sends them all back to the inbound queue.
pub(super) async fn redrive(State(api): State<Arc<Api>>) -> Result<Json<Value>, Problem> {
    let redriven = api.dead_letters.redrive(QueueName::Inbound).await?;
    tracing::info!(redriven, "dead letters redriven");
    Ok(Json(json!({ "redriven": redriven })))
}
