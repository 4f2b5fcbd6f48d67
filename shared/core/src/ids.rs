//! Ids as they stand in paths and are drawn for new things.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::ports::Ids;

/// A text that can't be a record's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record's id has 1 to 128 characters out of A-Z a-z 0-9 . _ : @ + -")]
pub struct NotAnId;

/// Checks that a text can be a record's id: `[A-Za-z0-9._:@+-]{1,128}`.
///
/// # Errors
/// [`NotAnId`] if it can't.
pub fn record_id(text: &str) -> Result<&str, NotAnId> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@+-".contains(&byte);
    if (1..=128).contains(&text.len()) && text.bytes().all(allowed) { Ok(text) } else { Err(NotAnId) }
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
