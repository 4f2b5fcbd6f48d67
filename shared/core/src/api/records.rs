//! What the API does with every kind of record: read and list. Putting is in [`super::put`], what changed it in [`super::history`].

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
    sync::Arc,
};

use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{AppendHeaders, IntoResponse, Response},
    routing::get,
};
use serde::Serialize;

use super::{
    Api, Problem,
    history::history,
    key::Caller,
    page::{PageOf, Paging, switch},
    parameters::pairs,
    precondition::{self, Read},
    put::put,
};
use crate::{
    ids::record_id,
    kind::{By, Filter, Holder, Owned, Served, state_of},
    listing,
    ports::{Index, Key, PortError, Stored},
    record::{Record, group, to_json},
    records::Tenant,
};

/// A record as the API shows it, with its version.
#[derive(Serialize)]
pub(super) struct Shown<S> {
    #[serde(flatten)]
    shown: S,
    version: u64,
}

/// What is shown of records, completed by what lies beside them.
pub(super) async fn shown<K: Served>(api: &Api, stored: &[Stored]) -> Result<Vec<Shown<K::Shown>>, PortError> {
    let records = stored.iter().map(K::from_stored).collect::<Result<Vec<_>, _>>()?;
    let keys: Vec<_> = records.iter().flat_map(K::beside).collect::<BTreeSet<_>>().into_iter().collect();
    let found: BTreeMap<_, _> = match keys.is_empty() {
        true => BTreeMap::new(),
        false => keys.iter().zip(api.store.get(&keys).await?).filter_map(|(key, found)| Some((key, found?))).collect(),
    };
    let complete = |(record, stored): (&K, &Stored)| {
        let mut shown = record.shown();
        let beside: Vec<_> = record.beside().iter().filter_map(|key| found.get(key)).collect();
        K::complete(&mut shown, &beside)?;
        Ok(Shown { shown, version: stored.version })
    };
    records.iter().zip(stored).map(complete).collect()
}

/// The routes of a kind that is read and listed.
pub(super) fn served<K: Served + 'static>(router: Router<Arc<Api>>, path: &str) -> Router<Arc<Api>>
where
    K::Shown: Send,
{
    router
        .route(path, get(list::<K>))
        .route(&format!("{path}/{{id}}"), get(read::<K>))
        .route(&format!("{path}/{{id}}/history"), get(history::<K>))
}

/// The routes of a kind that is put, too.
pub(super) fn owned<K: Owned + 'static>(router: Router<Arc<Api>>, path: &str) -> Router<Arc<Api>>
where
    K::Shown: Send,
{
    router
        .route(path, get(list::<K>))
        .route(&format!("{path}/{{id}}"), get(read::<K>).put(put::<K>))
        .route(&format!("{path}/{{id}}/history"), get(history::<K>))
}

/// What a list of a kind is asked for.
pub(super) struct ListOf<K> {
    unmatched: bool,
    wanted: Vec<(Filter, String)>,
    paging: Paging,
    kind: PhantomData<fn() -> K>,
}

impl<K: Served, S: Send + Sync> FromRequestParts<S> for ListOf<K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let filters = K::FILTERS.iter().map(|filter| filter.name);
        let names: Vec<_> = ["unmatched"].into_iter().chain(filters).chain(["limit", "cursor"]).collect();
        let mut pairs = pairs(parts, state, &names).await?;
        let mut take = |name: &str| pairs.iter().position(|(known, _)| known == name).map(|at| pairs.swap_remove(at).1);
        let unmatched = switch("unmatched", take("unmatched").as_deref())?;
        let paging = Paging::new(take("limit"), take("cursor"));
        let mut wanted = Vec::new();
        for filter in K::FILTERS {
            let Some(value) = take(filter.name) else { continue };
            if !filter.one_of.is_empty() && !filter.one_of.contains(&value.as_str()) {
                return Err(Problem::new(StatusCode::BAD_REQUEST, format!("{} is one of {}", filter.name, filter.one_of.join(", "))));
            }
            wanted.push((*filter, value));
        }
        Ok(Self { unmatched, wanted, paging, kind: PhantomData })
    }
}

/// Where the records of a list are found.
enum Found {
    /// Along an index.
    Index(Index, String),
    /// By their keys.
    Keys(Vec<Key>),
}

impl<K: Served> ListOf<K> {
    /// What a tenant's key asks for is its own alone, which it need not say.
    fn of(mut self, caller: &Caller) -> Self {
        let tenant = K::FILTERS.iter().find(|filter| filter.name == "tenant").zip(caller.tenant());
        self.wanted.extend(tenant.map(|(filter, tenant)| (*filter, tenant.to_owned())));
        self
    }

