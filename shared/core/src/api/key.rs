//! API keys: who may call the API, for what, and for whom. Stored hashed; a key itself is known only to who holds it.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Api, Problem};
use crate::{
    ids::fresh,
    listing,
    ports::{Clock, Commit, Committed, Condition, Ids, Index, Place, PortError, Store, Write},
    record::{Record, place},
    schema::described_words,
    time::Timestamp,
};

/// How exactly it is known when a key was last used: one that is used all the time is written once in so long.
const USED_WITHIN: Duration = Duration::from_mins(5);
/// How many keys are read at once where all are looked through.
const AT_ONCE: usize = 250;
/// As much of the hash names a key to people, hexadecimal digits.
const NAMED_BY: usize = 20;

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Reading.
    Read,
    /// Changing records, replaying events, publishing, looking after subscriptions.
    Write,
    /// Everything, keys included.
    Admin,
}

described_words!(Scope: Read, Write, Admin);

/// Where a key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The setting `SLUICE_API_KEY`: replaced when the setting is.
    Settings,
    /// The API.
    Api,
}

described_words!(Origin: Settings, Api);

/// An API key, hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// SHA-256 of the key, hex.
    pub id: String,
    /// Its owner's own words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// Whose it is: it sees that tenant's rows alone. One without sees all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// Since when it has been known.
    pub created_at: Timestamp,
    /// When it was last used, to within five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// A key that was drawn now, by the key itself.
    #[must_use]
    pub fn new(key: &str, origin: Origin, scopes: Vec<Scope>, now: Timestamp) -> Self {
        Self { id: hash(key), description: String::new(), scopes, tenant: None, origin, created_at: now, last_used_at: None }
    }

    /// What names it to people: `key_` and the beginning of its hash.
    #[must_use]
    pub fn name(&self) -> String {
        format!("key_{}", self.id.get(..NAMED_BY).unwrap_or(&self.id))
    }
}

impl Record for ApiKey {
    const KIND: &'static str = "api_key";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        vec![place(Index::List, Self::KIND, self.created_at, &self.id)]
    }
}

/// A key of 128 random bits or more can't be guessed, so that a plain digest keeps it as safe as a slow one would.
fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

/// A new key: 32 random bytes.
pub(super) fn fresh_key(ids: &dyn Ids) -> String {
    let bytes = [ids.random().to_be_bytes(), ids.random().to_be_bytes()].concat();
    format!("slk_{}", base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes))
}

/// Makes the keys that come from settings exactly those given. Called once, at start.
///
/// # Errors
/// [`PortError`] if they can't be stored.
pub async fn install_keys(store: &dyn Store, ids: &dyn Ids, keys: &[&str], now: Timestamp) -> Result<(), PortError> {
    let wanted: Vec<_> = keys.iter().map(|key| ApiKey::new(key, Origin::Settings, vec![Scope::Admin], now)).collect();
    let mut retired = Vec::new();
    let unwanted = |known: &ApiKey| known.origin == Origin::Settings && !wanted.iter().any(|wanted| wanted.id == known.id);
    find_key(store, |key| {
        if unwanted(key) {
            retired.push(ApiKey::key(&key.id));
        }
        false
    })
    .await?;
    for key in retired {
        // Once more while it is refused: then the key was used at this moment.
        while let Some(stored) = store.get(std::slice::from_ref(&key)).await?.pop().flatten() {
            let write = Write::Delete { key: key.clone(), condition: Condition::Version(stored.version) };
            if store.commit(Commit { token: fresh("", ids), writes: vec![write] }).await? == Committed::Applied {
                break;
            }
        }
    }
    for key in wanted {
        let write = Write::Put { document: key.document(), condition: Condition::Absent };
        // Refused: it is known already.
        store.commit(Commit { token: fresh("", ids), writes: vec![write] }).await?;
    }
    Ok(())
}

/// Looks through all keys, newest first, however many there are, for the first one that `wanted` wants.
pub(super) async fn find_key(store: &dyn Store, mut wanted: impl FnMut(&ApiKey) -> bool) -> Result<Option<ApiKey>, PortError> {
    let mut cursor = None;
    loop {
        let listed = listing::list(store, Index::List, ApiKey::KIND, cursor, AT_ONCE, |_| true).await?;
        for stored in &listed.items {
            let key = ApiKey::from_stored(stored)?;
            if wanted(&key) {
                return Ok(Some(key));
            }
        }
        cursor = listed.next;
        if cursor.is_none() {
            return Ok(None);
        }
    }
}

/// Who calls, as far as it decides what is shown and done.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    scopes: Vec<Scope>,
    tenant: Option<String>,
}

impl Caller {
    /// Whose rows alone the caller sees; `None`: all of them.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// As the tenant sees it.
    pub(super) fn as_tenant(&self, tenant: &str) -> Self {
        Self { scopes: self.scopes.clone(), tenant: Some(tenant.to_owned()) }
    }

    /// Whether the caller sees what belongs to `tenant`, or to none.
    pub(super) fn sees(&self, tenant: Option<&str>) -> bool {
        self.tenant.is_none() || self.tenant() == tenant
    }

    fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Put there by whoever has checked the key; without it nobody is let in.
        parts.extensions.get::<Self>().cloned().ok_or_else(unknown)
    }
}

fn unknown() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "this API key is not known, or no longer")
}

/// Checks that the request carries a key that is good for it: `Authorization: Bearer …`.
pub(super) async fn authorize(
    (store, clock, ids): (&dyn Store, &dyn Clock, &dyn Ids),
    method: &Method,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    let presented = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim())
        .ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "send your API key in the header Authorization: Bearer …"))?;
    let found = store.get(&[ApiKey::key(&hash(presented))]).await?.pop().flatten().ok_or_else(unknown)?;
    let mut key = ApiKey::from_stored(&found)?;
    let now = clock.now();
    if key.last_used_at.is_none_or(|last| now.since(last) >= USED_WITHIN) {
        key.last_used_at = Some(now);
        let write = Write::Put { document: key.document(), condition: Condition::Version(found.version) };
        // Refused: somebody else uses it, too, or it was revoked at this moment. What is not written down now is at its next use.
        if let Err(error) = store.commit(Commit { token: fresh("", ids), writes: vec![write] }).await {
            tracing::warn!(%error, "it could not be written down that an API key was used");
        }
    }
    let caller = Caller { scopes: key.scopes, tenant: key.tenant };
    let needed = if matches!(*method, Method::GET | Method::HEAD) { Scope::Read } else { Scope::Write };
    if caller.may(needed) { Ok(caller) } else { Err(Problem::new(StatusCode::FORBIDDEN, "this API key may not do that")) }
}

/// Lets through whoever is no tenant: what belongs to no tenant is not there for one.
pub(super) async fn operators_only(caller: Caller, request: Request, next: Next) -> Response {
    match caller.tenant() {
        None => next.run(request).await,
        Some(_) => super::nothing_here().into_response(),
    }
}

/// Lets through whoever is no tenant, and tenants that have a space: all in it is theirs.
pub(super) async fn those_with_a_space(State(api): State<Arc<Api>>, caller: Caller, request: Request, next: Next) -> Response {
    match caller.tenant() {
        Some(tenant) if !api.tenants.has(tenant) => super::nothing_here().into_response(),
        _ => next.run(request).await,
    }
}

/// Lets through whoever may do everything.
pub(super) async fn admins_only(caller: Caller, request: Request, next: Next) -> Response {
    if caller.may(Scope::Admin) {
        next.run(request).await
    } else {
        Problem::new(StatusCode::FORBIDDEN, "this API key may not look after keys; that takes the scope admin").into_response()
    }
}
