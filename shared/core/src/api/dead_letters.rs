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
    time::Timestamp,
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

/// How much of a message is shown, bytes: enough to see what it is. One may have 1 MiB, and a page of those would be more than a function can answer with.
const SHOWN: usize = 4 * 1024;

described! {
    /// A message that killed or outlived every try to handle it.
    #[derive(Serialize)]
    pub(super) struct Letter as "DeadLetter" {
        /// The queue's own id of the message.
        id: String,
        /// The message; of one that is longer than 4 KiB its beginning.
        body: String,
        /// How long the whole message is, bytes.
        body_bytes: usize,
        /// How often it was received.
        receives: u32,
        /// When it was first queued.
        sent_at: Timestamp,
    }
}

impl From<DeadLetter> for Letter {
    fn from(DeadLetter { id, mut body, receives, sent_at }: DeadLetter) -> Self {
        let body_bytes = body.len();
        body.truncate(body.floor_char_boundary(SHOWN));
        Self { id, body, body_bytes, receives, sent_at }
    }
}

described! {
    /// The dead letters behind a queue, oldest first.
    #[derive(Serialize)]
    pub(super) struct Letters as "DeadLetters" {
        items: Vec<Letter>,
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
    Ok(Json(Letters { items: items.into_iter().map(Letter::from).collect(), total, next: None }))
}

/// Sends them all back to their queue.
pub(super) async fn redrive(State(api): State<Arc<Api>>, Parameters(which): Parameters<Which>) -> Result<Json<Redriven>, Problem> {
    let queue = which.queue()?;
    let redriven = api.dead_letters.redrive(queue).await?;
    tracing::info!(redriven, ?queue, "dead letters redriven");
    Ok(Json(Redriven { redriven }))
}
