//! Why a signature fits or doesn't, for the operator who asks. It tries what usually goes wrong, so it is slow, and it is no verdict:
//! only [`Scheme::verify`] decides what gets in.

mod body;
mod finding;
mod github;
mod keyed;
mod layout;
mod outline;
mod sendro;
mod shopify;
mod standard;
mod stripe;
mod twilio;
mod url;

pub use body::Change;
pub use finding::Finding;
pub use layout::{Layout, lay_out};
pub use url::UrlChange;

use std::time::Duration;

use crate::{Header, Invalid, Message, Scheme, Secret, Verified};

/// A scheme that knows what its users mistake.
pub trait Explained: Scheme {
    /// What is odd about a secret of this provider, and what to use instead.
    fn doubt_secret(&self, secret: &Secret) -> Option<&'static str>;

    /// What the message says about why it might not fit, though nothing proves it.
    fn doubt_message(&self, message: &Message<'_>) -> Vec<Finding>;

    /// What the message says about why the signature's header is missing or cannot be read.
    fn doubt_header(&self, message: &Message<'_>) -> Option<Finding> {
        let _ = message;
        None
    }

    /// The same scheme with another tolerance of age, zero for none, where it signs a time.
    fn within(&self, tolerance: Duration) -> Option<Box<dyn Explained>> {
        let _ = tolerance;
        None
    }

    /// The headers that the scheme reads.
    fn headers(&self) -> Vec<&'static str> {
        vec![self.header()]
    }

    /// The URLs that are tried, where the scheme signs the URL; without user info.
    fn urls(&self, message: &Message<'_>) -> Vec<String> {
        let _ = message;
        Vec::new()
    }

    /// The URLs that may have been signed instead.
    fn other_urls(&self, message: &Message<'_>) -> Vec<(UrlChange, String)> {
        let _ = message;
        Vec::new()
    }
}

/// How one secret did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It signed this message.
    Fitted,
    /// It signed this message, too long ago.
    FittedTooOld,
    /// It signed this message, too far in the future.
    FittedTooEarly,
    /// It did not sign these bytes.
    NoFit,
    /// It was not tried, since there is nothing in it.
    Blank,
    /// It was not tried, since the message has nothing to try it on.
    Untried,
}

impl Fit {
    /// A name that stays the same, for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Fitted => "fitted",
            Self::FittedTooOld => "fitted_too_old",
            Self::FittedTooEarly => "fitted_too_early",
            Self::NoFit => "no_fit",
            Self::Blank => "blank",
            Self::Untried => "untried",
        }
    }
}

/// What was found out about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What [`Scheme::verify`] says.
    pub verdict: Result<Verified, Invalid>,
    /// How each secret did, by position.
    pub fits: Vec<Fit>,
    /// The receiver's time less the sender's, in seconds, where a time was sent.
    pub clock_difference: Option<i64>,
    /// The headers that the scheme reads and the message has, with the form of their values, which holds no signature.
    pub headers: Vec<(&'static str, String)>,
    /// The URLs that were tried, where the scheme signs the URL; without user info.
    pub urls: Vec<String>,
    /// What probably went wrong, or will, the surest first.
    pub findings: Vec<Finding>,
}

/// How much is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// All.
    Whole,
    /// Only what takes no longer than verifying does, however large the body is.
    WithoutBody,
}

/// Looks at a message from all sides. `now` is in seconds since the Unix epoch.
#[must_use]
pub fn explain(scheme: &dyn Explained, message: &Message<'_>, secrets: &[Secret], now: i64) -> Explanation {
    explained(scheme, message, secrets, now, Depth::Whole)
}

/// The same without looking into the body: whether it was changed, and what it says, is not found out. Takes as long as a few verifications.
#[must_use]
pub fn explain_without_body(scheme: &dyn Explained, message: &Message<'_>, secrets: &[Secret], now: i64) -> Explanation {
    explained(scheme, message, secrets, now, Depth::WithoutBody)
}

