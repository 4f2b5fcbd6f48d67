use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};

use super::{
    Api, Problem,
    page::Paging,
    parameters::{Known, Parameters},
};
use crate::{
    ports::{DeadLetter, QueueName},
    schema::described,
};

/// Which dead letters.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    queue: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

impl Known for Which {
    const NAMES: &'static [&'static str] = &["queue", "limit", "cursor"];
}

impl Which {
    fn queue(&self) -> Result<QueueName, Problem> {
        match self.queue.as_deref() {
            None | Some("inbound") => Ok(QueueName::Inbound),
            Some("outbound") => Ok(QueueName::Outbound),
            Some(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "queue is inbound or outbound")),
        }
    }
}

described! {
    /// The dead letters behind a queue, oldest first.
    #[derive(Serialize)]
    pub(super) struct Letters as "DeadLetters" {
        items: Vec<DeadLetter>,
        /// How many there are in all.
        total: u64,
        /// Always null: there is one page.
        next: Option<String>,
    }
}

described! {
    /// What was sent back to its queue.
    #[derive(Serialize)]
    pub(super) struct Redriven as "Redriven" {
        /// How many messages.
        redriven: u64,
    }
}

/// The dead letters behind a queue, oldest first.
pub(super) async fn list(State(api): State<Arc<Api>>, Parameters(which): Parameters<Which>) -> Result<Json<Letters>, Problem> {
    let (items, total) = api.dead_letters.list(which.queue()?, which.paging.limit()?).await?;
    Ok(Json(Letters { items, total, next: None }))
}

/// Sends them all back to their queue.
pub(super) async fn redrive(State(api): State<Arc<Api>>, Parameters(which): Parameters<Which>) -> Result<Json<Redriven>, Problem> {
    let queue = which.queue()?;
    let redriven = api.dead_letters.redrive(queue).await?;
    tracing::info!(redriven, ?queue, "dead letters redriven");
    Ok(Json(Redriven { redriven }))
}
