use axum::{
    extract::{FromRequest, FromRequestParts, Query, Request, rejection::BytesRejection},
    http::{StatusCode, request::Parts},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Problem;

/// The parameters of a query, whose mistakes are told like all others of the API.
pub(super) struct Parameters<T>(pub(super) T);

/// What a query can say; anything else is a slip of the pen, and would be overlooked.
pub(super) trait Known {
    /// The names.
    const NAMES: &'static [&'static str];
}

impl<T: DeserializeOwned + Known, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        pairs(parts, state, T::NAMES).await?;
        let Query(parameters) = Query::<T>::from_request_parts(parts, state).await.map_err(|error| wrong(error.body_text()))?;
        Ok(Self(parameters))
    }
}

/// The names and values of a query, of which none is unknown and none is given twice.
pub(super) async fn pairs<S: Send + Sync>(parts: &mut Parts, state: &S, known: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
        .await
        .map_err(|_| wrong("the query can't be read; write it as name=value&name=value".to_owned()))?;
    for (position, (name, _)) in pairs.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            return Err(wrong(format!("there is no parameter {name}; there are {}", known.join(", "))));
        }
        if pairs[..position].iter().any(|(before, _)| before == name) {
            return Err(wrong(format!("the parameter {name} is given twice")));
        }
    }
    Ok(pairs)
}

fn wrong(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

/// The fields of a JSON object.
///
/// # Errors
/// A [`Problem`] if the body is none.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(wrong("the body is not a JSON object".to_owned())),
        Err(error) => Err(wrong(format!("the body is not JSON: {error}"))),
    }
}

/// The same where there may be nothing to say: an empty body has no fields.
///
/// # Errors
/// As [`object`].
pub(super) fn object_if_any(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    if body.is_empty() { Ok(Map::new()) } else { object(body) }
}

/// The body of a request, whose mistakes are told like all others of the API.
pub(super) struct WholeBody(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for WholeBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = Bytes::from_request(request, state).await;
        read.map(Self).map_err(|error: BytesRejection| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large: 2 MB at most"),
            status => Problem::new(status, "the body could not be read"),
        })
    }
}
