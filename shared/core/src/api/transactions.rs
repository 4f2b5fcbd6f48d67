use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};

use super::{
    Api, Problem,
    page::{PageOf, Paging, switch},
    parameters::{Known, Parameters},
};
use crate::{
    listing,
    ports::{Index, PortError, Stored},
    record::Record,
    records::Transaction,
    time::Timestamp,
};

/// A transaction as the API shows it.
#[derive(Serialize)]
pub(super) struct View {
    id: String,
    stripe_payment_intent_id: String,
    booking_id: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    at: Option<Timestamp>,
    version: u64,
}

impl View {
    fn of(stored: &Stored) -> Result<Self, PortError> {
        let Transaction { id, fact, .. } = Transaction::from_stored(stored)?;
        let (booking_id, amount, currency, at) =
            fact.map_or((None, None, None, None), |fact| (fact.booking_id, Some(fact.amount), Some(fact.currency), Some(fact.at)));
        Ok(Self { stripe_payment_intent_id: id.clone(), id, booking_id, amount, currency, at, version: stored.version })
    }
}

#[derive(Deserialize)]
pub(super) struct Filter {
    unmatched: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

impl Known for Filter {
    const NAMES: &'static [&'static str] = &["unmatched", "limit", "cursor"];
}

pub(super) async fn list(State(api): State<Arc<Api>>, Parameters(filter): Parameters<Filter>) -> Result<Json<PageOf<View>>, Problem> {
    let (index, name) = match switch("unmatched", filter.unmatched.as_deref())? {
        true => (Index::Flag, Transaction::UNMATCHED),
        false => (Index::List, Transaction::KIND),
    };
    let listed = listing::list(&*api.store, index, name, filter.paging.cursor()?, filter.paging.limit()?, |_| true).await?;
    let items = listed.items.iter().map(View::of).collect::<Result<_, _>>()?;
    Ok(Json(PageOf::new(items, listed.next)))
}

pub(super) async fn read(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Json<View>, Problem> {
    let found = api.store.get(&[Transaction::key(&id)]).await?.pop().flatten();
    let view = found.as_ref().map(View::of).transpose()?.filter(|view| view.at.is_some());
    view.map(Json).ok_or_else(|| Problem::not_found("transaction"))
}
