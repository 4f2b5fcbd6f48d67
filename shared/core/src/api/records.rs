//! What the API does with every kind of record: read and list. Putting is in [`super::put`], what changed it in [`super::history`].

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
    sync::Arc,
};

use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, State as Extract},
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
    parameters::{Parameters, pairs},
    precondition::{self, Read},
    put::put,
    spaces::{Found, OfTenant, Whose, found, is_seen, says_tenant},
};
use crate::{
    ids::record_id,
    kind::{By, Filter, Holder, Owned, Served, state_of},
    listing::{self, Listed},
    ports::{Index, Key, PortError, Store, Stored},
    record::{Record, group, to_json},
    records::Tenant,
    state::State,
};

/// Begins a cursor that goes on in the last of two places. No place in an index begins so.
const IN_THE_LAST: char = '~';

/// A record as the API shows it, with its version, and whose it is where its kind does not say that.
#[derive(Serialize)]
pub(super) struct Shown<S> {
    #[serde(flatten)]
    shown: S,
    #[serde(flatten)]
    of: Option<LiesIn>,
    version: u64,
}

/// The tenant in whose space a record lies; none's outside of all.
#[derive(Serialize)]
struct LiesIn {
    tenant: Option<String>,
}

impl<S: Serialize> Shown<S> {
    fn of<K: Served<Shown = S>>(api: &Api, mut shown: S, version: u64) -> Self {
        if K::KIND == Tenant::KIND {
            return Self { shown, of: None, version };
        }
        if !says_tenant::<K>() {
            return Self { shown, of: Some(LiesIn { tenant: api.tenant().map(str::to_owned) }), version };
        }
        if let Some(tenant) = api.tenant() {
            K::lies_in_space_of(&mut shown, tenant);
        }
        Self { shown, of: None, version }
    }
}

/// What is shown of records, completed by what lies beside them.
pub(super) async fn shown<K: Served>(api: &Api, stored: &[Stored]) -> Result<Vec<Shown<K::Shown>>, PortError> {
    let records = stored.iter().map(K::from_stored).collect::<Result<Vec<_>, _>>()?;
    let beside = read_all(&*api.store, records.iter().flat_map(K::beside).collect()).await?;
    let outside = match api.store.space() {
        Some(space) => read_all(&**space.outside(), records.iter().flat_map(K::beside_outside).collect()).await?,
        None => BTreeMap::new(),
    };
    let complete = |(record, stored): (&K, &Stored)| {
        let mut shown = record.shown();
        let of = |keys: Vec<Key>, found| keys.iter().filter_map(|key| BTreeMap::get(found, key)).collect::<Vec<_>>();
        K::complete(&mut shown, &of(record.beside(), &beside), &of(record.beside_outside(), &outside))?;
        Ok(Shown::of::<K>(api, shown, stored.version))
    };
    records.iter().zip(stored).map(complete).collect()
}

/// Those of the documents that are there, by their keys.
async fn read_all(store: &dyn Store, keys: BTreeSet<Key>) -> Result<BTreeMap<Key, Stored>, PortError> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let keys: Vec<_> = keys.into_iter().collect();
    let found = store.get(&keys).await?;
    Ok(keys.into_iter().zip(found).filter_map(|(key, found)| Some((key, found?))).collect())
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
    tenant: Option<String>,
    reach: Reach,
    wanted: Vec<(Filter, String)>,
    /// What is wanted besides outside of all spaces, where all tenants' records stand together.
    of_tenant: Option<(Filter, String)>,
    paging: Paging,
    kind: PhantomData<fn() -> K>,
}

impl<K: Served, S: Send + Sync> FromRequestParts<S> for ListOf<K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let filters = K::FILTERS.iter().map(|filter| filter.name);
        let tenant = (K::KIND != Tenant::KIND && !says_tenant::<K>()).then_some("tenant");
        let names: Vec<_> = ["unmatched"].into_iter().chain(filters).chain(tenant).chain(["limit", "cursor"]).collect();
        let mut pairs = pairs(parts, state, &names).await?;
        let mut take = |name: &str| pairs.iter().position(|(known, _)| known == name).map(|at| pairs.swap_remove(at).1);
        let unmatched = switch("unmatched", take("unmatched").as_deref())?;
        let paging = Paging::new(take("limit"), take("cursor"));
        let tenant = take("tenant");
        let mut wanted = Vec::new();
        for filter in K::FILTERS {
            let Some(value) = take(filter.name) else { continue };
            if !filter.one_of.is_empty() && !filter.one_of.contains(&value.as_str()) {
                return Err(Problem::new(StatusCode::BAD_REQUEST, format!("{} is one of {}", filter.name, filter.one_of.join(", "))));
            }
            wanted.push((*filter, value));
        }
        Ok(Self { unmatched, tenant, reach: Reach::Something, wanted, of_tenant: None, paging, kind: PhantomData })
    }
}

/// Whether a list can have anything in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Something,
    Nothing,
}

/// Where the records of a list are found.
enum Along {
    /// Along an index.
    Index(Index, String),
    /// By their keys.
    Keys(Vec<Key>),
}

