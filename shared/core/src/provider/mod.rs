//! The providers: how each signs, names its events, and wants to be answered. Each is one file, and one line in [`ALL`].

mod stripe;

use http::{Method, StatusCode};
use sluice_signature::{Message, Scheme};

use crate::{secrets::DEFAULT_SOURCE, time::Timestamp};

/// Every provider that Sluice knows.
pub static ALL: &[&dyn Provider] = &[&stripe::Stripe];

/// The provider of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Provider> {
    ALL.iter().copied().find(|provider| provider.name() == name)
}

/// Where a webhook of a provider came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// Which of the provider's endpoints, where it has several kinds; empty where it has one.
    pub channel: &'a str,
    /// Which of several accounts.
    pub source: &'a str,
}

/// What an event is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The provider's own identity of the event, the same in every redelivery.
    pub key: String,
    /// What happened, in the provider's words.
    pub kind: String,
    /// When, by the provider.
    pub occurred_at: Option<Timestamp>,
}

/// An answer to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: &'static str,
}

/// A verified body that is not what the provider sends.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// One provider of webhooks.
pub trait Provider: Sync {
    /// Its name in paths, settings and records.
    fn name(&self) -> &'static str;

    /// Its name as people write it.
    fn title(&self) -> &'static str;

    /// The setting that holds its signing secrets.
    fn secret_setting(&self) -> &'static str;

    /// How it signs.
    fn scheme(&self) -> &dyn Scheme;

    /// The methods it uses.
    fn methods(&self) -> &'static [Method] {
        const POST: &[Method] = &[Method::POST];
        POST
    }

    /// Reads the path behind the provider's name. `None` if there is nothing.
    fn route<'a>(&self, rest: &[&'a str]) -> Option<Route<'a>> {
        match rest {
            [] => Some(Route { channel: "", source: DEFAULT_SOURCE }),
            [source] if crate::ids::is_source(source) => Some(Route { channel: "", source }),
            _ => None,
        }
    }

    /// Names a verified event.
    ///
    /// # Errors
    /// [`Malformed`] if the body is not what the provider sends.
    fn name_event(&self, route: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed>;

    /// The request headers worth keeping, in lower case.
    fn kept_headers(&self) -> &'static [&'static str] {
        &[]
    }

    /// The status of the answer to a missing or wrong signature.
    fn refused(&self) -> StatusCode;

    /// The answer to an accepted event.
    fn accepted(&self, route: &Route<'_>) -> Answer;
}
