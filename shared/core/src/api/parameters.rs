use axum::{
    extract::{FromRequest, FromRequestParts, Query, Request, rejection::BytesRejection},
    http::{StatusCode, request::Parts},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;

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
        let wrong = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| wrong("the query can't be read; write it as name=value&name=value".to_owned()))?;
        for (position, (name, _)) in pairs.iter().enumerate() {
            if !T::NAMES.contains(&name.as_str()) {
                return Err(wrong(format!("there is no parameter {name}; there are {}", T::NAMES.join(", "))));
            }
            if pairs[..position].iter().any(|(before, _)| before == name) {
                return Err(wrong(format!("the parameter {name} is given twice")));
            }
        }
        let Query(parameters) = Query::<T>::from_request_parts(parts, state).await.map_err(|error| wrong(error.body_text()))?;
        Ok(Self(parameters))
    }
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
