//! How a record is put: the owner's word on it is read, checked, and joined to what events said.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use serde_json::{Map, Value};

use super::{
    Api, Problem,
    key::Caller,
    parameters::{Parameters, WholeBody, object},
    precondition::{PutOn, Unmet},
    records::{answer, shown},
    spaces::{OfTenant, Whose, claim, home_of, is_seen, says_tenant},
    tenancy,
};
use crate::{
    change::{Changed, change},
    form::{FieldError, Form},
    ids::record_id,
    kind::{Owned, put_event},
    plan::View,
    ports::{PortError, Stored},
    record::Record,
    records::Tenant,
    refusal::Refusal,
    rules,
};

type Fields = Map<String, Value>;

pub(super) async fn put<K: Owned>(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Parameters(asked): Parameters<OfTenant>,
    headers: HeaderMap,
    WholeBody(body): WholeBody,
) -> Result<impl IntoResponse, Problem> {
    record_id(&id).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    if caller.tenant().is_some() && K::KIND == Tenant::KIND {
        return Err(Problem::new(StatusCode::FORBIDDEN, "a tenant is put with a key of the operator's"));
    }
    let mut on = PutOn::read(&headers)?;
    let mut fields = object(&body)?;
    let whose = Whose::asked::<K>(&caller, asked.tenant.as_deref())?;
    let api = home_of::<K>(&api, &caller, whose.or_named_in(&fields), &id).await?;
    if asked.tenant.is_some() && api.tenant().is_none() && !says_tenant::<K>() {
        let detail = format!("that tenant has no sources of its own, and a {} outside of their spaces is no tenant's", K::NAME);
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let another = api.tenant().or(whose.tenant()).and_then(|tenant| claim::<K>(&mut fields, tenant).err());
    let mut read = take_read_only::<K>(&api, &caller, &id, &mut fields, &mut on).await?;
    read.extend(another);
    let now = api.clock.now();
    let word = read_put::<K>(&fields, read, &id, &api)?;
    if caller.tenant().is_some() {
        on.has_seen(owned_version::<K>(&api, &caller, &id).await?);
        // In its own space there is nobody else's to name.
        if api.tenant().is_none() {
            tenancy::insist::<K>(&api, &caller, &id, &fields).await?;
        }
    }
    let plan = |view: &mut View<'_>| rules::put::<K>(&id, now, word.clone(), view);
    match change(&api, K::key(&id), &put_event::<K>(), |stored| unmet::<K>(&on, stored), plan).await? {
        Changed::Stored { before } => {
            let created = before.as_ref().and_then(|before| K::from_stored(before).ok()).is_none_or(|before| before.put_at().is_none());
            let stored = api.store.get(&[K::key(&id)]).await?.pop().flatten().ok_or_else(|| Problem::not_found(K::NAME))?;
            answer::<K>(&api, if created { StatusCode::CREATED } else { StatusCode::OK }, stored).await
        }
        Changed::Refused(Refusal::Taken { field, message }) => Err(Problem::taken(FieldError { field: field.to_owned(), message })),
        Changed::Unmet(unmet) => Err(refused::<K>(unmet)),
    }
}

/// The record is not what the put is made on.
fn refused<K: Owned>(unmet: Unmet) -> Problem {
    let name = K::NAME;
    let (status, detail) = match unmet {
        Unmet::NotThere => (StatusCode::PRECONDITION_FAILED, format!("there is no such {name}, and If-Match is *")),
        Unmet::IsThere => (StatusCode::PRECONDITION_FAILED, format!("there is this {name} already, and If-None-Match is * or names it")),
        Unmet::OtherVersion => {
            (StatusCode::PRECONDITION_FAILED, format!("the {name} has another version than If-Match or `version` says; read it again"))
        }
        Unmet::Changed => (StatusCode::CONFLICT, format!("the {name} was changed at this moment; put it again")),
    };
    Problem::new(status, detail)
}

/// What does not hold of what is stored.
fn unmet<K: Owned>(on: &PutOn, stored: Option<&Stored>) -> Result<Option<Unmet>, PortError> {
    let shown = stored.map(K::from_stored).transpose()?.is_some_and(|record| record.is_served());
    Ok(on.unmet(stored.map_or(0, |stored| stored.version), shown))
}

/// Takes out what can only be read and is put back as it is shown, as whoever reads a record, changes a field and puts the whole does. Such a put is one on
/// the version that was read. Returns what is shown otherwise by now.
async fn take_read_only<K: Owned>(
    api: &Api,
    caller: &Caller,
    id: &str,
    fields: &mut Fields,
    on: &mut PutOn,
) -> Result<Vec<FieldError>, Problem> {
    let can_be_put = |name: &String| name == "id" || K::FIELDS.contains(&name.as_str());
    if let Some(version) = fields.get("version").and_then(Value::as_u64) {
        on.says_version(version);
        fields.remove("version");
    }
    if fields.keys().all(can_be_put) {
        return Ok(Vec::new());
    }
    // Of a record that is not shown nothing was read.
    let Some(stored) = api.store.get(&[K::key(id)]).await?.pop().flatten() else { return Ok(Vec::new()) };
    let record = K::from_stored(&stored)?;
    if !record.is_served() || !is_seen(api, caller, &record) {
        return Ok(Vec::new());
    }
    let version = stored.version;
    let Some(Value::Object(known)) = shown::<K>(api, &[stored]).await?.pop().and_then(|shown| serde_json::to_value(shown).ok()) else {
        return Ok(Vec::new());
    };
    on.has_seen(version);
    if let Some(unmet) = on.unmet(version, true) {
        return Err(refused::<K>(unmet));
    }
    let mut wrong = Vec::new();
    fields.retain(|name, value| {
        let Some(shown) = known.get(name).filter(|_| !can_be_put(name)) else { return true };
        if shown != value {
            let message = "can only be read, and is shown otherwise: leave it out, or read the record again".to_owned();
            wrong.push(FieldError { field: name.clone(), message });
        }
        false
    });
    Ok(wrong)
}

/// What was put.
fn read_put<K: Owned>(fields: &Fields, wrong: Vec<FieldError>, id: &str, api: &Api) -> Result<K::Put, Problem> {
    let mut form = Form::new(fields, K::FIELDS);
    wrong.into_iter().for_each(|error| form.wrong(&error.field, error.message));
    if fields.get("id").is_some_and(|named| named != id) {
        form.wrong("id", "must be the one in the path, or left out");
    }
    let put = K::read_put(&mut form, api.clock.now());
    let errors = form.into_errors();
    if errors.is_empty() { Ok(put) } else { Err(Problem::fields(errors)) }
}

/// The version that a tenant puts its record on: 0 if nothing is there. What is somebody else's is not there for it.
async fn owned_version<K: Owned>(api: &Api, caller: &Caller, id: &str) -> Result<u64, Problem> {
    let Some(stored) = api.store.get(&[K::key(id)]).await?.pop().flatten() else { return Ok(0) };
    let record = K::from_stored(&stored)?;
    if record.put_at().is_none() || is_seen(api, caller, &record) { Ok(stored.version) } else { Err(Problem::not_found(K::NAME)) }
}
