//! Cursors of lists through which everybody's rows go: a tenant's are sealed, because the id and the time of another tenant's row may stand in one.

use super::no_key;
use crate::{
    api::{Problem, key::Caller, page::no_such_cursor},
    ports::Ids,
    webhooks::sealed::Keyring,
};

/// A cursor as it is handed out.
pub(super) fn seal(cursor: Option<String>, caller: &Caller, keyring: &Keyring, ids: &dyn Ids) -> Result<Option<String>, Problem> {
    let (Some(tenant), Some(text)) = (caller.tenant(), &cursor) else { return Ok(cursor) };
    let sealed = keyring.seal(text, &sealed_for(tenant), ids).ok_or_else(no_key)?;
    Ok(serde_json::to_string(&sealed).ok())
}

/// A cursor as the list needs it.
pub(super) fn open(cursor: Option<String>, caller: &Caller, keyring: &Keyring) -> Result<Option<String>, Problem> {
    let (Some(tenant), Some(text)) = (caller.tenant(), &cursor) else { return Ok(cursor) };
    let opened = serde_json::from_str(text).ok().and_then(|sealed| keyring.open(&sealed, &sealed_for(tenant)).ok());
    opened.map(|opened| Some(opened.reveal().to_owned())).ok_or_else(no_such_cursor)
}

fn sealed_for(tenant: &str) -> String {
    format!("cursor/{tenant}")
}
