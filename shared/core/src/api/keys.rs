//! Looks after API keys.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Api, Problem,
    key::{ApiKey, Origin, Scope, find_key, fresh_key},
    page::{PageOf, Paging},
    parameters::{Parameters, WholeBody},
};
use crate::{
    form::{Form, id, line},
    ids::fresh,
    listing,
    ports::{Commit, Committed, Condition, Index, Stored, Write},
    record::Record,
    schema::described,
    time::Timestamp,
};

described! {
    /// A key as the API shows it: never the key itself.
    #[derive(Serialize)]
    pub(super) struct View as "ApiKey" {
        id: String,
        /// Its owner's own words.
        description: String,
        /// What it is good for.
        scopes: Vec<Scope>,
        /// Whose it is: it sees that tenant's rows alone. One without sees all.
        tenant: Option<String>,
        /// Whether it comes from a setting, which replaces it, or from here.
        origin: Origin,
        created_at: Timestamp,
        /// When it was last used, to within five minutes.
        last_used_at: Option<Timestamp>,
    }
}

described! {
    /// A key that was made just now.
    #[derive(Serialize)]
    pub(super) struct Made as "NewApiKey" {
        ..view: View,
        /// The key itself, shown this once.
        key: String,
    }
}

impl From<ApiKey> for View {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.name(),
            description: key.description,
            scopes: key.scopes,
            tenant: key.tenant,
            origin: key.origin,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
        }
    }
}

fn scopes(value: &Value) -> Result<Vec<Scope>, String> {
    let wrong = || "must be a list of read, write and admin, at least one of them".to_owned();
    let mut scopes: Vec<Scope> = serde_json::from_value(value.clone()).map_err(|_| wrong())?;
    scopes.sort();
    scopes.dedup();
    if scopes.is_empty() { Err(wrong()) } else { Ok(scopes) }
}

pub(super) async fn create(State(api): State<Arc<Api>>, WholeBody(body): WholeBody) -> Result<(StatusCode, Json<Made>), Problem> {
    let fields: Map<String, Value> = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is no JSON object: {error}")))?;
    let mut form = Form::new(&fields, &["description", "scopes", "tenant"]);
    let secret = fresh_key(&*api.ids);
    let mut key = ApiKey::new(&secret, Origin::Api, form.required("scopes", scopes), api.clock.now());
    key.description = form.optional("description", line(200)).unwrap_or_default();
    key.tenant = form.optional("tenant", id);
    let errors = form.into_errors();
    if !errors.is_empty() {
        return Err(Problem::fields(errors));
    }
    let write = Write::Put { document: key.document(), condition: Condition::Absent };
    api.store.commit(Commit { token: fresh("", &*api.ids), writes: vec![write] }).await?;
    tracing::info!(key = key.name(), tenant = key.tenant, "an API key was made");
    Ok((StatusCode::CREATED, Json(Made { view: key.into(), key: secret })))
}

pub(super) async fn list(State(api): State<Arc<Api>>, Parameters(paging): Parameters<Paging>) -> Result<Json<PageOf<View>>, Problem> {
    let listed = listing::list(&*api.store, Index::List, ApiKey::KIND, paging.cursor()?, paging.limit()?, |_| true).await?;
    let keys = listed.items.iter().map(|stored| ApiKey::from_stored(stored).map(View::from)).collect::<Result<_, _>>()?;
    Ok(Json(PageOf::new(keys, listed.next)))
}

pub(super) async fn read(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Result<Json<View>, Problem> {
    Ok(Json(find(&api, &name).await?.0.into()))
}

/// Revokes a key, at once. One that comes from the settings is revoked there.
pub(super) async fn revoke(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    loop {
        let (key, stored) = find(&api, &name).await?;
        if key.origin == Origin::Settings {
            let detail = "this key comes from the setting SLUICE_API_KEY: take it out there, and start Sluice afresh";
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        let write = Write::Delete { key: stored.document.key.clone(), condition: Condition::Version(stored.version) };
        // Refused: it was used at this moment.
        if api.store.commit(Commit { token: fresh("", &*api.ids), writes: vec![write] }).await? == Committed::Applied {
            tracing::info!(key = name, "an API key was revoked");
            return Ok(StatusCode::NO_CONTENT);
        }
    }
}

async fn find(api: &Api, name: &str) -> Result<(ApiKey, Stored), Problem> {
    let known = find_key(&*api.store, |key| key.name() == name).await?.ok_or_else(|| Problem::not_found("API key"))?;
    // The list may lag behind; a key that is gone already must not look revoked only now.
    let found = api.store.get(&[ApiKey::key(&known.id)]).await?.pop().flatten().ok_or_else(|| Problem::not_found("API key"))?;
    Ok((ApiKey::from_stored(&found)?, found))
}
