//! Ingest: a webhook is verified over its raw bytes, named, queued durably, and only then answered.

mod rejection;
mod route;

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use sluice_signature::{Invalid, Message, Secret};

pub use rejection::Rejection;

use self::route::{Found, find};
use crate::{
    body::PackedBody,
    envelope::{Envelope, InboundMessage},
    ports::{self, Clock, Measure, Metrics, Queue, QueueName},
    provider::{Answer, Provider, Route, TwilioReplies},
    secrets::Secrets,
};

/// The largest packed body that is taken, bytes: as base64 it fits into a queue message of 1 MiB.
pub const MAX_PACKED: usize = 700 * 1000;
/// The largest raw body that is taken unless set otherwise, bytes.
pub const MAX_BODY: usize = 4_000_000;

/// Takes webhooks in.
pub struct Ingest {
    /// Where they go.
    pub queue: Arc<dyn Queue>,
    /// The active secrets.
    pub secrets: Arc<dyn Secrets>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<dyn Metrics>,
    /// The address under which the providers reach Sluice, without a path; some sign it.
    pub public_url: String,
    /// The largest raw body that is taken, bytes.
    pub max_body: usize,
    /// What Twilio is answered.
    pub replies: TwilioReplies,
}

/// A request's body, as far as the host read it.
#[derive(Clone, Debug)]
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// It is larger than [`Ingest::max_body`]; the rest was not read.
    TooLarge,
}

/// Whether a path belongs to ingest.
#[must_use]
pub fn is_webhook_path(path: &str) -> bool {
    !matches!(find(path), Found::Elsewhere)
}

impl Ingest {
    /// Handles one request. Nothing is answered 2xx before the queue has confirmed it.
    pub async fn handle(&self, request: &Parts, body: Body) -> Response<Bytes> {
        let (provider, route) = match find(request.uri.path()) {
            Found::Webhook { provider, route } => (provider, route),
            Found::Nothing | Found::Elsewhere => {
                tracing::info!(path = request.uri.path(), "a request to a path without a webhook endpoint");
                return nothing_here();
            }
        };
        match self.take(provider, &route, request, body).await {
            Ok(answer) => {
                self.metrics.record(Measure::Received { provider: provider.name() });
                respond(answer)
            }
            Err(reason) => {
                self.metrics.record(Measure::Rejected { provider: provider.name(), reason });
                refuse(provider, reason)
            }
        }
    }

    async fn take(&self, provider: &dyn Provider, route: &Route<'_>, request: &Parts, body: Body) -> Result<Answer, Rejection> {
        if !provider.methods().contains(&request.method) {
            return Err(Rejection::Method);
        }
        let Some(secrets) = self.secrets.active(provider.name(), route.source) else {
            tracing::warn!(provider = provider.name(), source = route.source, "a webhook for a source that has no secret");
            return Err(Rejection::UnknownSource);
        };
        let body = match body {
            Body::Whole(body) if body.len() <= self.max_body => body,
            Body::Whole(_) | Body::TooLarge => return Err(too_large(provider)),
        };
        let url = format!("{}{}", self.public_url, request.uri.path_and_query().map_or("/", |path| path.as_str()));
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let message = Message { method: request.method.as_str(), url: &url, headers: &headers, body: &body };
        if let Err(invalid) = self.verify(provider, route, &message, &secrets).await {
            tracing::warn!(provider = provider.name(), source = route.source, code = invalid.code(), reason = %invalid, "a webhook was refused");
            return Err(Rejection::Signature);
        }
        if !provider.is_trial(&message) {
            self.accept(provider, route, &message).await?;
        }
        Ok(provider.accepted(route, &message, &self.replies))
    }

