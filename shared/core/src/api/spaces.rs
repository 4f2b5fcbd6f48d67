//! In which space a request's records are: those of a tenant that has sources of its own lie apart, under ids of their own.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Api, Problem, key::Caller, page::Paging, parameters::Known};
use crate::{
    form::FieldError,
    ids::record_id,
    kind::{Owned, Served},
    ports::Stored,
    record::Record,
    records::Tenant,
    space::Space,
};
use axum::http::StatusCode;

/// The parameter that says whose records are meant.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OfTenant {
    pub(super) tenant: Option<String>,
}

impl Known for OfTenant {
    const NAMES: &'static [&'static str] = &["tenant"];
}

/// The same of a list in pages.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PagesOfTenant {
    #[serde(flatten)]
    pub(super) of: OfTenant,
    #[serde(flatten)]
    pub(super) paging: Paging,
}

impl Known for PagesOfTenant {
    const NAMES: &'static [&'static str] = &["tenant", "limit", "cursor"];
}

/// A record, and the API over the place where it lies.
pub(super) struct Found<K> {
    pub(super) api: Arc<Api>,
    pub(super) record: K,
    pub(super) stored: Stored,
}

impl Api {
    /// The tenant in whose space this works; `None` outside of all.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.store.space().map(Space::tenant)
    }
}

/// The API over the space of a tenant.
pub(super) fn within(api: &Arc<Api>, tenant: &str) -> Arc<Api> {
    match Space::elsewhere(&api.store, Some(tenant)) {
        None => Arc::clone(api),
        Some(store) => Arc::new(Api { store, ..Api::clone(api) }),
    }
}

/// Checks who is asked for. A tenant's key need not say it, and may ask for no other.
///
/// # Errors
/// A [`Problem`] if nobody can be called so, or it is another tenant than the key's.
pub(super) fn asked_for<'a, K: Served>(caller: &'a Caller, asked: Option<&'a str>) -> Result<Option<&'a str>, Problem> {
    let Some(asked) = asked else { return Ok(caller.tenant()) };
    record_id(asked).map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "tenant is no id that a tenant can have"))?;
    if caller.sees(Some(asked)) { Ok(Some(asked)) } else { Err(Problem::not_found(K::NAME)) }
}

/// Finds a record that is served and that the caller sees. A tenant's is looked for in its space first, and then among those that lie outside from before it
/// had sources of its own.
///
/// # Errors
/// A [`Problem`] if there is none.
pub(super) async fn found<K: Served>(api: &Arc<Api>, caller: &Caller, asked: Option<&str>, id: &str) -> Result<Found<K>, Problem> {
    let tenant = asked_for::<K>(caller, asked)?;
    let seen_by = tenant.map_or_else(|| caller.clone(), |tenant| caller.as_tenant(tenant));
    for api in places::<K>(api, caller, tenant) {
        let Some(stored) = api.store.get(&[K::key(id)]).await?.pop().flatten() else { continue };
        let record = K::from_stored(&stored)?;
        if record.is_served() && is_seen(&api, &seen_by, &record) {
            return Ok(Found { api, record, stored });
        }
    }
    if tenant.is_none() && !api.tenants.is_empty() && K::KIND != Tenant::KIND {
        let detail = format!("there is no such {}; one of a tenant that has sources of its own is read with ?tenant=", K::NAME);
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    Err(Problem::not_found(K::NAME))
}

/// Where the record `id` is to be put: where it was put before, else in the space of the tenant that it is put for.
///
/// # Errors
/// A [`Problem`] if the store can't be read.
pub(super) async fn home_of<K: Owned>(api: &Arc<Api>, caller: &Caller, tenant: Option<&str>, id: &str) -> Result<Arc<Api>, Problem> {
    let Some(tenant) = tenant.filter(|tenant| K::KIND != Tenant::KIND && api.tenants.has(tenant)) else { return Ok(Arc::clone(api)) };
    let seen_by = caller.as_tenant(tenant);
    let inside = within(api, tenant);
    for place in [&inside, api] {
        let Some(stored) = place.store.get(&[K::key(id)]).await?.pop().flatten() else { continue };
        let record = K::from_stored(&stored)?;
        if record.put_at().is_some() && is_seen(place, &seen_by, &record) {
            return Ok(Arc::clone(place));
        }
    }
    Ok(inside)
}

/// Where a list is read: in the space of the tenant that is asked for, if it has one. The operator may ask for any: what lies in a space stays there when
/// its source is bound no more. Where the kind itself says whose its records are, a tenant without sources of its own has them outside.
pub(super) fn home_of_list<K: Served>(api: &Arc<Api>, caller: &Caller, tenant: Option<&str>) -> Arc<Api> {
    match tenant.filter(|_| K::KIND != Tenant::KIND) {
        Some(tenant) if api.tenants.has(tenant) || (caller.tenant().is_none() && !says_tenant::<K>()) => within(api, tenant),
        _ => Arc::clone(api),
    }
}

fn places<K: Served>(api: &Arc<Api>, caller: &Caller, tenant: Option<&str>) -> Vec<Arc<Api>> {
    match tenant.filter(|_| K::KIND != Tenant::KIND) {
        // By its id the operator reads what lies in a space also when its source is bound no more.
        Some(tenant) if caller.tenant().is_none() || api.tenants.has(tenant) => vec![within(api, tenant), Arc::clone(api)],
        _ => vec![Arc::clone(api)],
    }
}

/// Whether records of a kind say themselves whose they are.
pub(super) fn says_tenant<K: Served>() -> bool {
    K::FILTERS.iter().any(|filter| filter.name == "tenant")
}

/// Whether the caller sees a record that lies here: a tenant sees itself, all in its space, and what says that it is its own.
pub(super) fn is_seen<K: Served>(here: &Api, caller: &Caller, record: &K) -> bool {
    if caller.tenant().is_none() {
        return true;
    }
    if K::KIND == Tenant::KIND {
        return caller.sees(Some(record.id()));
    }
    match here.tenant() {
        Some(tenant) => caller.sees(Some(tenant)),
        None => caller.sees(record.state()["tenant"].as_str()),
    }
}

/// The tenant that a record is put for, by the key, the query or the body, in this order.
pub(super) fn put_for<'a>(caller: &'a Caller, asked: Option<&'a str>, fields: &'a Map<String, Value>) -> Option<&'a str> {
    let named = || fields.get("tenant").and_then(Value::as_str);
    caller.tenant().or(asked).or_else(named)
}

/// Makes what is put that of its tenant, where the kind says whose its records are; and takes the tenant out that was named where it does not.
///
/// # Errors
/// That another one is named.
pub(super) fn claim<K: Owned>(fields: &mut Map<String, Value>, tenant: &str) -> Result<(), FieldError> {
    let named = fields.get("tenant").filter(|named| !named.is_null()).cloned();
    if says_tenant::<K>() {
        fields.insert("tenant".to_owned(), tenant.into());
    } else {
        fields.remove("tenant");
    }
    match named {
        Some(named) if named != tenant => {
            Err(FieldError { field: "tenant".to_owned(), message: "must be that of the API key or of the query, or left out".to_owned() })
        }
        _ => Ok(()),
    }
}
