mod encoded;
mod marks;
mod pair;

use std::fmt::{self, Write as _};

pub use self::encoded::Encoded;
use self::pair::{Pair, pairs};

/// The parameters of an `application/x-www-form-urlencoded` body, decoded, in the order in which they were sent.
///
/// What is verified and what is read afterwards must be the same parameters, so both are read here. What Twilio never sends, and
/// libraries read in different ways, is refused: parameters without a name (also `a=1&&b=2`) and percent signs that are followed by
/// anything but two hex digits. The bytes behind the escapes are left as they are, be they UTF-8 or not.
#[derive(Clone, Default)]
pub struct Form {
    /// The body without its escapes, as far as it needs none to be told apart: the signs between names and values are still there.
    text: Vec<u8>,
    pairs: Vec<Pair>,
}

/// Why a body is no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedForm {
    /// A parameter has no name.
    NoName,
    /// A percent sign is not followed by two hex digits.
    BrokenEscape,
    /// There are more than [`Form::MOST`].
    TooMany,
    /// It has more than 4 GB.
    TooLong,
}

impl std::error::Error for MalformedForm {}

impl fmt::Display for MalformedForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.problem())
    }
}

impl MalformedForm {
    /// In words.
    pub(crate) const fn problem(self) -> &'static str {
        match self {
            Self::NoName => "a parameter has no name",
            Self::BrokenEscape => "a percent sign is not followed by two hex digits",
            Self::TooMany => "it has more than 1000 parameters",
            Self::TooLong => "it is too long",
        }
    }
}

impl Form {
    /// The most parameters. Twilio sends a few dozen.
    pub const MOST: usize = 1000;

    /// Reads a body. The empty body has no parameters.
    ///
    /// # Errors
    /// [`MalformedForm`] says what the provider would not have written.
    pub fn parse(body: &[u8]) -> Result<Self, MalformedForm> {
        // Decoding makes nothing longer. Only escapes make it shorter: behind each, what follows moves up.
        let mut text: Vec<u8> = body.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        let (mut read, mut written) = (0, 0);
        let pairs = pairs(body, |at, byte| {
            text.copy_within(read..at, written);
            written += at - read;
            text[written] = byte;
            (read, written) = (at + 3, written + 1);
            read - written
        })?;
        text.copy_within(read.., written);
        text.truncate(written + body.len() - read);
        Ok(Self { text, pairs })
    }

    /// Writes parameters as browsers and HTTP clients do (<https://url.spec.whatwg.org/#application/x-www-form-urlencoded>).
    pub fn write<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut text = String::new();
        for (name, value) in pairs {
            if !text.is_empty() {
                text.push('&');
            }
            encode(name.as_bytes(), &mut text);
            text.push('=');
            encode(value.as_bytes(), &mut text);
        }
        text
    }

    /// Names and values, in the order in which they were sent.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
        self.pairs.iter().map(|pair| (self.name(*pair), self.value(*pair)))
    }

    /// The values of that name, in the order in which they were sent.
    pub fn values<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.pairs().filter(move |(found, _)| *found == name.as_bytes()).map(|(_, value)| value)
    }

    /// What Twilio signs of the parameters: by name, then by value, every different pair once, names and values one behind the other.
    pub(crate) fn signed(&self) -> Vec<u8> {
        let mut sorted: Vec<_> = self.pairs().map(|(name, value)| (beginning(name), name, value)).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let mut signed = Vec::with_capacity(self.text.len());
        for (_, name, value) in sorted {
            signed.extend_from_slice(name);
            signed.extend_from_slice(value);
        }
        signed
    }

    fn name(&self, pair: Pair) -> &[u8] {
        &self.text[pair.name()]
    }

    fn value(&self, pair: Pair) -> &[u8] {
        &self.text[pair.value()]
    }
}

/// Equal are those that say the same in the same order.
impl PartialEq for Form {
    fn eq(&self, other: &Self) -> bool {
        self.pairs().eq(other.pairs())
    }
}

impl Eq for Form {}

/// The parameters hold what people wrote to each other, and numbers to call them.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({} parameters)", self.pairs.len())
    }
}

/// The first bytes of a name as a number, by which most names are in the same order as by all of their bytes; the others have the same.
fn beginning(name: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let length = name.len().min(bytes.len());
    bytes[..length].copy_from_slice(&name[..length]);
    u128::from_be_bytes(bytes)
}

/// Writes bytes into a form.
pub(crate) fn encode(bytes: &[u8], encoded: &mut String) {
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => encoded.push(char::from(*byte)),
            b' ' => encoded.push('+'),
            _ => write!(encoded, "%{byte:02X}").expect("writing to a String cannot fail"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(body: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Form::parse(body.as_bytes()).expect("a form").pairs().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn signed(body: &str) -> String {
        String::from_utf8_lossy(&Form::parse(body.as_bytes()).expect("a form").signed()).into_owned()
    }

    #[test]
    fn decodes_in_the_order_sent() {
        let expected =
            [("Body", "a b+c=d&é"), ("From", "+1"), ("Empty", ""), ("Bare", "")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(pairs("Body=a+b%2Bc=d%26%C3%a9&From=%2b1&Empty=&Bare"), expected);
        assert_eq!(pairs(""), []);
        let form = Form::parse(b"a=1&b=2&%61=3&a=1").expect("a form");
        assert_eq!(form.values("a").collect::<Vec<_>>(), [b"1", b"3", b"1"]);
        assert_eq!(form.values("c").count(), 0);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let parameters = [("Body", "50% off & more = fun\nÄ~"), ("To", "+15005550006"), ("Empty", ""), ("a*-._b", " ")];
        let text = Form::write(parameters);
        assert_eq!(text, "Body=50%25+off+%26+more+%3D+fun%0A%C3%84%7E&To=%2B15005550006&Empty=&a*-._b=+");
        assert_eq!(pairs(&text), parameters.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(Form::write([]), "");
    }

    #[test]
    fn what_no_provider_writes() {
        for (body, expected) in [
            ("=1", MalformedForm::NoName),
            ("a=1&", MalformedForm::NoName),
            ("&a=1", MalformedForm::NoName),
            ("a&&b", MalformedForm::NoName),
            ("a=%", MalformedForm::BrokenEscape),
            ("a=%4", MalformedForm::BrokenEscape),
            ("%4g=1", MalformedForm::BrokenEscape),
            ("a=%%41", MalformedForm::BrokenEscape),
        ] {
            assert_eq!(Form::parse(body.as_bytes()), Err(expected), "{body}");
        }
        let many = |count: usize| vec!["a=1"; count].join("&");
        assert_eq!(Form::parse(many(1000).as_bytes()).expect("a form").pairs().len(), 1000);
        assert_eq!(Form::parse(many(1001).as_bytes()), Err(MalformedForm::TooMany));
        assert!(MalformedForm::TooMany.to_string().contains(&Form::MOST.to_string()));
    }

    #[test]
    fn signed_by_name_then_value_and_once() {
        assert_eq!(signed("ReasonConferenceEnded=b&Reason=a"), "ReasonaReasonConferenceEndedb", "by name alone");
        assert_eq!(signed("Digits=5678&Digits=1234&Digits=1234"), "Digits1234Digits5678");
        assert_eq!(signed("b=&a=2&B=1&a="), "B1aa2b", "bytes: capitals first; what is empty counts");
        assert_eq!(signed("a=2&a1=&a=10"), "a10a2a1");
        assert_eq!(signed(""), "");
    }
}
