//! Conditions that callers set (RFC 9110, section 13), and the entity tags that they are about.

use axum::http::{HeaderMap, HeaderName, StatusCode, header};

use super::Problem;
use crate::envelope::digest;

/// As much of the digest is in a tag.
const DIGEST: usize = 8;

/// The tag of a record of a version that is shown so. It begins with the version, and tells what is shown beside the record, too, such as that a number
/// wants no texts.
pub(super) fn tag(version: u64, body: &[u8]) -> String {
    let digest = digest(&[&String::from_utf8_lossy(body)]);
    format!("\"{version}.{}\"", &digest[..DIGEST])
}

/// What a condition names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever there is.
    Any,
    /// One of these.
    OneOf(Vec<Tag>),
}

/// An entity tag that a caller names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag {
    strength: Strength,
    /// What stands between the quotes.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strength {
    Strong,
    /// `W/"…"`: what it names is about the same, and so is none to change or to be sure of.
    Weak,
}

impl Tag {
    /// Whether it is of this version of a record, whatever is shown beside it: a put changes nothing of that.
    fn is_of(&self, version: u64) -> bool {
        self.text.split('.').next().and_then(|text| text.parse().ok()) == Some(version)
    }

    /// Whether it is this very tag, quotes and all.
    fn is(&self, tag: &str) -> bool {
        tag.trim_matches('"') == self.text
    }
}

impl Tags {
    /// The tags of a header, which may be there several times. `None` if it is not.
    ///
    /// # Errors
    /// A [`Problem`] if what it says are no tags. A version alone is understood without quotes, too.
    fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let values: Vec<_> = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        if values.is_empty() {
            return Ok(None);
        }
        let text = values.join(",");
        if text.trim() == "*" {
            return Ok(Some(Self::Any));
        }
        let wrong = || {
            let detail = format!("{name} is the ETag that came with a record, its version, such as \"3\", a list of these, or *");
            Problem::new(StatusCode::BAD_REQUEST, detail)
        };
        list(&text).map(|tags| Some(Self::OneOf(tags))).ok_or_else(wrong)
    }

    /// Whether one of them fits.
    fn any(&self, fits: impl Fn(&Tag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(fits),
        }
    }
}

/// Reads a list of tags, of which there must be one.
fn list(mut text: &str) -> Option<Vec<Tag>> {
    let blank = [' ', '\t'];
    let mut tags = Vec::new();
    loop {
        text = text.trim_start_matches(|c| c == ',' || blank.contains(&c));
        if text.is_empty() {
            return (!tags.is_empty()).then_some(tags);
        }
        let (strength, opened) = text.strip_prefix("W/").map_or((Strength::Strong, text), |rest| (Strength::Weak, rest));
        let (inner, rest) = match opened.strip_prefix('"') {
            Some(opened) => opened.split_once('"')?,
            None => {
                let digits = opened.len() - opened.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                opened.split_at_checked(digits).filter(|(digits, _)| !digits.is_empty())?
            }
        };
        tags.push(Tag { strength, text: inner.to_owned() });
        text = rest.trim_start_matches(blank);
        if !text.is_empty() && !text.starts_with(',') {
            return None;
        }
    }
}

/// What a put is made on: all of it must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PutOn {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
    /// `version` in the body.
    version: Option<u64>,
    /// The version at which something was looked at. Who asked for the put did not say so.
    seen: Option<u64>,
}

/// Which condition does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unmet {
    /// The record is not there.
    NotThere,
    /// The record is there, at all or as it was named.
    IsThere,
    /// It has another version than was said.
    OtherVersion,
    /// It has another version than was looked at.
    Changed,
}

impl PutOn {
    /// What the headers say.
    ///
    /// # Errors
    /// A [`Problem`] if they name no tags.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let (if_match, if_none_match) = (Tags::read(headers, &header::IF_MATCH)?, Tags::read(headers, &header::IF_NONE_MATCH)?);
        Ok(Self { if_match, if_none_match, version: None, seen: None })
    }

    /// The body says this version.
    pub(super) fn says_version(&mut self, version: u64) {
        self.version = Some(version);
    }

    /// Something was looked at, at this version; 0 if there was nothing.
    pub(super) fn has_seen(&mut self, version: u64) {
        self.seen.get_or_insert(version);
    }

    /// What does not hold of a record at `version`, 0 if nothing is stored of it; `shown` if it is served.
    pub(super) fn unmet(&self, version: u64, shown: bool) -> Option<Unmet> {
        let stored = |tag: &Tag| version > 0 && tag.is_of(version);
        let strong = |tag: &Tag| tag.strength == Strength::Strong && stored(tag);
        match (&self.if_match, &self.if_none_match) {
            (Some(Tags::Any), _) if !shown => Some(Unmet::NotThere),
            (Some(tags), _) if !tags.any(strong) => Some(Unmet::OtherVersion),
            _ if self.version.is_some_and(|said| said != version || version == 0) => Some(Unmet::OtherVersion),
            (_, Some(Tags::Any)) if !shown => None,
            (_, Some(tags)) if tags.any(stored) => Some(Unmet::IsThere),
            _ => None,
        }
        .or_else(|| self.seen.filter(|seen| *seen != version).map(|_| Unmet::Changed))
    }
}

