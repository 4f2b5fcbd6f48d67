use std::str::FromStr;

use base64::{Engine, engine::general_purpose::STANDARD};

/// A mail address, with the name of its owner or without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    name: Option<String>,
    address: String,
}

/// A text that is no mailbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no mail address that SES can send to: write name@example.com or Name <name@example.com>, the address in ASCII")]
pub struct BadMailbox(String);

impl Mailbox {
    /// Reads an address alone: `name@example.com`.
    ///
    /// # Errors
    /// [`BadMailbox`] for anything else, addresses outside of ASCII included, which SES does not take.
    pub fn parse(text: &str) -> Result<Self, BadMailbox> {
        let address = text.trim();
        let fits = |local: &str, domain: &str| {
            (1..=64).contains(&local.len())
                && local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte))
                && domain.len() <= 253
                && domain.split('.').count() > 1
                && domain.split('.').all(is_label)
        };
        match address.split_once('@') {
            Some((local, domain)) if fits(local, domain) => Ok(Self { name: None, address: address.to_owned() }),
            _ => Err(BadMailbox(text.to_owned())),
        }
    }

    /// The address alone.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// As a header holds it: the name quoted, or as encoded words ([RFC 2047](https://www.rfc-editor.org/rfc/rfc2047)) where it is not ASCII.
    #[must_use]
    pub fn header(&self) -> String {
        match &self.name {
            None => self.address.clone(),
            Some(name) if name.is_ascii() => format!("\"{}\" <{}>", name.replace('\\', "\\\\").replace('"', "\\\""), self.address),
            Some(name) => format!("{} <{}>", encoded_words(name), self.address),
        }
    }
}

impl FromStr for Mailbox {
    type Err = BadMailbox;

    /// Reads `name@example.com` or `Name <name@example.com>`.
    fn from_str(text: &str) -> Result<Self, BadMailbox> {
        let bad = || BadMailbox(text.to_owned());
        let Some((name, address)) = text.trim().strip_suffix('>').and_then(|text| text.split_once('<')) else {
            return Self::parse(text);
        };
        let name = name.trim();
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        if name.chars().any(char::is_control) {
            return Err(bad());
        }
        let mailbox = Self::parse(address).map_err(|_| bad())?;
        Ok(Self { name: Some(name.to_owned()).filter(|name| !name.is_empty()), ..mailbox })
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Words of at most 75 characters, none of which cuts a character in two.
fn encoded_words(text: &str) -> String {
    const BYTES_OF_A_WORD: usize = 45;
    let mut words = vec![String::new()];
    for c in text.chars() {
        match words.last_mut() {
            Some(word) if word.len() + c.len_utf8() <= BYTES_OF_A_WORD => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Option<String> {
        text.parse::<Mailbox>().ok().map(|mailbox| mailbox.header())
    }

    #[test]
    fn headers() {
        assert_eq!(header("a.b+c@example.com").as_deref(), Some("a.b+c@example.com"));
        assert_eq!(header("Acme Spa <a@example.com>").as_deref(), Some("\"Acme Spa\" <a@example.com>"));
        assert_eq!(header("\"Acme, Inc.\" <a@example.com>").as_deref(), Some("\"Acme, Inc.\" <a@example.com>"));
        assert_eq!(header("<a@example.com>").as_deref(), Some("a@example.com"));
        assert_eq!(header("Café <a@example.com>").as_deref(), Some("=?UTF-8?B?Q2Fmw6k=?= <a@example.com>"));
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let name = "é".repeat(60);
        let header = header(&format!("{name} <a@example.com>")).expect("a mailbox");
        let words: Vec<&str> = header.split(' ').filter_map(|word| word.strip_prefix("=?UTF-8?B?")?.strip_suffix("?=")).collect();
        let read: String = words.iter().map(|word| String::from_utf8(STANDARD.decode(word).expect("base64")).expect("whole characters")).collect();
        assert_eq!(read, name);
        assert!(words.len() > 1 && words.iter().all(|word| word.len() <= 63));
    }

    #[test]
    fn what_is_no_address() {
        for wrong in ["", "a", "a@", "@example.com", "a@example", "a b@example.com", "a@example.com, b@example.com", "é@example.com", "a@-x.com"] {
            assert!(Mailbox::parse(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["Acme <a@example.com> x", "Acme\r\nBcc: x@example.com <a@example.com>", "a@example.com\r\nBcc: x@example.com"] {
            assert!(wrong.parse::<Mailbox>().is_err(), "{wrong:?}");
        }
        assert!(Mailbox::parse("Acme <a@example.com>").is_err(), "a recipient is an address alone");
    }
}
