use std::fmt::{self, Write as _};

/// The parameters of an `application/x-www-form-urlencoded` body, decoded, in the order in which they were sent.
///
/// What is verified and what is read afterwards must be the same parameters, so both are read here. What Twilio never sends, and
/// libraries read in different ways, is refused: parameters without a name (also `a=1&&b=2`) and percent signs that are followed by
/// anything but two hex digits. The bytes behind the escapes are left as they are, be they UTF-8 or not.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// Names and values, decoded, one behind the other.
    text: Vec<u8>,
    pairs: Vec<Pair>,
}

/// Where in the text a name begins and a value ends, and where the one goes over into the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    start: u32,
    middle: u32,
    end: u32,
}

impl Pair {
    fn new(start: usize, middle: Option<usize>, end: usize) -> Result<Self, MalformedForm> {
        let middle = middle.unwrap_or(end);
        if middle == start {
            return Err(MalformedForm::NoName);
        }
        let place = |at: usize| u32::try_from(at).map_err(|_| MalformedForm::TooLong);
        Ok(Self { start: place(start)?, middle: place(middle)?, end: place(end)? })
    }
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
        if body.is_empty() {
            return Ok(Self::default());
        }
        // Decoding makes nothing longer. One pass, byte by byte, for this is most of what a signature over a form costs: what people write is full of
        // special bytes, and copying the runs between them takes longer.
        let mut text = vec![0; body.len()];
        let mut pairs = Vec::with_capacity((body.len() / 16 + 1).min(Self::MOST));
        let (mut start, mut middle, mut end) = (0, None, 0);
        let mut rest = body;
        while let Some((byte, tail)) = rest.split_first() {
            rest = tail;
            let mut decoded = if *byte == b'+' { b' ' } else { *byte };
            if SPECIAL[usize::from(*byte)] {
                match byte {
                    b'&' => {
                        if pairs.len() + 1 == Self::MOST {
                            return Err(MalformedForm::TooMany);
                        }
                        pairs.push(Pair::new(start, middle, end)?);
                        (start, middle) = (end, None);
                        continue;
                    }
                    b'=' if middle.is_none() => {
                        middle = Some(end);
                        continue;
                    }
                    b'%' => (decoded, rest) = unescape(tail).ok_or(MalformedForm::BrokenEscape)?,
                    _ => {}
                }
            }
            text[end] = decoded;
            end += 1;
        }
        pairs.push(Pair::new(start, middle, end)?);
        text.truncate(end);
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
    /// The form keeps that order.
    pub(crate) fn signed(&mut self) -> Vec<u8> {
        let text = &self.text;
        let slices = |pair: &Pair| (&text[range(pair.start, pair.middle)], &text[range(pair.middle, pair.end)]);
        self.pairs.sort_unstable_by(|one, other| slices(one).cmp(&slices(other)));
        self.pairs.dedup_by(|one, other| slices(one) == slices(other));
        let mut signed = Vec::with_capacity(text.len());
        for pair in &self.pairs {
            signed.extend_from_slice(&text[range(pair.start, pair.end)]);
        }
        signed
    }

    fn name(&self, pair: Pair) -> &[u8] {
        &self.text[range(pair.start, pair.middle)]
    }

    fn value(&self, pair: Pair) -> &[u8] {
        &self.text[range(pair.middle, pair.end)]
    }
}

/// The parameters hold what people wrote to each other, and numbers to call them.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({} parameters)", self.pairs.len())
    }
}

const fn range(start: u32, end: u32) -> std::ops::Range<usize> {
    start as usize..end as usize
}

/// The bytes that stand for something else than one byte.
static SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut each = 0;
    while each < 3 {
        special[b"%&="[each] as usize] = true;
        each += 1;
    }
    special
};

/// The byte that two hex digits stand for, and what comes behind them.
fn unescape(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], rest) = text.split_first_chunk()?;
    let (high, low) = (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]);
    (high | low <= 0xf).then_some((high << 4 | low, rest))
}

/// What each hex digit counts, and 255 for what is none.
static DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        digits[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

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
