//! Ids as they stand in paths and are drawn for new things.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::ports::Ids;

/// A text that can't be a record's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record's id has 1 to 128 characters out of A-Z a-z 0-9 . _ : @ + -, and is neither . nor ..")]
pub struct NotAnId;

/// Checks that a text can be a record's id: `[A-Za-z0-9._:@+-]{1,128}`, but for `.` and `..`, which in a path clients and proxies take for folders
/// (<https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4>).
///
/// # Errors
/// [`NotAnId`] if it can't.
pub fn record_id(text: &str) -> Result<&str, NotAnId> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@+-".contains(&byte);
    if (1..=128).contains(&text.len()) && text.bytes().all(allowed) && ![".", ".."].contains(&text) { Ok(text) } else { Err(NotAnId) }
}

/// Checks that a text can name a source: `[a-z0-9_]{1,32}`.
#[must_use]
pub fn is_source(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// A fresh random id behind `prefix`.
pub fn fresh(prefix: &str, ids: &dyn Ids) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(ids.random().to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_an_id() {
        let longest = "a".repeat(128);
        for id in ["1", "...", ".a", "a..b", "in_1@x:y+z-0", &longest] {
            assert!(record_id(id).is_ok(), "{id}");
        }
        for text in ["", ".", "..", "a b", "a/b", "ä", &format!("{longest}a")] {
            assert!(record_id(text).is_err(), "{text}");
        }
    }
}
