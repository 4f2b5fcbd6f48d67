use std::fmt;

use super::{Change, UrlChange};

/// Something that explains why a message does not verify, or that will be in the way of the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The signature fits and is too old.
    Stale {
        /// The age in seconds.
        age: i64,
        /// The greatest age that is accepted, in seconds.
        tolerance: u64,
    },
    /// The sender's clock is ahead of the receiver's.
    FromTheFuture {
        /// By how many seconds.
        ahead: i64,
    },
    /// The signature fits the body as it was before this change.
    BodyChanged {
        /// What was done to the body.
        change: Change,
        /// The position of the secret that then fits, counted from 0.
        secret: usize,
    },
    /// The signature fits the URL as it was before this change.
    UrlChanged {
        /// What is different.
        change: UrlChange,
        /// The position of the secret that then fits, counted from 0.
        secret: usize,
    },
    /// The scheme signs the URL, and there is none, or only a part of it.
    UrlMissing,
    /// The body is empty.
    BodyMissing,
    /// The body is what JavaScript writes for an object.
    BodyStringified,
    /// The secret has blanks or quotation marks around it.
    SecretPadded {
        /// The position of the secret, counted from 0.
        secret: usize,
        /// Whether the signature fits once they are gone.
        fits_without: bool,
    },
    /// There is nothing in the secret.
    SecretBlank {
        /// The position of the secret, counted from 0.
        secret: usize,
    },
    /// The secret does not look like one of this provider.
    SecretDoubtful {
        /// The position of the secret, counted from 0.
        secret: usize,
        /// What is odd about it, and what to use instead.
        doubt: &'static str,
    },
    /// The message carries another provider's signature.
    OtherProvider {
        /// The header that gives it away.
        header: &'static str,
        /// Who signs with it.
        provider: &'static str,
    },
    /// The message has only a header that counts for nothing, being too weak.
    OldHeaderOnly {
        /// The header.
        header: &'static str,
    },
    /// The message says which account it is of, and each has a secret of its own.
    Account {
        /// The account.
        account: String,
    },
    /// The message says which shared key signed it.
    SharedKey {
        /// The key's id.
        key: String,
    },
    /// What is peculiar to the provider.
    Hint(&'static str),
    /// The body is not laid out as the provider sends it.
    LayoutUnusual,
    /// The body is a JSON object of something else than an event.
    NoEvent,
    /// The body belongs to test mode or to live mode, each of which has secrets of its own.
    Mode {
        /// Whether it is live.
        live: bool,
    },
    /// Nothing else explains it: another secret signed this.
    AnotherSecret,
    /// Nothing else explains it, and the URL is signed, too: another secret signed this, or another URL was.
    AnotherUrlOrSecret {
        /// The URLs that were tried, without user info.
        tried: Vec<String>,
    },
}

