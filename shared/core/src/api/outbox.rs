use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::Value;

use super::{
    Api, Problem,
    page::{PageOf, Paging},
    parameters::Parameters,
};
use crate::{listing, ports::Index, record::from_json};

/// The list that captured mails and texts stand in.
pub(super) const OUTBOX: &str = "outbox";

/// The captured mails and texts, newest first.
pub(super) async fn list(State(api): State<Arc<Api>>, Parameters(paging): Parameters<Paging>) -> Result<Json<PageOf<Value>>, Problem> {
    let listed = listing::list(&*api.store, Index::List, OUTBOX, paging.cursor()?, paging.limit()?, |_| true).await?;
    let items = listed.items.iter().map(|stored| from_json(&stored.document)).collect::<Result<_, _>>()?;
    Ok(Json(PageOf::new(items, listed.next)))
}
