//! The writer of TwiML: whatever is quoted and set, its documents are well formed, say exactly that, and are no longer than Twilio takes.

use sluice_core::provider::{Reply, TwilioReplies};

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
const QUOTE: &str = "{message}";
/// The most characters of a text message.
const MOST: usize = 1600;

/// A text with `{message}` where what came in is quoted, the URL of a sound if it is not empty, and what came in. Whether the first two can be set.
pub(crate) fn twiml(data: &[u8]) -> bool {
    let Ok(given) = std::str::from_utf8(data) else { return false };
    let (text, rest) = given.split_once('\n').unwrap_or((given, ""));
    let (play, said) = rest.split_once('\n').unwrap_or((rest, ""));
    let play = Some(play).filter(|play| !play.is_empty());
    if TwilioReplies::check_sms(text).is_err() || play.is_some_and(|play| TwilioReplies::check_play(play).is_err()) {
        return false;
    }
    let reply = Reply::message(Some(text), said);
    assert!(reply.len() <= 64_000, "{} bytes", reply.len());
    let [(name, message)] = &elements(&reply)[..] else { panic!("one element: {reply}") };
    let quotes = text.matches(QUOTE).count();
    let room = MOST.saturating_sub(text.replace(QUOTE, "").chars().count()) / quotes.max(1);
    let quoted: String = said.chars().take(room).collect();
    assert_eq!((name.as_str(), message.as_str()), ("Message", writable(&text.replace(QUOTE, &quoted)).as_str()));
    assert!(message.chars().count() <= MOST);

    let say = Some(said).filter(|said| TwilioReplies::check_voice(said).is_ok());
    let expected: Vec<_> =
        [("Say", say), ("Play", play)].into_iter().filter_map(|(name, text)| Some((name.to_owned(), writable(text?)))).collect();
    assert_eq!(elements(&Reply::voice(say, play)), expected);
    true
}

/// What of a text XML can hold (<https://www.w3.org/TR/xml/#charsets>).
fn writable(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(|c| allowed(*c)).collect()
}

/// The elements of a document with their texts, which have no markup in them.
fn elements(document: &str) -> Vec<(String, String)> {
    let body = document.strip_prefix(HEAD).expect("a declaration");
    if body == "<Response/>" {
        return Vec::new();
    }
    let inner = body.strip_prefix("<Response>").and_then(|rest| rest.strip_suffix("</Response>"));
    let mut rest = inner.expect("one response");
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).expect("an element begins");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphabetic()), "{name}");
        let (text, after) = after.split_once('<').expect("an element ends");
        rest = after.strip_prefix('/').and_then(|rest| rest.strip_prefix(name)?.strip_prefix('>')).expect("as it began");
        found.push((name.to_owned(), unescaped(text)));
    }
    found
}

/// The text that an XML reader sees.
fn unescaped(text: &str) -> String {
    let (before, rest) = text.split_once('&').unwrap_or((text, ""));
    assert!(!before.contains(['<', '>', '"', '\'']), "{before}");
    if rest.is_empty() {
        assert_eq!(before.len(), text.len(), "an ampersand alone");
        return before.to_owned();
    }
    let mut seen = before.to_owned();
    for part in rest.split('&') {
        let (entity, plain) = part.split_once(';').expect("an entity ends");
        seen.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            other => panic!("{other} is no entity"),
        });
        assert!(!plain.contains(['<', '>', '"', '\'']), "{plain}");
        seen.push_str(plain);
    }
    seen
}
