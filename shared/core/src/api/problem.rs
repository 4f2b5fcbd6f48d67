//! Errors as RFC 9457 `application/problem+json`.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{form::FieldError, ports::PortError};

/// An error as callers see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Always `about:blank`: the status says which kind it is.
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem of that status.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self { kind: "about:blank", title, status: status.as_u16(), detail: detail.into(), errors: Vec::new() }
    }

    /// Fields that are not as they should be.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "some fields are not as they should be; see errors") }
    }

    /// A field names something that is another record's.
    #[must_use]
    pub fn taken(error: FieldError) -> Self {
        Self { errors: vec![error], ..Self::new(StatusCode::CONFLICT, "what a field names is another record's; see errors") }
    }

    /// There is nothing of that name.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        // What went wrong inside is for the log alone.
        tracing::error!(%error, "a request to the API failed");
        match error {
            PortError::Temporary(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily unavailable; try again"),
            PortError::Permanent(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something is wrong inside; the log says what"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
