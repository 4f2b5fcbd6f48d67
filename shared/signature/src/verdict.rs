/// A message that the holder of one of the secrets signed, recently enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The position of the secret that fitted, counted from 0.
    pub secret: usize,
    /// When the sender signed, in seconds since the Unix epoch by the sender's clock; none where the scheme signs no time.
    pub timestamp: Option<i64>,
}

/// Why a message was refused.
///
/// The text is for the operator's log: it holds neither secrets nor signatures. The sender is told only that the signature is bad, since
/// whoever tries to forge one would learn from the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The receiver has no secret to verify with, or only blank ones.
    #[error("no secret is configured, so nothing can be verified: set the provider's signing secret")]
    NoSecret,
    /// The signature's header was not sent.
    #[error("the header {header} is missing: it was lost on the way, or the sender is not the provider")]
    MissingHeader {
        /// The header's name, as the provider writes it.
        header: &'static str,
    },
    /// The signature's header cannot be read.
    #[error("the header {header} cannot be read: {problem}")]
    MalformedHeader {
        /// The header's name, as the provider writes it.
        header: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The scheme signs a time, and the header has none.
    #[error("the header {header} has no timestamp")]
    NoTimestamp {
        /// The header's name, as the provider writes it.
        header: &'static str,
    },
    /// The header has no signature of a kind that is trusted.
    #[error("the header {header} has no signature of a version that is accepted ({accepted})")]
    NoSignature {
        /// The header's name, as the provider writes it.
        header: &'static str,
        /// The versions that would do.
        accepted: &'static str,
    },
    /// The secrets are of other kinds, accounts or keys than the message asks for, so that none was tried.
    #[error("no secret is {wanted}, so none was tried")]
    NoSuitableSecret {
        /// What a secret would have to be.
        wanted: &'static str,
    },
    /// The provider sends no empty bodies.
    #[error("the body is empty: it was lost on the way, or already read by something before")]
    EmptyBody,
    /// The scheme signs what is in the body, and the body cannot be read.
    #[error("the body cannot be read: {problem}")]
    MalformedBody {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nothing in the message vouches for the body.
    #[error("the body is not signed: it is no form, and the URL has no bodySHA256; the query was lost on the way, or this is a forgery")]
    UnsignedBody,
    /// The signature fits the URL, but the body is not the one whose hash stands in the URL.
    #[error("the signature fits secret {}, but the body is not the one it was made for: it was changed on the way", .secret + 1)]
    OtherBody {
        /// The position of the secret that fitted, counted from 0.
        secret: usize,
    },
    /// None of the signatures was made over these bytes with one of the secrets.
    #[error("{}", no_match(*.signatures, *.secrets, *.urls))]
    NoMatch {
        /// How many signatures of an accepted version were sent.
        signatures: usize,
        /// How many secrets were tried.
        secrets: usize,
        /// In how many ways the URL was read, where the scheme signs it; else 0.
        urls: usize,
        /// The time that the sender claims to have signed, in Unix seconds. Nothing vouches for it.
        timestamp: Option<i64>,
    },
    /// The signature fits, but was made too long ago: a replay, a slow way, or a clock that is wrong.
    #[error("the signature fits secret {}, but is {age} s old and at most {tolerance} s are accepted: a replay, or a clock that is wrong", .secret + 1)]
    TooOld {
        /// The position of the secret that fitted, counted from 0.
        secret: usize,
        /// When the sender signed, in Unix seconds.
        timestamp: i64,
        /// The receiver's time less the sender's, in seconds.
        age: i64,
        /// The greatest age that is accepted, in seconds.
        tolerance: u64,
    },
    /// The signature fits, but was made too far in the future: a clock is wrong.
    #[error("the signature fits secret {}, but was made {ahead} s from now and at most {tolerance} s are accepted: a clock is wrong", .secret + 1)]
    FromTheFuture {
        /// The position of the secret that fitted, counted from 0.
        secret: usize,
        /// When the sender signed, in Unix seconds.
        timestamp: i64,
        /// The sender's time less the receiver's, in seconds.
        ahead: i64,
        /// The greatest difference that is accepted, in seconds.
        tolerance: u64,
    },
}

fn no_match(signatures: usize, secrets: usize, urls: usize) -> String {
    let (tried, url) = match urls {
        0 => (String::new(), ""),
        _ => (format!(", URLs: {urls}"), "the provider was given another URL, "),
    };
    format!(
        "no secret fits (signatures: {signatures}, secrets: {secrets}{tried}): {url}another secret signed it, or the body was changed on the way"
    )
}

impl Invalid {
    /// A name for the reason that stays the same: for logs, metrics and programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSecret => "no_secret",
            Self::MissingHeader { .. } => "missing_header",
            Self::MalformedHeader { .. } => "malformed_header",
            Self::NoTimestamp { .. } => "no_timestamp",
            Self::NoSignature { .. } => "no_signature",
            Self::NoSuitableSecret { .. } => "no_suitable_secret",
            Self::EmptyBody => "empty_body",
            Self::MalformedBody { .. } => "malformed_body",
            Self::UnsignedBody => "unsigned_body",
            Self::OtherBody { .. } => "other_body",
            Self::NoMatch { .. } => "no_match",
            Self::TooOld { .. } => "too_old",
            Self::FromTheFuture { .. } => "from_the_future",
        }
    }

    /// The time that the sender claims to have signed, where it could be read, in Unix seconds.
    #[must_use]
    pub const fn timestamp(&self) -> Option<i64> {
        match self {
            Self::NoMatch { timestamp, .. } => *timestamp,
            Self::TooOld { timestamp, .. } | Self::FromTheFuture { timestamp, .. } => Some(*timestamp),
            _ => None,
        }
    }
}