impl Finding {
    /// A name that stays the same, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Stale { .. } => "stale",
            Self::FromTheFuture { .. } => "from_the_future",
            Self::BodyChanged { .. } => "body_changed",
            Self::UrlChanged { .. } => "url_changed",
            Self::UrlMissing => "url_missing",
            Self::BodyMissing => "body_missing",
            Self::BodyStringified => "body_stringified",
            Self::SecretPadded { .. } => "secret_padded",
            Self::SecretBlank { .. } => "secret_blank",
            Self::SecretDoubtful { .. } => "secret_doubtful",
            Self::OtherProvider { .. } => "other_provider",
            Self::OldHeaderOnly { .. } => "old_header_only",
            Self::Account { .. } => "account",
            Self::SharedKey { .. } => "shared_key",
            Self::Hint(_) => "hint",
            Self::LayoutUnusual => "layout_unusual",
            Self::NoEvent => "no_event",
            Self::Mode { .. } => "mode",
            Self::AnotherSecret => "another_secret",
            Self::AnotherUrlOrSecret { .. } => "another_url_or_secret",
        }
    }

    /// Whether the signature itself bears this out, so that no further guess is needed.
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        matches!(
            self,
            Self::Stale { .. } | Self::BodyChanged { .. } | Self::UrlChanged { .. } | Self::SecretPadded { fits_without: true, .. }
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale { age, tolerance } => write!(
                f,
                "The signature is right, but stale by {} s: it is {age} s old, and {tolerance} s are accepted. Verify on arrival, not after a \
                 queue, and check this machine's clock; each retry of the provider is signed afresh.",
                u64::try_from(*age).unwrap_or(0).saturating_sub(*tolerance)
            ),
            Self::FromTheFuture { ahead } => write!(
                f,
                "It was signed {ahead} s in the future by this clock: check this machine's clock, or the --now given."
            ),
            Self::BodyChanged { change, secret } => {
                write!(f, "With secret {} the signature fits if {change}", secret + 1)
            }
            Self::UrlChanged { change, secret } => write!(f, "With secret {} the signature fits the URL if {change}", secret + 1),
            Self::UrlMissing => f.write_str(
                "The provider signs the whole URL, which was not given: give it as the provider was given it, with scheme, host, path and query.",
            ),
            Self::BodyMissing => f.write_str(
                "The body is empty: something before may have read it already. Take the raw bytes of the request, before any body parser.",
            ),
            Self::BodyStringified => f.write_str(
                "The body is what JavaScript writes for a parsed object: take the raw bytes of the request, before any body parser.",
            ),
            Self::SecretPadded { secret, fits_without: true } => write!(
                f,
                "Secret {} has blanks or quotation marks around it, and fits without them: remove them from the setting.",
                secret + 1
            ),
            Self::SecretPadded { secret, .. } => write!(
                f,
                "Secret {} has blanks or quotation marks around it: remove them (that alone does not make it fit).",
                secret + 1
            ),
            Self::SecretBlank { secret } => write!(f, "Secret {} is empty: is the setting filled in?", secret + 1),
            Self::SecretDoubtful { secret, doubt } => write!(f, "Secret {} {doubt}", secret + 1),
            Self::OtherProvider { header, provider } => write!(
                f,
                "The request has {header}, which {provider} sends: verify it as that, or correct the URL given to the provider."
            ),
            Self::OldHeaderOnly { header } => write!(
                f,
                "The request has only {header}, which is too weak and never counts: the provider sends the newer header beside it, so it was lost \
                 on the way."
            ),
            Self::Account { account } => write!(
                f,
                "The request says that it is of {account}: is this that account's primary token? Sub-accounts sign with their own, and a secondary \
                 token signs only once it is promoted."
            ),
            Self::SharedKey { key } => {
                write!(f, "The request says that the shared key {key} signed it: give that key's secret, as {key}: and the secret.")
            }
            Self::Hint(text) => f.write_str(text),
            Self::LayoutUnusual => f.write_str(
                "The body is not laid out as the provider sends it: it was probably parsed and written again. Take the raw \
                 bytes of the request, before any JSON middleware.",
            ),
            Self::NoEvent => f.write_str("The body is no event of this provider: is it the raw body of the request, and all of it?"),
            Self::Mode { live } => {
                let other = if *live { "test" } else { "live" };
                write!(f, "The body says livemode={live}: is this the {other} endpoint's secret? Each mode has its own.")
            }
            Self::AnotherSecret => f.write_str(
                "If the body is exactly what was sent, another secret signed it: each endpoint has its own, and so has each run of a forwarding tool.",
            ),
            Self::AnotherUrlOrSecret { tried } => write!(
                f,
                "The URL is signed, too, so either it or the secret is another one. Tried: {}. If the provider was given another URL, down to scheme, \
                 port, path and query, take that one; if it was given one of these, and the body is exactly what was sent, another secret signed it.",
                tried.join(", ")
            ),
        }
    }
}