    /// Where to look: where there is least that does not fit.
    async fn find(&self, api: &Api, caller: &Caller) -> Result<Found, PortError> {
        if self.unmatched {
            return Ok(Found::Index(Index::Flag, K::UNMATCHED.to_owned()));
        }
        if let Some(tenant) = caller.tenant().filter(|_| K::KIND == Tenant::KIND) {
            return Ok(Found::Keys(vec![K::key(tenant)]));
        }
        let holder = self.wanted.iter().find_map(|(filter, value)| match filter.by {
            By::Holder(holder) => Some((holder, value)),
            By::State | By::Group(_) => None,
        });
        if let Some((holder, id)) = holder {
            return Ok(Found::Keys(held::<K>(api, holder, id).await?));
        }
        let mut groups = self.wanted.iter().filter_map(|(filter, value)| match filter.by {
            By::Group(index) => Some((index, group(K::KIND, filter.name, value))),
            By::State | By::Holder(_) => None,
        });
        let (index, name) = groups.next().unwrap_or_else(|| (Index::List, K::LIST.to_owned()));
        Ok(Found::Index(index, name))
    }

    /// Whether a record is in the list.
    fn shows(&self, stored: &Stored, caller: &Caller) -> bool {
        let Ok(record) = K::from_stored(stored) else { return true };
        if if self.unmatched { !record.waits() } else { !record.is_served() } {
            return false;
        }
        let fits = |state: &crate::state::State| self.wanted.iter().all(|(filter, value)| state[filter.name].as_str() == Some(value));
        (self.wanted.is_empty() || fits(&state_of(&record))) && is_seen(caller, &record)
    }
}

/// The keys of the records that a record knows.
async fn held<K: Served>(api: &Api, holder: Holder, id: &str) -> Result<Vec<Key>, PortError> {
    if record_id(id).is_err() {
        return Ok(Vec::new());
    }
    let stored = api.store.get(&[(holder.key)(id)]).await?.pop().flatten();
    let ids = stored.as_ref().map_or_else(|| Ok(Vec::new()), holder.ids)?;
    Ok(ids.iter().map(|id| K::key(id)).collect())
}

async fn list<K: Served>(State(api): State<Arc<Api>>, caller: Caller, asked: ListOf<K>) -> Result<Json<PageOf<Shown<K::Shown>>>, Problem> {
    let asked = asked.of(&caller);
    let (cursor, limit) = (asked.paging.cursor()?, asked.paging.limit()?);
    let keep = |stored: &Stored| asked.shows(stored, &caller);
    let listed = match asked.find(&api, &caller).await? {
        Found::Index(index, name) => listing::list(&*api.store, index, &name, cursor, limit, keep).await?,
        Found::Keys(keys) => listing::of_keys(&*api.store, &keys, cursor, limit, keep).await?,
    };
    let items = shown::<K>(&api, &listed.items).await?;
    Ok(Json(PageOf::new(items, listed.next)))
}

async fn read<K: Served>(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (_, stored) = found::<K>(&api, &caller, &id).await?;
    let version = stored.version;
    let (tag, body) = tagged::<K>(&api, stored).await?;
    if precondition::of_read(&headers, version, &tag)? == Read::NotModified {
        return Ok((StatusCode::NOT_MODIFIED, AppendHeaders([(header::ETAG, tag)])).into_response());
    }
    Ok(tagged_answer(StatusCode::OK, tag, body))
}

/// The record, if it is served, and the caller sees it.
pub(super) async fn found<K: Served>(api: &Api, caller: &Caller, id: &str) -> Result<(K, Stored), Problem> {
    let stored = api.store.get(&[K::key(id)]).await?.pop().flatten().ok_or_else(|| Problem::not_found(K::NAME))?;
    let record = K::from_stored(&stored)?;
    if record.is_served() && is_seen(caller, &record) { Ok((record, stored)) } else { Err(Problem::not_found(K::NAME)) }
}

/// Whether the caller sees a record: a tenant sees itself, and what says that it is its own.
pub(super) fn is_seen<K: Served>(caller: &Caller, record: &K) -> bool {
    if caller.tenant().is_none() {
        return true;
    }
    if K::KIND == Tenant::KIND {
        return caller.sees(Some(record.id()));
    }
    caller.sees(state_of(record)["tenant"].as_str())
}

/// What is shown of a record, as JSON, and its entity tag.
async fn tagged<K: Served>(api: &Api, stored: Stored) -> Result<(String, Vec<u8>), Problem> {
    let version = stored.version;
    let shown = shown::<K>(api, &[stored]).await?.pop().ok_or_else(|| Problem::not_found(K::NAME))?;
    let body = to_json(&shown);
    Ok((precondition::tag(version, &body), body))
}

fn tagged_answer(status: StatusCode, tag: String, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json".to_owned()), (header::ETAG, tag)], body).into_response()
}

/// Answers with a record as it is shown.
pub(super) async fn answer<K: Served>(api: &Api, status: StatusCode, stored: Stored) -> Result<Response, Problem> {
    let (tag, body) = tagged::<K>(api, stored).await?;
    Ok(tagged_answer(status, tag, body))
}
