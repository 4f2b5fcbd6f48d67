//! What the API does with every kind of record: read, put, list, and show what changed it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
    sync::Arc,
};

use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{AppendHeaders, IntoResponse},
    routing::get,
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Api, Problem,
    key::Caller,
    page::{PageOf, Paging, switch},
    parameters::{Parameters, WholeBody, pairs},
    tenancy,
};
use crate::{
    change::{Changed, change},
    form::Form,
    ids::record_id,
    kind::{By, Filter, Holder, Owned, Served, put_event, state_of},
    listing,
    ports::{Index, Key, PortError, Stored},
    record::{Record, group},
    records::{HistoryEntry, HistoryPage, ShownHistoryEntry, Tenant},
    rules,
    time::Timestamp,
};

/// A record as the API shows it, with its version.
#[derive(Serialize)]
pub(super) struct Shown<S> {
    #[serde(flatten)]
    shown: S,
    version: u64,
}

/// What is shown of records, completed by what lies beside them.
async fn shown<K: Served>(api: &Api, stored: &[Stored]) -> Result<Vec<Shown<K::Shown>>, PortError> {
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
        let fits = |state: &Value| self.wanted.iter().all(|(filter, value)| state[filter.name].as_str() == Some(value));
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

async fn read<K: Served>(State(api): State<Arc<Api>>, caller: Caller, Path(id): Path<String>) -> Result<impl IntoResponse, Problem> {
    let (_, stored) = found::<K>(&api, &caller, &id).await?;
    answer::<K>(&api, StatusCode::OK, stored).await
}

async fn put<K: Owned>(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    WholeBody(body): WholeBody,
) -> Result<impl IntoResponse, Problem> {
    record_id(&id).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    if caller.tenant().is_some() && K::KIND == Tenant::KIND {
        return Err(Problem::new(StatusCode::FORBIDDEN, "a tenant is put with a key of the operator's"));
    }
    let now = api.clock.now();
    let (word, fields) = read_put::<K>(&body, &id, &api, &caller)?;
    let mut expected = if_match(&headers)?;
    if caller.tenant().is_some() {
        let version = owned_version::<K>(&api, &caller, &id).await?;
        expected = expected.or(Some(version));
        tenancy::insist::<K>(&api, &caller, &id, &fields).await?;
    }
    match change(&api, K::key(&id), &put_event::<K>(), expected, |view| rules::put::<K>(&id, now, word.clone(), view)).await? {
        Changed::Stored { before } => {
            let created = before.as_ref().and_then(|before| K::from_stored(before).ok()).is_none_or(|before| before.put_at().is_none());
            let (_, stored) = found::<K>(&api, &caller, &id).await?;
            answer::<K>(&api, if created { StatusCode::CREATED } else { StatusCode::OK }, stored).await
        }
        Changed::Taken(error) => Err(Problem::taken(error)),
        Changed::WrongVersion if if_match(&headers)?.is_none() => {
            Err(Problem::new(StatusCode::CONFLICT, format!("the {} was changed at this moment; put it again", K::NAME)))
        }
        Changed::WrongVersion => {
            let detail = format!("the {} has another version than If-Match says; read it again", K::NAME);
            Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail))
        }
    }
}

/// Which events changed a record, newest first. A page of it is what lies together.
async fn history<K: Served>(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<PageOf<ShownHistoryEntry>>, Problem> {
    let (mut record, _) = found::<K>(&api, &caller, &id).await?;
    let limit = paging.limit()?;
    let cursor = paging.cursor()?;
    let of = format!("{}/", K::key(&id));
    if cursor.as_ref().is_some_and(|cursor| !cursor.starts_with(&of)) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "cursor is not one that this list gave: take it from `next`"));
    }
    let begins = cursor.is_none();
    let mut entries = Vec::new();
    let mut next = cursor;
    if begins && let Some(history) = record.history_mut() {
        entries.extend(history.recent().cloned());
        next = history.earlier().map(str::to_owned);
    }
    while let Some(id) = next.clone().filter(|_| entries.len() < limit) {
        let Some(page) = history_page(&api, &id).await? else { break };
        entries.extend(page.entries().cloned());
        next = page.earlier().map(str::to_owned);
    }
    let beside = beside::<K>(&api, &record.beside()).await?;
    if !beside.is_empty() {
        // What lies beside belongs to the page that has an entry of its time or a later one.
        let until = entries.first().map(HistoryEntry::at).filter(|_| !begins);
        let earlier = match &next {
            Some(id) => history_page(&api, id).await?,
            None => None,
        };
        let after = earlier.as_ref().and_then(|page| page.entries().next()).map(HistoryEntry::at);
        let here = |at: Timestamp| until.is_none_or(|until| at <= until) && after.is_none_or(|after| at > after);
        entries.extend(beside.into_iter().filter(|entry| here(entry.at())));
        entries.sort_by_key(|entry| Reverse(entry.at()));
    }
    Ok(Json(PageOf::new(entries.iter().map(HistoryEntry::shown).collect(), next)))
}

