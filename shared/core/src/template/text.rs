//! How values are written for people.

use serde::Serializer;

use crate::{money::Money, time::Timestamp};

/// The most characters of a free text, such as a customer's name, that go into a message.
const LONGEST_FREE_TEXT: usize = 200;

/// On one line: every run of white space and control characters becomes one space, so that nothing can start a new header, line or paragraph.
pub(super) fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_whitespace() || c.is_control();
    text.split(breaks).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// At most `longest` characters, cut after a whole word where one ends in the second half, with `...` in place of the rest.
pub(super) fn short(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest.saturating_sub(3)).collect();
    let whole_words = kept.rfind(' ').filter(|&end| end >= kept.len() / 2).map_or(kept.as_str(), |end| &kept[..end]);
    format!("{}...", whole_words.trim_end())
}

/// Replaces what looks alike in the alphabet of text messages (GSM 03.38): one sign outside it more than halves the letters that fit.
/// Letters of names stay as they are.
pub(super) fn gsm_friendly(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '‘' | '’' | '‚' | '´' | '`' => out.push('\''),
            '“' | '”' | '„' | '«' | '»' => out.push('"'),
            '‐' | '‑' | '–' | '—' | '−' => out.push('-'),
            '…' => out.push_str("..."),
            '·' | '•' => out.push('*'),
            '₹' => out.push_str("INR "),
            '₩' => out.push_str("KRW "),
            '₪' => out.push_str("ILS "),
            '₱' => out.push_str("PHP "),
            '₫' => out.push_str("VND "),
            _ => out.push(c),
        }
        out
    })
}

/// `22 November 2026, 06:16 UTC`.
fn readable(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.millis())
        .map_or_else(|_| time.to_string(), |time| time.to_zoned(jiff::tz::TimeZone::UTC).strftime("%-d %B %Y, %H:%M UTC").to_string())
}

/// Serializes a free text for a template: on one line, and not endless.
pub(super) fn free<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&short(&one_line(text), LONGEST_FREE_TEXT))
}

/// As [`free`]; a text without letters counts as missing.
pub(super) fn free_if_known<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match text.as_deref().map(one_line).filter(|text| !text.is_empty()) {
        Some(text) => serializer.serialize_some(&short(&text, LONGEST_FREE_TEXT)),
        None => serializer.serialize_none(),
    }
}

/// As [`free`], each of several.
pub(super) fn free_list<S: Serializer>(texts: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(texts.iter().map(|text| short(&one_line(text), LONGEST_FREE_TEXT)))
}

/// Serializes an amount for a template.
pub(super) fn money<S: Serializer>(money: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(money)
}

/// Serializes an amount for a template, if there is one.
pub(super) fn money_if_known<S: Serializer>(money: &Option<Money>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&money.map(|money| money.to_string()))
}

/// Serializes a time for a template.
pub(super) fn time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&readable(*time))
}

/// Serializes a time for a template, if there is one.
pub(super) fn time_if_known<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&time.map(readable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_line() {
        assert_eq!(one_line(" Anna\r\nBcc: all@example.com\t\u{2028}x\u{0}y\u{85}z "), "Anna Bcc: all@example.com x y z");
        assert_eq!(one_line("\r\n"), "");
    }

    #[test]
    fn long_names_are_cut_at_a_word() {
        assert_eq!(short("Anna", 4), "Anna");
        assert_eq!(short("Anna Maria Luisa", 14), "Anna Maria...");
        assert_eq!(short("Donaudampfschifffahrt", 10), "Donauda...");
        assert_eq!(short("Łukasz-Żółć-Ęą", 10), "Łukasz-...");
        assert_eq!(short("A Bcdefghijklmnop", 10), "A Bcdef...");
    }

    #[test]
    fn times_as_people_read_them() {
        assert_eq!(readable("2026-11-22T06:16:36Z".parse().unwrap()), "22 November 2026, 06:16 UTC");
        assert_eq!(readable("2027-01-03T23:05:00.9Z".parse().unwrap()), "3 January 2027, 23:05 UTC");
        assert!(!readable(Timestamp::MAX).is_empty());
        assert!(!readable(Timestamp::MIN).is_empty());
    }
}
