//! Conditions that callers set (RFC 9110, section 13), and the entity tags that they are about.

use axum::http::{HeaderMap, StatusCode, header};

use super::Problem;
use crate::envelope::digest;

/// As much of the digest is in a tag.
const DIGEST: usize = 8;

/// What a put is made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PutOn {
    /// Whatever is there.
    Anything,
    /// This version alone, as the caller says.
    Version(u64),
    /// This version alone, because something was looked at there. Who asked for it did not say so.
    Seen(u64),
}

impl PutOn {
    pub(super) fn version(self) -> Option<u64> {
        match self {
            Self::Anything => None,
            Self::Version(version) | Self::Seen(version) => Some(version),
        }
    }

    /// The same, or else the version that was looked at.
    pub(super) fn or_seen(self, version: u64) -> Self {
        if self == Self::Anything { Self::Seen(version) } else { self }
    }
}

/// The tag of a record of a version that is shown so. It begins with the version, and tells what is shown beside the record, too, such as that a number
/// wants no texts.
pub(super) fn tag(version: u64, body: &[u8]) -> String {
    let digest = digest(&[&String::from_utf8_lossy(body)]);
    format!("\"{version}.{}\"", &digest[..DIGEST])
}

/// The version that the caller has read: `If-Match: "3"`, or the tag that came with it.
pub(super) fn if_match(headers: &HeaderMap) -> Result<PutOn, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(PutOn::Anything) };
    let version = value.to_str().ok().and_then(|text| {
        let tag = text.trim();
        tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').split('.').next()?.parse().ok()
    });
    let wrong =
        || Problem::new(StatusCode::BAD_REQUEST, "If-Match is the version that was read, such as \"3\", or the ETag that came with it");
    version.map(PutOn::Version).ok_or_else(wrong)
}

/// Whether a put is to begin a record, and to change none: `If-None-Match: *`.
pub(super) fn begins(headers: &HeaderMap) -> Result<bool, Problem> {
    match headers.get(header::IF_NONE_MATCH) {
        None => Ok(false),
        Some(value) if value.as_bytes().trim_ascii() == b"*" => Ok(true),
        Some(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "If-None-Match of a put is *: only where there is none")),
    }
}

/// Whether the caller has what it asks for already: `If-None-Match` with the tag, of whatever is there.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a header"))])
    }

    #[test]
    fn a_tag_tells_the_version_and_what_is_shown() {
        let (one, other) = (tag(3, b"{}"), tag(3, b"[]"));
        assert!(one.starts_with("\"3.") && one.ends_with('"') && one != other, "{one}");
        for text in [one.as_str(), "\"3\"", "3", " W/\"3\" "] {
            assert_eq!(if_match(&headers(header::IF_MATCH, text)).ok(), Some(PutOn::Version(3)), "{text}");
        }
        for text in ["", "*", "\"three\"", "\"3\", \"4\""] {
            assert!(if_match(&headers(header::IF_MATCH, text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_tag_is_known_among_others_strong_or_weak() {
        let tag = tag(3, b"{}");
        for (text, known) in [(tag.clone(), true), (format!("\"1\", W/{tag}"), true), ("*".to_owned(), true), ("\"3\"".to_owned(), false)] {
            assert_eq!(is_known(&headers(header::IF_NONE_MATCH, &text), &tag), known, "{text}");
        }
        assert!(!is_known(&HeaderMap::new(), &tag));
    }
}
