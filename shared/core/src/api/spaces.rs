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
        Some(store) => Arc::new(Api { policy: api.policy.within(store.space()), store, ..Api::clone(api) }),
    }
}

/// Whose records are meant, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose<'a> {
    /// Those outside of all spaces.
    Anybodys,
    /// A tenant's, whose key it is.
    OfKey(&'a str),
    /// A tenant's, as the operator says with `?tenant=`.
    OfQuery(&'a str),
    /// A tenant's, as the operator says in the body of what he puts.
    OfBody(&'a str),
}

impl<'a> Whose<'a> {
    /// Whose records are meant by key and query. A tenant's key need not say it, and may ask for no other.
    ///
    /// # Errors
    /// A [`Problem`] if nobody can be called so, or it is another tenant than the key's.
    pub(super) fn asked<K: Served>(caller: &'a Caller, asked: Option<&'a str>) -> Result<Self, Problem> {
        if let Some(asked) = asked {
            record_id(asked).map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "tenant is no id that a tenant can have"))?;
            if !caller.sees(Some(asked)) {
                return Err(Problem::not_found(K::NAME));
            }
        }
        Ok(match (caller.tenant(), asked) {
            (Some(tenant), _) => Self::OfKey(tenant),
            (None, Some(tenant)) => Self::OfQuery(tenant),
            (None, None) => Self::Anybodys,
        })
    }

    /// The same of what is put, which may say it itself.
    pub(super) fn or_named_in(self, fields: &'a Map<String, Value>) -> Self {
        match (self, fields.get("tenant").and_then(Value::as_str)) {
            (Self::Anybodys, Some(named)) => Self::OfBody(named),
            (whose, _) => whose,
        }
    }

    /// The tenant.
    pub(super) fn tenant(self) -> Option<&'a str> {
        match self {
            Self::Anybodys => None,
            Self::OfKey(tenant) | Self::OfQuery(tenant) | Self::OfBody(tenant) => Some(tenant),
        }
    }

    /// The tenant, if it has sources of its own, and so a space in which such records begin.
    fn bound<K: Served>(self, api: &Api) -> Option<&'a str> {
        self.tenant().filter(|tenant| K::KIND != Tenant::KIND && api.tenants.has(tenant))
    }

    /// Where a record is looked for by its id, in this order, whatever is to be done with it.
    ///
    /// What the operator names with `?tenant=` lies in the space. Where there is none any more it lies outside, unless it is only in what is left of the space.
    /// A key of the tenant's leads to both: what it had before stays where it was. And what only its body calls the tenant's may be that, too.
    fn places<K: Served>(self, api: &Arc<Api>) -> Vec<Arc<Api>> {
        let outside = Arc::clone(api);
        match (self, self.bound::<K>(api)) {
            (Self::OfQuery(_), Some(tenant)) => vec![within(api, tenant)],
            (Self::OfKey(_), Some(tenant)) => vec![within(api, tenant), outside],
            (Self::OfBody(_), Some(tenant)) => vec![outside, within(api, tenant)],
            (Self::OfQuery(tenant), None) if K::KIND != Tenant::KIND => vec![outside, within(api, tenant)],
            _ => vec![outside],
        }
    }

    /// Where a list is read, one place after the other: in the space, and where there is none any more outside and in what is left of it. Of kinds that don't
    /// say whose they are a tenant has nothing outside.
    pub(super) fn places_of_list<K: Served>(self, api: &Arc<Api>) -> Vec<Arc<Api>> {
        let outside = Arc::clone(api);
        match (self, self.bound::<K>(api)) {
            (_, Some(tenant)) => vec![within(api, tenant)],
            (Self::OfQuery(tenant), None) if K::KIND != Tenant::KIND && !says_tenant::<K>() => vec![within(api, tenant)],
            (Self::OfQuery(tenant), None) if K::KIND != Tenant::KIND => vec![outside, within(api, tenant)],
            _ => vec![outside],
        }
    }
}

/// Finds a record that is served and that the caller sees, in the first of its places.
///
/// # Errors
/// A [`Problem`] if there is none.
pub(super) async fn found<K: Served>(api: &Arc<Api>, caller: &Caller, asked: Option<&str>, id: &str) -> Result<Found<K>, Problem> {
    let whose = Whose::asked::<K>(caller, asked)?;
    let seen_by = whose.tenant().map_or_else(|| caller.clone(), |tenant| caller.as_tenant(tenant));
    for api in whose.places::<K>(api) {
        let Some(stored) = api.store.get(&[K::key(id)]).await?.pop().flatten() else { continue };
        let record = K::from_stored(&stored)?;
        if record.is_served() && is_seen(&api, &seen_by, &record) {
            return Ok(Found { api, record, stored });
        }
    }
    let hint = match (whose, whose.bound::<K>(api)) {
        (Whose::Anybodys, _) if !api.tenants.is_empty() && K::KIND != Tenant::KIND => {
            "; one of a tenant that has sources of its own is read with ?tenant="
        }
        (Whose::OfQuery(_), Some(_)) => " in that tenant's space; what it had before its source was bound is read without ?tenant=",
        _ => return Err(Problem::not_found(K::NAME)),
    };
    Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no such {}{hint}", K::NAME)))
}

/// Where the record `id` is to be put: where it was put before, by the same rule by which it is read, else in the space of the tenant that it is put for.
///
/// # Errors
/// A [`Problem`] if the store can't be read.
pub(super) async fn home_of<K: Owned>(api: &Arc<Api>, caller: &Caller, whose: Whose<'_>, id: &str) -> Result<Arc<Api>, Problem> {
    let Some(tenant) = whose.tenant() else { return Ok(Arc::clone(api)) };
    let begins = whose.bound::<K>(api).map_or_else(|| Arc::clone(api), |tenant| within(api, tenant));
    let places = whose.places::<K>(api);
    if places.len() == 1 {
        return Ok(begins);
    }
    let seen_by = caller.as_tenant(tenant);
    for place in places {
        let Some(stored) = place.store.get(&[K::key(id)]).await?.pop().flatten() else { continue };
        let record = K::from_stored(&stored)?;
        if record.put_at().is_some() && is_seen(&place, &seen_by, &record) {
            return Ok(place);
        }
    }
    Ok(begins)
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
