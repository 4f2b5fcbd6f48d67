//! Ingest: a webhook is verified over its raw bytes, named, queued durably, and only then answered.

mod public_url;
mod refusals;
mod rejection;
mod route;

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use sluice_signature::{
    Header, Invalid, Message, Secret,
    explain::{Finding, explain, explain_without_body},
};

pub use public_url::{NoPublicUrl, PublicUrl};
pub use refusals::{LeftOut, Refusals};
pub use rejection::Rejection;

use self::route::{Found, find};
use crate::{
    body::PackedBody,
    envelope::{Envelope, InboundMessage},
    ports::{self, Clock, Measure, Metrics, Queue, QueueName},
    provider::{self, Answer, Provider, Providers, Route, TwilioReplies},
    secrets::{Secrets, SourceTenants},
};

/// The largest packed body that is taken, bytes: as base64 it fits into a queue message of 1 MiB.
pub const MAX_PACKED: usize = 700 * 1000;
/// The largest raw body that is taken unless set otherwise, bytes.
pub const MAX_BODY: usize = 4_000_000;

/// The source that a path names, of a provider; `None` if it is no endpoint of that provider's.
#[must_use]
pub fn source_in<'a>(provider: &dyn Provider, path: &'a str) -> Option<&'a str> {
    match find(provider::ALL, path) {
        Found::Webhook { provider: found, route } if found.name() == provider.name() => Some(route.source),
        _ => None,
    }
}

/// Takes webhooks in.
pub struct Ingest {
    /// Whose webhooks it takes.
    pub providers: Providers,
    /// Where they go.
    pub queue: Arc<dyn Queue>,
    /// The active secrets.
    pub secrets: Arc<dyn Secrets>,
    /// Whose the sources are.
    pub tenants: SourceTenants,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<dyn Metrics>,
    /// The address under which the providers reach Sluice; some sign it.
    pub public_url: PublicUrl,
    /// The largest raw body that is taken, bytes.
    pub max_body: usize,
    /// What Twilio is answered.
    pub replies: TwilioReplies,
    /// What was refused, and which of it is logged.
    pub refusals: Refusals,
}

/// The largest body that the log looks into to explain a bad signature, bytes: that takes far longer than verifying.
const EXPLAINED: usize = 64 << 10;

/// A request's body, as far as the host read it.
#[derive(Clone, Debug)]
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// It is larger than [`Ingest::max_body`]; the rest was not read.
    TooLarge,
    /// It was not kept, because [`Ingest::wants_body`] says that it decides nothing.
    Unread,
}

impl Ingest {
    /// Whether a path belongs to ingest.
    #[must_use]
    pub fn is_webhook_path(&self, path: &str) -> bool {
        !matches!(find(self.providers, path), Found::Elsewhere)
    }

    /// Whether the body has to be read for the answer. What carries no signature at all is refused whatever its body is, so that nobody can fill the memory
    /// with bodies that nothing vouches for.
    #[must_use]
    pub fn wants_body(&self, request: &Parts) -> bool {
        let Found::Webhook { provider, route } = find(self.providers, request.uri.path()) else { return false };
        provider.methods().contains(&request.method)
            && self.secrets.active(provider.name(), route.source).is_some()
            && provider.scheme().headers().into_iter().any(|header| request.headers.contains_key(header))
    }

    /// Answers a request whose body broke off.
    pub fn broke_off(&self, request: &Parts, error: &dyn fmt::Display) -> Response<Bytes> {
        let provider = match find(self.providers, request.uri.path()) {
            Found::Webhook { provider, .. } => provider.name(),
            Found::Nothing | Found::Elsewhere => "-",
        };
        if self.has_line(provider, "", "body_broke_off") {
            tracing::warn!(provider, %error, "a webhook's body broke off");
        }
        text(StatusCode::BAD_REQUEST, "The body broke off.\n")
    }

    /// Answers a request whose body comes so slowly that it keeps others from being read.
    pub fn too_slow(&self, request: &Parts) -> Response<Bytes> {
        let Found::Webhook { provider, route } = find(self.providers, request.uri.path()) else { return nothing_here() };
        if self.has_line(provider.name(), route.source, Rejection::TooSlow.name()) {
            let (provider, source) = (provider.name(), route.source);
            tracing::warn!(provider, source, "a large webhook came too slowly and was refused");
        }
        self.metrics.record(Measure::Rejected { provider: provider.name(), reason: Rejection::TooSlow });
        refuse(provider, Rejection::TooSlow)
    }