impl<K: Served> ListOf<K> {
    /// Where to read, one place after the other, and what is wanted there: a tenant's records are its own alone, which its key need not say. All in a space are.
    fn of(mut self, api: &Arc<Api>, caller: &Caller) -> Result<(Vec<Arc<Api>>, Self), Problem> {
        // Of another tenant's there is nothing here, and of nobody's anywhere.
        if self.tenant.as_ref().is_some_and(|asked| !caller.sees(Some(asked)) || record_id(asked).is_err()) {
            return Ok((vec![Arc::clone(api)], Self { reach: Reach::Nothing, ..self }));
        }
        let whose = Whose::asked::<K>(caller, self.tenant.as_deref())?;
        let places = whose.places_of_list::<K>(api);
        let filter = K::FILTERS.iter().find(|filter| filter.name == "tenant");
        self.of_tenant = filter.zip(whose.tenant()).map(|(filter, tenant)| (*filter, tenant.to_owned()));
        Ok((places, self))
    }

    /// What is wanted of the records that lie here.
    fn wanted(&self, here: &Api) -> impl Iterator<Item = &(Filter, String)> {
        self.wanted.iter().chain(self.of_tenant.iter().filter(|_| here.tenant().is_none()))
    }

    /// A page of what lies here.
    async fn page(&self, here: &Api, caller: &Caller, cursor: Option<String>, limit: usize) -> Result<Listed, PortError> {
        let keep = |stored: &Stored| self.shows(here, stored, caller);
        match self.find(here, caller).await? {
            Along::Index(index, name) => listing::list(&*here.store, index, &name, cursor, limit, keep).await,
            Along::Keys(keys) => listing::of_keys(&*here.store, &keys, cursor, limit, keep).await,
        }
    }

    /// Where to look: where there is least that does not fit.
    async fn find(&self, api: &Api, caller: &Caller) -> Result<Along, PortError> {
        if self.reach == Reach::Nothing {
            return Ok(Along::Keys(Vec::new()));
        }
        if self.unmatched {
            return Ok(Along::Index(Index::Flag, K::UNMATCHED.to_owned()));
        }
        if let Some(tenant) = caller.tenant().filter(|_| K::KIND == Tenant::KIND) {
            return Ok(Along::Keys(vec![K::key(tenant)]));
        }
        let holder = self.wanted(api).find_map(|(filter, value)| match filter.by {
            By::Holder(holder) => Some((holder, value)),
            By::State | By::Group(_) => None,
        });
        if let Some((holder, id)) = holder {
            return Ok(Along::Keys(held::<K>(api, holder, id).await?));
        }
        let mut groups = self.wanted(api).filter_map(|(filter, value)| match filter.by {
            By::Group(index) => Some((index, group(K::KIND, filter.name, value))),
            By::State | By::Holder(_) => None,
        });
        let (index, name) = groups.next().unwrap_or_else(|| (Index::List, K::LIST.to_owned()));
        Ok(Along::Index(index, name))
    }

    /// Whether a record is in the list.
    fn shows(&self, here: &Api, stored: &Stored, caller: &Caller) -> bool {
        let Ok(record) = K::from_stored(stored) else { return true };
        if if self.unmatched { !record.waits() } else { !record.is_served() } {
            return false;
        }
        let fits = |state: &State| self.wanted(here).all(|(filter, value)| state[filter.name].as_str() == Some(value));
        (self.wanted(here).next().is_none() || fits(&state_of(&record))) && is_seen(here, caller, &record)
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

async fn list<K: Served>(
    Extract(api): Extract<Arc<Api>>,
    caller: Caller,
    asked: ListOf<K>,
) -> Result<Json<PageOf<Shown<K::Shown>>>, Problem> {
    let (places, asked) = asked.of(&api, &caller)?;
    let (cursor, limit) = (asked.paging.cursor()?, asked.paging.limit()?);
    let last = places.len() - 1;
    let (begun, mut cursor) = match cursor.as_deref().map(|cursor| cursor.strip_prefix(IN_THE_LAST)) {
        Some(Some(within)) => (last, Some(within.to_owned()).filter(|within| !within.is_empty())),
        _ => (0, cursor),
    };
    let (mut items, mut next) = (Vec::new(), None);
    for (position, api) in places.iter().enumerate().skip(begun) {
        let listed = asked.page(api, &caller, cursor.take(), limit - items.len()).await?;
        items.extend(shown::<K>(api, &listed.items).await?);
        let is_over = listed.next.is_none();
        next = listed.next.map(|next| if position > 0 { format!("{IN_THE_LAST}{next}") } else { next });
        if !is_over || position == last {
            break;
        }
        if items.len() >= limit {
            next = Some(IN_THE_LAST.to_string());
            break;
        }
    }
    Ok(Json(PageOf::new(items, next)))
}

async fn read<K: Served>(
    Extract(api): Extract<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Parameters(asked): Parameters<OfTenant>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Found { api, stored, .. } = found::<K>(&api, &caller, asked.tenant.as_deref(), &id).await?;
    let version = stored.version;
    let (tag, body) = tagged::<K>(&api, stored).await?;
    if precondition::of_read(&headers, version, &tag)? == Read::NotModified {
        return Ok((StatusCode::NOT_MODIFIED, AppendHeaders([(header::ETAG, tag)])).into_response());
    }
    Ok(tagged_answer(StatusCode::OK, tag, body))
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
