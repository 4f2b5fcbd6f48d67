//! API keys: who may call the API, and for what. Stored hashed; a key itself is known only to who holds it.

use axum::http::{HeaderMap, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Problem;
use crate::{
    ids::fresh,
    ports::{Commit, Condition, Ids, Index, Place, PortError, Store, Write},
    record::{Record, place},
    time::Timestamp,
};

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Reading.
    Read,
    /// Changing records, replaying events.
    Write,
    /// Everything.
    Admin,
}

/// Where a key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The setting `SLUICE_API_KEY`: replaced when the setting is.
    Settings,
}

/// An API key, hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// SHA-256 of the key, hex.
    pub id: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// Where it comes from.
    pub origin: Origin,
    /// Since when it has been known.
    pub created_at: Timestamp,
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

/// Makes the keys that come from settings exactly those given. Called once, at start.
///
/// # Errors
/// [`PortError`] if they can't be stored.
pub async fn install_keys(store: &dyn Store, ids: &dyn Ids, keys: &[&str], now: Timestamp) -> Result<(), PortError> {
    let listed = crate::listing::list(store, Index::List, ApiKey::KIND, None, 1_000, |_| true).await?;
    let wanted: Vec<_> = keys.iter().map(|key| hash(key)).collect();
    for stored in listed.items {
        let known = ApiKey::from_stored(&stored)?;
        if known.origin == Origin::Settings && !wanted.contains(&known.id) {
            let write = Write::Delete { key: stored.document.key.clone(), condition: Condition::Version(stored.version) };
            store.commit(Commit { token: fresh("", ids), writes: vec![write] }).await?;
        }
    }
    for id in wanted {
        let key = ApiKey { id, scopes: vec![Scope::Admin], origin: Origin::Settings, created_at: now };
        let write = Write::Put { document: key.document(), condition: Condition::Absent };
        // Refused: it is known already.
        store.commit(Commit { token: fresh("", ids), writes: vec![write] }).await?;
    }
    Ok(())
}

/// Checks that the request carries a key that is good for it: `Authorization: Bearer …`.
pub(super) async fn authorize(store: &dyn Store, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let unauthorized = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, detail);
    let presented = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim())
        .ok_or_else(|| unauthorized("send your API key in the header Authorization: Bearer …"))?;
    let found = store.get(&[ApiKey::key(&hash(presented))]).await?.pop().flatten();
    let key = ApiKey::from_stored(&found.ok_or_else(|| unauthorized("this API key is not known, or no longer"))?)?;
    let needed = if matches!(*method, Method::GET | Method::HEAD) { Scope::Read } else { Scope::Write };
    if key.scopes.contains(&needed) || key.scopes.contains(&Scope::Admin) {
        Ok(())
    } else {
        Err(Problem::new(StatusCode::FORBIDDEN, "this API key may not do that"))
    }
}