    /// Answers a request for whose body the host has no room: the sender is told to send it again.
    pub fn no_room(&self, request: &Parts) -> Response<Bytes> {
        let Found::Webhook { provider, route } = find(self.providers, request.uri.path()) else { return nothing_here() };
        if self.has_line(provider.name(), route.source, "no_room") {
            let (provider, source) = (provider.name(), route.source);
            tracing::error!(provider, source, "too many large webhooks come at once; the sender of this one is told to send it again");
        }
        self.metrics.record(Measure::Rejected { provider: provider.name(), reason: Rejection::NoRoom });
        refuse(provider, Rejection::NoRoom)
    }

    /// Handles one request. Nothing is answered 2xx before the queue has confirmed it.
    pub async fn handle(&self, request: &Parts, body: Body) -> Response<Bytes> {
        let (provider, route) = match find(self.providers, request.uri.path()) {
            Found::Webhook { provider, route } => (provider, route),
            Found::Nothing | Found::Elsewhere => {
                if self.has_line("-", "", "no_endpoint") {
                    tracing::info!(path = request.uri.path(), "a request to a path without a webhook endpoint");
                }
                return nothing_here();
            }
        };
        match self.take(provider, &route, request, body).await {
            Ok((answer, event)) => {
                self.metrics.record(Measure::Received { provider: provider.name(), event: event.as_deref() });
                respond(answer)
            }
            Err(reason) => {
                self.metrics.record(Measure::Rejected { provider: provider.name(), reason });
                refuse(provider, reason)
            }
        }
    }

    /// Takes a webhook in. Returns the answer, and the id of its event's record unless it was only a trial.
    async fn take(
        &self,
        provider: &dyn Provider,
        route: &Route<'_>,
        request: &Parts,
        body: Body,
    ) -> Result<(Answer, Option<String>), Rejection> {
        let Some(secrets) = self.secrets.active(provider.name(), route.source) else {
            // Whoever asks makes such a source up: those are counted together.
            if self.has_line(provider.name(), "", Rejection::UnknownSource.name()) {
                tracing::warn!(provider = provider.name(), source = route.source, "a webhook for a source that has no secret");
            }
            return Err(Rejection::UnknownSource);
        };
        if !provider.methods().contains(&request.method) {
            return Err(Rejection::Method);
        }
        let body = match body {
            Body::Whole(body) if body.len() <= self.max_body => body,
            Body::Unread => Bytes::new(),
            Body::Whole(_) | Body::TooLarge => return Err(self.too_large(provider, route)),
        };
        let url = format!("{}{}", self.public_url.reveal(), request.uri.path_and_query().map_or("/", |path| path.as_str()));
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let message = Message { method: request.method.as_str(), url: &url, headers: &headers, body: &body };
        if let Err(invalid) = self.verify(provider, route, &message, &secrets).await {
            if self.has_line(provider.name(), route.source, invalid.code()) {
                log_refused(provider, route, &message, &secrets, &invalid, self.clock.now().seconds());
            }
            let unsigned = message.header(provider.scheme().header()) == Header::Absent;
            return Err(if unsigned && request.method != Method::POST {
                Rejection::Unsigned
            } else {
                Rejection::Signature { code: invalid.code() }
            });
        }
        let event = if provider.is_trial(&message) { None } else { Some(self.accept(provider, route, &message).await?) };
        Ok((provider.accepted(route, &message, &self.replies), event))
    }

    /// Counts a refusal, and says whether it is logged.
    fn has_line(&self, provider: &'static str, source: &str, code: &'static str) -> bool {
        self.refusals.count(provider, source, code, self.clock.now())
    }

    fn too_large(&self, provider: &dyn Provider, route: &Route<'_>) -> Rejection {
        if self.has_line(provider.name(), route.source, Rejection::TooLarge.name()) {
            let (provider, source) = (provider.name(), route.source);
            tracing::warn!(provider, source, "a webhook is too large and was refused; see SLUICE_MAX_BODY");
        }
        Rejection::TooLarge
    }

    async fn verify(&self, provider: &dyn Provider, route: &Route<'_>, message: &Message<'_>, secrets: &[Secret]) -> Result<(), Invalid> {
        let now = self.clock.now().seconds();
        let Err(invalid) = verified(provider, message, secrets, now) else { return Ok(()) };
        // A secret may have been rotated since they were read.
        match self.secrets.refreshed(provider.name(), route.source).await {
            Some(newer) => verified(provider, message, &newer, now),
            None => Err(invalid),
        }
    }

