use std::fmt;

use super::{Explained, Finding, signed};
use crate::{Message, Secret};

/// What is different between the URL that was signed and the one that came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlChange {
    /// Its scheme is the other of `http` and `https`.
    Scheme,
    /// Its path has a slash at the end, or none.
    Slash,
    /// It has no query.
    QueryAdded,
    /// It has the hash of the body in its query.
    HashLost,
    /// It has no user info.
    UserInfoAdded,
}

impl fmt::Display for UrlChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => {
                "it has the other scheme, http for https or https for http: what ends TLS in front is not the public address. Use the URL that \
                 the provider was given."
            }
            Self::Slash => "the slash at the end of its path is removed, or one is added: use the URL as the provider was given it.",
            Self::QueryAdded => "its query is left out: something in front added it. Use the URL as the provider requested it.",
            Self::UserInfoAdded => "its user info is left out: the provider was given the URL without user and password. Use it as the provider was given it.",
            Self::HashLost => "bodySHA256 stands in its query: the query was lost on the way. Use the URL as the provider requested it.",
        })
    }
}

/// The first change of the URL with which the signature fits.
pub(super) fn changes(scheme: &dyn Explained, message: &Message<'_>, secrets: &[Secret], now: i64) -> Option<Finding> {
    scheme.other_urls(message).into_iter().find_map(|(change, url)| {
        let other = Message { url: &url, ..*message };
        let secret = secrets.iter().position(|secret| signed(scheme, &other, secret, now))?;
        Some(Finding::UrlChanged { change, secret })
    })
}