    async fn verify(&self, provider: &dyn Provider, route: &Route<'_>, message: &Message<'_>, secrets: &[Secret]) -> Result<(), Invalid> {
        let now = self.clock.now().seconds();
        let Err(invalid) = provider.scheme().verify(message, secrets, now) else { return Ok(()) };
        // A secret may have been rotated since they were read.
        match self.secrets.refreshed(provider.name(), route.source).await {
            Some(newer) => provider.scheme().verify(message, &newer, now).map(drop),
            None => Err(invalid),
        }
    }

    async fn accept(&self, provider: &dyn Provider, route: &Route<'_>, message: &Message<'_>) -> Result<(), Rejection> {
        let named = match provider.name_event(route, message) {
            Ok(named) => named,
            Err(malformed) => {
                tracing::error!(provider = provider.name(), source = route.source, %malformed, "a verified webhook is malformed");
                return Err(Rejection::Malformed);
            }
        };
        let body = PackedBody::pack(provider.name(), message.body);
        if body.packed.len() > MAX_PACKED {
            return Err(too_large(provider));
        }
        let envelope = Envelope {
            provider: provider.name().to_owned(),
            source: route.source.to_owned(),
            key: named.key,
            kind: named.kind,
            occurred_at: named.occurred_at,
            account: named.account,
            received_at: self.clock.now(),
            query: if provider.keeps_query() { query(message.url) } else { String::new() },
            headers: kept_headers(provider, message),
            body,
        };
        tracing::debug!(event = envelope.event_id(), r#type = envelope.kind, "a webhook is verified and goes to the queue");
        let text = InboundMessage::Event(Box::new(envelope)).to_text();
        let message = ports::Message { body: text, group: None };
        self.queue.send(QueueName::Inbound, vec![message], None).await.map_err(|error| {
            tracing::error!(provider = provider.name(), %error, "a webhook could not be queued; the sender is told to send it again");
            Rejection::NotQueued
        })
    }
}

fn kept_headers(provider: &dyn Provider, message: &Message<'_>) -> Vec<(String, String)> {
    let kept = |name: &str| provider.kept_headers().contains(&name);
    let text = |value: &[u8]| String::from_utf8_lossy(value).chars().take(512).collect();
    message.headers.iter().filter(|(name, _)| kept(name)).map(|(name, value)| ((*name).to_owned(), text(value))).collect()
}

fn query(url: &str) -> String {
    url.split_once('?').map_or_else(String::new, |(_, query)| query.to_owned())
}

fn respond(answer: Answer) -> Response<Bytes> {
    let body = match answer.body {
        Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
        Cow::Owned(text) => text.into(),
    };
    response(answer.status, answer.content_type, body)
}

fn text(status: StatusCode, text: &'static str) -> Response<Bytes> {
    response(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn too_large(provider: &dyn Provider) -> Rejection {
    tracing::warn!(provider = provider.name(), "a webhook is too large and was refused; see SLUICE_MAX_BODY");
    Rejection::TooLarge
}

fn refuse(provider: &dyn Provider, reason: Rejection) -> Response<Bytes> {
    match reason {
        Rejection::Method => wrong_method(provider),
        Rejection::UnknownSource => nothing_here(),
        Rejection::TooLarge => text(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.\n"),
        Rejection::Signature => text(provider.refused(), "The signature is missing or wrong.\n"),
        Rejection::Malformed => text(StatusCode::BAD_REQUEST, "The body is malformed.\n"),
        Rejection::NotQueued => text(StatusCode::INTERNAL_SERVER_ERROR, "Temporarily unavailable; send it again.\n"),
    }
}

fn nothing_here() -> Response<Bytes> {
    text(StatusCode::NOT_FOUND, "There is no webhook endpoint here.\n")
}

fn wrong_method(provider: &dyn Provider) -> Response<Bytes> {
    let allow: Vec<_> = provider.methods().iter().map(http::Method::as_str).collect();
    let line = format!("This is where {} posts its webhooks, signed. It answers {} only.\n", provider.title(), allow.join(" and "));
    let mut response = response(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", line.into());
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_str(&allow.join(", ")).expect("methods are header values"));
    response
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