    /// Names a verified event and queues it. Returns the id of its record.
    async fn accept(&self, provider: &dyn Provider, route: &Route<'_>, message: &Message<'_>) -> Result<String, Rejection> {
        let named = match provider.name_event(route, message) {
            Ok(named) => named,
            Err(malformed) => {
                if self.has_line(provider.name(), route.source, Rejection::Malformed.name()) {
                    tracing::error!(provider = provider.name(), source = route.source, %malformed, "a verified webhook is malformed");
                }
                return Err(Rejection::Malformed);
            }
        };
        let body = PackedBody::pack(provider.dictionary(), message.body);
        if body.packed.len() > MAX_PACKED {
            return Err(self.too_large(provider, route));
        }
        let envelope = Envelope {
            provider: provider.name().to_owned(),
            source: route.source.to_owned(),
            key: named.key,
            kind: named.kind,
            occurred_at: named.occurred_at,
            account: named.account,
            tenant: self.tenants.of(route.source).map(str::to_owned),
            received_at: self.clock.now(),
            query: if provider.keeps_query() { query(message.url) } else { String::new() },
            headers: kept_headers(provider, message),
            body,
        };
        let event = envelope.event_id();
        tracing::debug!(event, r#type = envelope.kind, "a webhook is verified and goes to the queue");
        let text = InboundMessage::Event(Box::new(envelope)).to_text();
        let message = ports::Message { body: text, group: None };
        self.queue.send(QueueName::Inbound, vec![message], None).await.map_err(|error| {
            if self.has_line(provider.name(), route.source, Rejection::NotQueued.name()) {
                tracing::error!(provider = provider.name(), %error, "a webhook could not be queued; the sender is told to send it again");
            }
            Rejection::NotQueued
        })?;
        Ok(event)
    }
}

fn verified(provider: &dyn Provider, message: &Message<'_>, secrets: &[Secret], now: i64) -> Result<(), Invalid> {
    let fitted = provider.scheme().verify(message, secrets, now)?.secret;
    if secrets.get(fitted).is_some_and(|secret| provider.speaks_for(secret, message)) {
        Ok(())
    } else {
        Err(Invalid::NoSuitableSecret { wanted: "a secret of the account that the request says" })
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

/// Says why a signature is bad and what was tried, for whoever runs this; the sender is told nothing of it. No secret and no signature is in it.
fn log_refused(provider: &dyn Provider, route: &Route<'_>, message: &Message<'_>, secrets: &[Secret], invalid: &Invalid, now: i64) {
    let is_large = message.body.len() > EXPLAINED;
    let explain = if is_large { explain_without_body } else { explain };
    let explained = explain(provider.scheme(), message, secrets, now);
    let list = |items: Vec<String>| items.join("; ");
    let secrets = list((1..).zip(&explained.fits).map(|(position, fit): (usize, _)| format!("{position}: {}", fit.code())).collect());
    let headers = list(explained.headers.iter().map(|(name, form)| format!("{name}: {form}")).collect());
    let not_looked_into = is_large.then(|| format!("The body has {} bytes, so it was not looked into.", message.body.len()));
    let findings = list(explained.findings.into_iter().map(|finding| logged(finding).to_string()).chain(not_looked_into).collect());
    let urls = list(explained.urls.iter().map(|url| without_values(url)).collect());
    tracing::warn!(
        provider = provider.name(),
        source = route.source,
        code = invalid.code(),
        reason = %invalid,
        secrets,
        headers,
        urls,
        clock_difference = explained.clock_difference,
        findings,
        "a webhook was refused"
    );
}

/// A finding as it may stand in the log.
fn logged(finding: Finding) -> Finding {
    match finding {
        Finding::AnotherUrlOrSecret { tried } => {
            Finding::AnotherUrlOrSecret { tried: tried.iter().map(|url| without_values(url)).collect() }
        }
        other => other,
    }
}

/// A URL with the names of its query alone: what people wrote, and their numbers, are no business of the log.
fn without_values(url: &str) -> String {
    let Some((path, query)) = url.split_once('?') else { return url.to_owned() };
    let names: Vec<_> =
        query.split('&').map(|item| item.split_once('=').map_or_else(|| item.to_owned(), |(name, _)| format!("{name}=…"))).collect();
    format!("{path}?{}", names.join("&"))
}

fn refuse(provider: &dyn Provider, reason: Rejection) -> Response<Bytes> {
    match reason {
        Rejection::Method => wrong_method(provider),
        Rejection::UnknownSource => nothing_here(),
        Rejection::TooLarge => text(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.\n"),
        Rejection::TooSlow => text(StatusCode::REQUEST_TIMEOUT, "The body came too slowly.\n"),
        Rejection::Signature { .. } => text(provider.refused(), "The signature is missing or wrong.\n"),
        Rejection::Unsigned => {
            let line = format!("This is where {} sends its webhooks, signed. This request is not signed.\n", provider.title());
            response(provider.refused(), "text/plain; charset=utf-8", line.into())
        }
        Rejection::Malformed => text(StatusCode::BAD_REQUEST, "The body is malformed.\n"),
        Rejection::NoRoom | Rejection::NotQueued => text(StatusCode::INTERNAL_SERVER_ERROR, "Temporarily unavailable; send it again.\n"),
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
