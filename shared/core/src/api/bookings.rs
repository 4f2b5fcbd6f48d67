use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};

use super::{
    Api, Problem,
    page::{PageOf, Paging, switch},
    parameters::{Known, Parameters, WholeBody},
};
use crate::{
    change::{Changed, change},
    ids::record_id,
    listing,
    ports::{Index, PortError, Stored},
    record::Record,
    records::{Booking, BookingStatus},
    rules::{self, BOOKING_PUT},
    time::Timestamp,
};

mod body;

/// A booking as the API shows it.
#[derive(Serialize)]
pub(super) struct View {
    id: String,
    version: u64,
    customer_name: Option<String>,
    customer_email: Option<String>,
    customer_phone: Option<String>,
    status: BookingStatus,
    deposit_amount: Option<i64>,
    currency: Option<String>,
    starts_at: Option<Timestamp>,
    tenant: Option<String>,
    metadata: BTreeMap<String, String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    deposit_paid: bool,
    deposit_paid_at: Option<Timestamp>,
    deposit_refunded: bool,
    refunded_amount: i64,
    refunded_at: Option<Timestamp>,
    hold_until: Option<Timestamp>,
    sms_status: Option<String>,
    sms_delivered: bool,
    sms_delivered_at: Option<Timestamp>,
}

impl View {
    fn of(stored: &Stored) -> Result<Self, PortError> {
        let booking = Booking::from_stored(stored)?;
        let put = booking.put.as_ref();
        Ok(Self {
            id: booking.id.clone(),
            version: stored.version,
            customer_name: put.map(|put| put.customer_name.clone()),
            customer_email: put.and_then(|put| put.customer_email.clone()),
            customer_phone: put.and_then(|put| put.customer_phone.clone()),
            status: booking.status(),
            deposit_amount: put.map(|put| put.deposit_amount),
            currency: booking.currency().map(str::to_owned),
            starts_at: put.and_then(|put| put.starts_at),
            tenant: put.and_then(|put| put.tenant.clone()),
            metadata: put.map(|put| put.metadata.clone()).unwrap_or_default(),
            created_at: booking.heard.first,
            updated_at: booking.heard.last,
            deposit_paid: booking.deposit_paid_at().is_some(),
            deposit_paid_at: booking.deposit_paid_at(),
            deposit_refunded: booking.refunded_at().is_some(),
            refunded_amount: booking.refunded_amount(),
            refunded_at: booking.refunded_at(),
            hold_until: booking.hold_until(),
            sms_status: None,
            sms_delivered: false,
            sms_delivered_at: None,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Filter {
    unmatched: Option<String>,
    status: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

impl Known for Filter {
    const NAMES: &'static [&'static str] = &["unmatched", "status", "limit", "cursor"];
}

pub(super) async fn list(State(api): State<Arc<Api>>, Parameters(filter): Parameters<Filter>) -> Result<Json<PageOf<View>>, Problem> {
    let (index, name) = match switch("unmatched", filter.unmatched.as_deref())? {
        true => (Index::Flag, Booking::UNMATCHED),
        false => (Index::List, Booking::KIND),
    };
    let status: Option<BookingStatus> = match &filter.status {
        None => None,
        Some(text) => Some(body::status(text).map_err(|message| Problem::new(StatusCode::BAD_REQUEST, format!("status {message}")))?),
    };
    let keep = |stored: &Stored| status.is_none_or(|wanted| Booking::from_stored(stored).is_ok_and(|booking| booking.status() == wanted));
    let listed = listing::list(&*api.store, index, name, filter.paging.cursor()?, filter.paging.limit()?, keep).await?;
    let items = listed.items.iter().map(View::of).collect::<Result<_, _>>()?;
    Ok(Json(PageOf::new(items, listed.next)))
}

pub(super) async fn read(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Json<View>, Problem> {
    match found(&api, &id).await? {
        Some(stored) if Booking::from_stored(&stored)?.put.is_some() => Ok(Json(View::of(&stored)?)),
        _ => Err(Problem::not_found("booking")),
    }
}

pub(super) async fn put(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    WholeBody(body): WholeBody,
) -> Result<(StatusCode, Json<View>), Problem> {
    record_id(&id).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let put = body::read(&body, api.clock.now())?;
    let expected = if_match(&headers)?;
    let changed = change(&api, Booking::key(&id), BOOKING_PUT, expected, |view| rules::put_booking(&id, put.clone(), view)).await?;
    match changed {
        Changed::Stored { before } => {
            let created = before.as_ref().and_then(|before| Booking::from_stored(before).ok()).is_none_or(|before| before.put.is_none());
            let stored = found(&api, &id).await?.ok_or_else(|| Problem::not_found("booking"))?;
            Ok((if created { StatusCode::CREATED } else { StatusCode::OK }, Json(View::of(&stored)?)))
        }
        Changed::WrongVersion => {
            Err(Problem::new(StatusCode::PRECONDITION_FAILED, "the booking has another version than If-Match says; read it again"))
        }
    }
}

async fn found(api: &Api, id: &str) -> Result<Option<Stored>, PortError> {
    Ok(api.store.get(&[Booking::key(id)]).await?.pop().flatten())
}

/// The version that the caller has read: `If-Match: "3"`.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("if-match") else { return Ok(None) };
    let version = value.to_str().ok().and_then(|text| text.trim().trim_matches('"').parse().ok());
    version.map(Some).ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "If-Match is the version that was read, such as \"3\""))
}
