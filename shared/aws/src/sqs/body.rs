//! A message's text within what SQS takes.

use std::borrow::Cow;

/// The largest message, and the largest sum of one batch, bytes.
pub(super) const LARGEST: usize = 1024 * 1024;

/// The two characters of JSON texts that SQS refuses (it takes what XML 1.0 takes, and JSON escapes the rest by itself), as JSON escapes. They can only stand
/// inside of JSON strings, where the escape means the same.
pub(super) fn sendable(body: &str) -> Cow<'_, str> {
    if body.contains(['\u{fffe}', '\u{ffff}']) {
        Cow::Owned(body.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff"))
    } else {
        Cow::Borrowed(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqs_refuses_is_escaped_and_means_the_same() {
        let text = serde_json::to_string("a\u{ffff}b\u{fffe}c\u{fffd}🦀\u{0}\u{1f}").expect("text");
        let sent = sendable(&text);
        let taken = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(sent.chars().all(taken), "{sent}");
        assert_eq!(serde_json::from_str::<String>(&sent).expect("JSON"), serde_json::from_str::<String>(&text).expect("JSON"));
        assert!(matches!(sendable("plain"), Cow::Borrowed("plain")));
    }
}
