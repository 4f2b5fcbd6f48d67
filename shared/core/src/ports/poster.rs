use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// One attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Where to. Checked again, with all that it resolves to, before anything is sent.
    pub url: String,
    /// Names and values, the signatures among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// How long it may take in all: resolving, connecting, and the answer to its last byte.
    pub within: Duration,
}

/// What a receiver answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// The header `Retry-After`, as it was sent.
    pub retry_after: Option<String>,
    /// The beginning of the body.
    pub excerpt: Vec<u8>,
}

/// How far an attempt came that brought no whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The guard refused the target: nothing was sent.
    Guard,
    /// The host's name could not be resolved.
    Resolve,
    /// There was no connection.
    Connect,
    /// There was no TLS on it, or the certificate is not the host's.
    Tls,
    /// The request was sent as far as possible; no answer began.
    Answer,
    /// An answer began and broke off.
    Body,
}

/// Why an attempt brought no whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct PostFailure {
    /// How far it came.
    pub step: Step,
    /// What happened, for the owner of the receiver.
    pub reason: String,
    /// The status of an answer that broke off.
    pub status: Option<u16>,
    /// Its header `Retry-After`, as it was sent.
    pub retry_after: Option<String>,
}

/// Posts webhooks to addresses that strangers chose: guarded, without redirects, without a proxy of the environment.
#[async_trait]
pub trait Poster: Send + Sync {
    /// Makes one attempt. Returns within its time, whatever the receiver does.
    ///
    /// # Errors
    /// [`PostFailure`] if no whole answer came.
    async fn post(&self, post: &Post) -> Result<Answered, PostFailure>;
}
