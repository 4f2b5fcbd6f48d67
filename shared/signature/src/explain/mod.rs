//! Why a signature fits or doesn't, for the operator who asks. It tries what usually goes wrong, so it is slow, and it is no verdict:
//! only [`Scheme::verify`] decides what gets in.

mod body;
mod finding;
mod layout;
mod stripe;

pub use body::Change;
pub use finding::Finding;
pub use layout::{Layout, lay_out};

use crate::{Header, Invalid, Message, Scheme, Secret, Verified};

/// A scheme that knows what its users mistake.
pub trait Explained: Scheme {
    /// What is odd about a secret of this provider, and what to use instead.
    fn doubt_secret(&self, secret: &Secret) -> Option<&'static str>;

    /// What the message says about why it might not fit, though nothing proves it.
    fn doubt_message(&self, message: &Message<'_>) -> Vec<Finding>;
}

/// How one secret did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It signed this message.
    Fitted,
    /// It signed this message, too long ago.
    FittedTooOld,
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
    /// What probably went wrong, or will, the surest first.
    pub findings: Vec<Finding>,
}

/// Looks at a message from all sides. `now` is in seconds since the Unix epoch.
#[must_use]
pub fn explain(scheme: &dyn Explained, message: &Message<'_>, secrets: &[Secret], now: i64) -> Explanation {
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
    if matches!(verdict, Err(Invalid::NoMatch { .. } | Invalid::NoSecret)) {
        findings.extend(body::changes(scheme, message, secrets, now));
    }
    findings.extend(doubt_secrets(scheme, message, secrets, now));
    if matches!(verdict, Err(Invalid::MissingHeader { .. })) {
        findings.extend(other_providers(scheme, message));
    }
    let unproven = !findings.iter().any(Finding::is_proven);
    if matches!(verdict, Err(Invalid::NoMatch { .. })) && unproven {
        findings.extend(scheme.doubt_message(message));
        findings.push(Finding::AnotherSecret);
    }
    Explanation { fits: secrets.iter().map(|secret| fit(scheme, message, secret, now)).collect(), verdict, clock_difference, findings }
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
        Err(Invalid::NoMatch { .. }) => Fit::NoFit,
        Err(_) => Fit::Untried,
    }
}

/// Whether the secret signed the message, however long ago.
fn signed(scheme: &dyn Explained, message: &Message<'_>, secret: &Secret, now: i64) -> bool {
    matches!(fit(scheme, message, secret, now), Fit::Fitted | Fit::FittedTooOld)
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
        let bare = Secret::new(key.reveal().trim().trim_matches(['"', '\'']).trim());
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
const SIGNATURE_HEADERS: [(&str, &str); 8] = [
    ("Stripe-Signature", "Stripe"),
    ("X-Twilio-Signature", "Twilio"),
    ("X-Hub-Signature-256", "GitHub"),
    ("X-Shopify-Hmac-Sha256", "Shopify"),
    ("Shopify-Hmac-Sha256", "Shopify"),
    ("X-Webhook-Signature", "Sendro"),
    ("Webhook-Signature", "a Standard Webhooks sender"),
    ("Svix-Signature", "a Standard Webhooks sender"),
];

fn other_providers(scheme: &dyn Explained, message: &Message<'_>) -> impl Iterator<Item = Finding> {
    SIGNATURE_HEADERS
        .into_iter()
        .filter(|(header, _)| !header.eq_ignore_ascii_case(scheme.header()) && message.header(header) != Header::Absent)
        .map(|(header, provider)| Finding::OtherProvider { header, provider })
}
