use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};

use super::{
    Api, Problem,
    page::{PageOf, Paging},
    parameters::Parameters,
};
use crate::{
    listing,
    ports::Index,
    record::from_json,
    schema::{described, described_words},
    time::Timestamp,
};

/// The list that captured mails and texts stand in.
pub(super) const OUTBOX: &str = "outbox";

described! {
    /// Something that would have been sent.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct OutboxEntry as "OutboxEntry" {
        /// `email` or `sms`.
        pub channel: Channel,
        /// The address or the number.
        pub to: String,
        /// A mail's subject line.
        pub subject: Option<String>,
        /// The text.
        pub text: String,
        /// A mail's HTML body.
        pub html: Option<String>,
        /// The id of the event that caused it.
        pub event: String,
        /// When it was captured.
        pub at: Timestamp,
    }
}

/// How an entry would have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A mail.
    Email,
    /// A text message.
    Sms,
}

described_words!(Channel: Email, Sms);

/// The captured mails and texts, newest first.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<PageOf<OutboxEntry>>, Problem> {
    let listed = listing::list(&*api.store, Index::List, OUTBOX, paging.cursor()?, paging.limit()?, |_| true).await?;
    let items = listed.items.iter().map(|stored| from_json::<OutboxEntry>(&stored.document)).collect::<Result<_, _>>()?;
    Ok(Json(PageOf::new(items, listed.next)))
}