fn explained(scheme: &dyn Explained, message: &Message<'_>, secrets: &[Secret], now: i64, depth: Depth) -> Explanation {
    let verdict = scheme.verify(message, secrets, now);
    let timestamp = match &verdict {
        Ok(verified) => verified.timestamp,
        Err(invalid) => invalid.timestamp(),
    };
    let clock_difference = timestamp.map(|timestamp| now.saturating_sub(timestamp));
    let mut findings = Vec::new();
    if let Err(Invalid::TooOld { age, tolerance, .. }) = verdict {
        findings.push(Finding::Stale { age, tolerance });
    }
    if let Some(ahead) = clock_difference.map(i64::saturating_neg).filter(|ahead| *ahead > AHEAD) {
        findings.push(Finding::FromTheFuture { ahead });
    }
    if verdict.as_ref().is_err_and(may_be_changed) {
        if depth == Depth::Whole {
            findings.extend(body::changes(scheme, message, secrets, now));
        }
        findings.extend(url::changes(scheme, message, secrets, now));
    }
    findings.extend(doubt_secrets(scheme, message, secrets, now));
    if matches!(verdict, Err(Invalid::MissingHeader { .. } | Invalid::MalformedHeader { .. })) {
        findings.extend(scheme.doubt_header(message));
    }
    if matches!(verdict, Err(Invalid::MissingHeader { .. })) {
        findings.extend(other_providers(scheme, message));
    }
    let unproven = !findings.iter().any(Finding::is_proven);
    if unproven && verdict.as_ref().is_err_and(|invalid| may_be_changed(invalid) && *invalid != Invalid::NoSecret) {
        findings.extend(body::lost(message));
        if depth == Depth::Whole {
            findings.extend(scheme.doubt_message(message));
        }
        if matches!(verdict, Err(Invalid::NoMatch { .. })) && !findings.contains(&Finding::UrlMissing) {
            let tried = scheme.urls(message);
            findings.push(if tried.is_empty() { Finding::AnotherSecret } else { Finding::AnotherUrlOrSecret { tried } });
        }
    }
    Explanation {
        fits: secrets.iter().map(|secret| fit(scheme, message, secret, now)).collect(),
        verdict,
        clock_difference,
        headers: outlines(scheme, message),
        urls: scheme.urls(message),
        findings,
    }
}

/// Whether another body or URL could be why.
const fn may_be_changed(invalid: &Invalid) -> bool {
    matches!(
        invalid,
        Invalid::NoMatch { .. }
            | Invalid::NoSecret
            | Invalid::NoSuitableSecret { .. }
            | Invalid::EmptyBody
            | Invalid::MalformedBody { .. }
            | Invalid::UnsignedBody
            | Invalid::OtherBody { .. }
    )
}

fn outlines(scheme: &dyn Explained, message: &Message<'_>) -> Vec<(&'static str, String)> {
    let mut outlines = Vec::new();
    for header in scheme.headers() {
        let values = message.headers.iter().filter(|(sent, _)| sent.eq_ignore_ascii_case(header));
        outlines.extend(values.take(4).map(|(_, value)| (header, outline::outline(value))));
    }
    outlines
}

/// A clock that differs by less is nothing to speak of, in seconds.
const AHEAD: i64 = 60;

fn fit(scheme: &dyn Explained, message: &Message<'_>, secret: &Secret, now: i64) -> Fit {
    if secret.is_blank() {
        return Fit::Blank;
    }
    match scheme.verify(message, std::slice::from_ref(secret), now) {
        Ok(_) => Fit::Fitted,
        Err(Invalid::TooOld { .. }) => Fit::FittedTooOld,
        Err(Invalid::FromTheFuture { .. }) => Fit::FittedTooEarly,
        Err(Invalid::NoMatch { .. } | Invalid::OtherBody { .. }) => Fit::NoFit,
        Err(_) => Fit::Untried,
    }
}

/// Whether the secret signed the message, however long ago.
fn signed(scheme: &dyn Explained, message: &Message<'_>, secret: &Secret, now: i64) -> bool {
    matches!(fit(scheme, message, secret, now), Fit::Fitted | Fit::FittedTooOld | Fit::FittedTooEarly)
}

fn doubt_secrets(scheme: &dyn Explained, message: &Message<'_>, secrets: &[Secret], now: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (secret, key) in secrets.iter().enumerate() {
        if key.is_blank() {
            findings.push(Finding::SecretBlank { secret });
            continue;
        }
        if signed(scheme, message, key, now) {
            continue;
        }
        let bare = key.with_text(key.reveal().trim().trim_matches(['"', '\'']).trim());
        if bare.reveal() != key.reveal() {
            let fits_without = signed(scheme, message, &bare, now);
            findings.push(Finding::SecretPadded { secret, fits_without });
        }
        if let Some(doubt) = scheme.doubt_secret(&bare) {
            findings.push(Finding::SecretDoubtful { secret, doubt });
        }
    }
    findings
}

/// The headers by which a message tells that somebody else sent it.
const SIGNATURE_HEADERS: [(&str, &str); 9] = [
    ("Stripe-Signature", "Stripe"),
    ("X-Twilio-Signature", "Twilio"),
    ("X-Hub-Signature-256", "GitHub"),
    ("X-Shopify-Hmac-Sha256", "Shopify"),
    ("Shopify-Hmac-Sha256", "Shopify"),
    ("X-Slack-Signature", "Slack"),
    ("X-Webhook-Signature", "Sendro"),
    ("Webhook-Signature", "a Standard Webhooks sender"),
    ("Svix-Signature", "a Standard Webhooks sender"),
];

fn other_providers(scheme: &dyn Explained, message: &Message<'_>) -> impl Iterator<Item = Finding> {
    SIGNATURE_HEADERS
        .into_iter()
        .filter(|(header, _)| !scheme.headers().iter().any(|own| header.eq_ignore_ascii_case(own)))
        .filter(|(header, _)| message.header(header) != Header::Absent)
        .map(|(header, provider)| Finding::OtherProvider { header, provider })
}