/// What a caller is answered who reads a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The record.
    Whole,
    /// That it is as the caller has it.
    NotModified,
}

/// What becomes of the reading of a record that has this version and tag.
///
/// # Errors
/// A [`Problem`] if it is not the one that `If-Match` names.
pub(super) fn of_read(headers: &HeaderMap, version: u64, tag: &str) -> Result<Read, Problem> {
    let strong = |named: &Tag| named.strength == Strength::Strong && (named.is(tag) || named.is(&version.to_string()));
    if Tags::read(headers, &header::IF_MATCH)?.is_some_and(|tags| !tags.any(strong)) {
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, "the record is shown otherwise than If-Match says"));
    }
    let known = Tags::read(headers, &header::IF_NONE_MATCH)?.is_some_and(|tags| tags.any(|named| named.is(tag)));
    Ok(if known { Read::NotModified } else { Read::Whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().expect("a header"))).collect()
    }

    fn on(name: HeaderName, values: &[&str]) -> PutOn {
        PutOn::read(&headers(name, values)).expect("tags")
    }

    #[test]
    fn a_tag_tells_the_version_and_what_is_shown() {
        let (one, other) = (tag(3, b"{}"), tag(3, b"[]"));
        assert!(one.starts_with("\"3.") && one.ends_with('"') && one != other, "{one}");
        for text in [one.as_str(), "\"3\"", "3", " \"3\" ", "\"4\", \"3\"", "4 ,3", "\"a,b\" ,, \"3.x\"", "W/\"3\", \"3\""] {
            let on = on(header::IF_MATCH, &[text]);
            assert_eq!((on.unmet(3, true), on.unmet(5, true)), (None, Some(Unmet::OtherVersion)), "{text}");
        }
        assert_eq!(on(header::IF_MATCH, &["\"4\"", "\"3\""]).unmet(3, true), None, "in two lines");
        for text in ["", ",", "three", "\"3", "*, \"3\"", "\"3\" \"4\"", "W/", "3x", "w/\"3\""] {
            assert!(PutOn::read(&headers(header::IF_MATCH, &[text])).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_tag_of_ours_or_weak_matches_no_put() {
        for text in ["\"three\"", "\"\"", "W/\"3\"", "W/\"3.abc\", \"4\"", "\"0\""] {
            let on = on(header::IF_MATCH, &[text]);
            assert_eq!((on.unmet(3, true), on.unmet(0, false)), (Some(Unmet::OtherVersion), Some(Unmet::OtherVersion)), "{text}");
        }
    }

    #[test]
    fn a_star_is_whatever_is_shown() {
        let (there, none) = (on(header::IF_MATCH, &["*"]), on(header::IF_NONE_MATCH, &[" * "]));
        for (version, shown, unmet) in [(0, false, Some(Unmet::NotThere)), (2, false, Some(Unmet::NotThere)), (3, true, None)] {
            assert_eq!(there.unmet(version, shown), unmet, "{version}");
            assert_eq!(none.unmet(version, shown), shown.then_some(Unmet::IsThere), "{version}");
        }
    }

    #[test]
    fn all_conditions_of_a_put_must_hold() {
        let mut on = on(header::IF_MATCH, &["\"3\""]);
        on.says_version(4);
        assert_eq!((on.unmet(3, true), on.unmet(4, true)), (Some(Unmet::OtherVersion), Some(Unmet::OtherVersion)));
        on.says_version(3);
        on.has_seen(3);
        assert_eq!(on.unmet(3, true), None);
        let mut seen = PutOn::read(&HeaderMap::new()).expect("none");
        seen.has_seen(3);
        assert_eq!((seen.unmet(3, true), seen.unmet(4, true)), (None, Some(Unmet::Changed)));
        let named = self::on(header::IF_NONE_MATCH, &["W/\"3\", \"5.abc\""]);
        assert_eq!([3, 4, 5].map(|version| named.unmet(version, true)), [Some(Unmet::IsThere), None, Some(Unmet::IsThere)]);
    }

    #[test]
    fn a_tag_is_known_among_others_strong_or_weak() {
        let tag = tag(3, b"{}");
        for (text, read) in [
            (tag.clone(), Read::NotModified),
            (format!("\"1\", W/{tag}"), Read::NotModified),
            ("*".to_owned(), Read::NotModified),
            ("\"3\"".to_owned(), Read::Whole),
        ] {
            assert_eq!(of_read(&headers(header::IF_NONE_MATCH, &[&text]), 3, &tag).ok(), Some(read), "{text}");
        }
        assert_eq!(of_read(&HeaderMap::new(), 3, &tag).ok(), Some(Read::Whole));
        for (text, read) in [(tag.as_str(), true), ("*", true), ("\"3\"", true), ("\"3.other\"", false), (&format!("W/{tag}"), false)] {
            assert_eq!(of_read(&headers(header::IF_MATCH, &[text]), 3, &tag).is_ok(), read, "{text}");
        }
    }
}