async fn history_page(api: &Api, id: &str) -> Result<Option<HistoryPage>, PortError> {
    let stored = api.store.get(&[HistoryPage::key(id)]).await?.pop().flatten();
    stored.as_ref().map(HistoryPage::from_stored).transpose()
}

/// What is told of a record's history by the documents beside it, which have these keys. Newest first.
async fn beside<K: Served>(api: &Api, keys: &[Key]) -> Result<Vec<HistoryEntry>, PortError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let stored: Vec<_> = api.store.get(keys).await?.into_iter().flatten().collect();
    let mut entries = K::history_beside(&stored)?;
    entries.sort_by_key(|entry| Reverse(entry.at()));
    Ok(entries)
}

/// The record, if it is served, and the caller sees it.
async fn found<K: Served>(api: &Api, caller: &Caller, id: &str) -> Result<(K, Stored), Problem> {
    let stored = api.store.get(&[K::key(id)]).await?.pop().flatten().ok_or_else(|| Problem::not_found(K::NAME))?;
    let record = K::from_stored(&stored)?;
    if record.is_served() && is_seen(caller, &record) { Ok((record, stored)) } else { Err(Problem::not_found(K::NAME)) }
}

/// Whether the caller sees a record: a tenant sees itself, and what says that it is its own.
fn is_seen<K: Served>(caller: &Caller, record: &K) -> bool {
    if caller.tenant().is_none() {
        return true;
    }
    if K::KIND == Tenant::KIND {
        return caller.sees(Some(record.id()));
    }
    caller.sees(state_of(record)["tenant"].as_str())
}

/// The version that a tenant puts its record on: 0 if nothing is there. What is somebody else's is not there for it.
async fn owned_version<K: Owned>(api: &Api, caller: &Caller, id: &str) -> Result<u64, Problem> {
    let Some(stored) = api.store.get(&[K::key(id)]).await?.pop().flatten() else { return Ok(0) };
    let record = K::from_stored(&stored)?;
    if record.put_at().is_none() || is_seen(caller, &record) { Ok(stored.version) } else { Err(Problem::not_found(K::NAME)) }
}

async fn answer<K: Served>(api: &Api, status: StatusCode, stored: Stored) -> Result<impl IntoResponse + use<K>, Problem> {
    let tag = AppendHeaders([(header::ETAG, format!("\"{}\"", stored.version))]);
    let shown = shown::<K>(api, &[stored]).await?.pop().ok_or_else(|| Problem::not_found(K::NAME))?;
    Ok((status, tag, Json(shown)))
}

/// What was put, and the fields that it was read from.
fn read_put<K: Owned>(body: &[u8], id: &str, api: &Api, caller: &Caller) -> Result<(K::Put, Map<String, Value>), Problem> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}")))?;
    let Value::Object(mut fields) = value else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "the body is not a JSON object"));
    };
    let named = fields.get("tenant").filter(|named| !named.is_null()).cloned();
    if let Some(tenant) = caller.tenant() {
        fields.insert("tenant".to_owned(), tenant.into());
    }
    let mut form = Form::new(&fields, K::FIELDS);
    if let (Some(tenant), Some(named)) = (caller.tenant(), named)
        && named != tenant
    {
        form.wrong("tenant", "must be that of the API key, or left out");
    }
    if fields.get("id").is_some_and(|named| named != id) {
        form.wrong("id", "must be the one in the path, or left out");
    }
    let put = K::read_put(&mut form, api.clock.now());
    let errors = form.into_errors();
    if errors.is_empty() { Ok((put, fields)) } else { Err(Problem::fields(errors)) }
}

/// The version that the caller has read: `If-Match: "3"`.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let version = value.to_str().ok().and_then(|text| text.trim().trim_matches('"').parse().ok());
    version.map(Some).ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "If-Match is the version that was read, such as \"3\""))
}
