//! The ways to write one URL, one of which Twilio signed.

use std::{borrow::Cow, fmt::Write as _};

/// A URL in the pieces of which its spellings differ. What stands for itself is borrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spelling<'a> {
    /// Scheme, user info and host; all of the URL if it is not one.
    origin: Cow<'a, str>,
    /// With its colon, or empty.
    port: Cow<'a, str>,
    /// Path and query.
    rest: Cow<'a, str>,
}

impl<'a> Spelling<'a> {
    pub(super) fn read(url: &'a str) -> Self {
        let parts = Parts::read(url);
        Self { origin: parts.origin.into(), port: parts.port.into(), rest: parts.rest.into() }
    }

    fn is_secure(&self) -> bool {
        self.origin.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    }

    fn default_port(&self) -> &'static str {
        if self.is_secure() { ":443" } else { ":80" }
    }

    /// Without the port, and with it: the one it has, or else the one that its scheme means.
    fn ports(&self) -> [Self; 2] {
        let port = if self.port.is_empty() && self.origin.contains("://") { self.default_port().into() } else { self.port.clone() };
        [Self { port: "".into(), ..self.clone() }, Self { port, ..self.clone() }]
    }

    /// What is hashed, in order.
    pub(crate) fn pieces(&self) -> [&[u8]; 3] {
        [self.origin.as_bytes(), self.port.as_bytes(), self.rest.as_bytes()]
    }
}

#[cfg(feature = "explain")]
impl std::fmt::Display for Spelling<'_> {
    /// Without the user info, which may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = &*self.origin;
        match origin.find("://").map(|at| at + 3).zip(origin.rfind('@')) {
            Some((start, end)) if start <= end => write!(f, "{}…{}", &origin[..start], &origin[end..])?,
            _ => f.write_str(origin)?,
        }
        write!(f, "{}{}", self.port, self.rest)
    }
}

/// Every way in which Twilio may have written this URL when it signed it, likely ones first; each is looked for only when those before
/// did not fit.
pub(crate) fn spellings(url: &str) -> impl Iterator<Item = Spelling<'_>> {
    let plain = Spelling::read(super::without_fragment(url));
    let [without, with] = plain.ports();
    let with = Some(with).filter(|with| *with != without);
    std::iter::once(without).chain(with).chain(std::iter::once_with(move || others(&plain)).flatten())
}

/// The rarer ones, none of them like those that were tried before.
fn others<'a>(plain: &Spelling<'a>) -> Vec<Spelling<'a>> {
    let escaped = escaped(plain);
    let requoted = requoted(&escaped);
    let mut known = Vec::from(plain.ports());
    for spelling in [Some(escaped), requoted].into_iter().flatten() {
        for spelling in spelling.ports() {
            if !known.contains(&spelling) {
                known.push(spelling);
            }
        }
    }
    known.split_off(2)
}

struct Parts<'a> {
    origin: &'a str,
    port: &'a str,
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn read(url: &'a str) -> Self {
        let Some(start) = url.find("://").map(|at| at + 3) else {
            return Self { origin: url, port: "", rest: "" };
        };
        let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
        // The last @ ends the user info, and only a colon behind it, and behind the bracket of an IPv6 address, begins the port.
        let host = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
        let name = url[host..end].rfind(']').map_or(host, |at| host + at + 1);
        let port = url[name..end].find(':').map_or(end, |at| name + at);
        Self { origin: &url[..port], port: &url[port..end], rest: &url[end..] }
    }
}

/// As a browser would write it, as far as it stays the same place: scheme and host in lower case, no port that goes without saying, a path,
/// and escapes for what does not belong into a URL. Dots in the path are left alone: another path is another URL.
fn escaped<'a>(plain: &Spelling<'a>) -> Spelling<'a> {
    if !plain.origin.contains("://") {
        return plain.clone();
    }
    let host = plain.origin.rfind('@').map_or_else(|| plain.origin.find("://").map_or(0, |at| at + 3), |at| at + 1);
    let scheme = plain.origin.find("://").unwrap_or(0);
    let mut origin = plain.origin.to_string();
    origin[..scheme].make_ascii_lowercase();
    origin[host..].make_ascii_lowercase();
    let port = if plain.port == plain.default_port() || plain.port == ":" { "".into() } else { plain.port.clone() };
    let (path, query) = match plain.rest.find('?') {
        Some(at) => plain.rest.split_at(at),
        None => (&*plain.rest, ""),
    };
    let mut rest = String::with_capacity(plain.rest.len() + 1);
    if path.is_empty() {
        rest.push('/');
    }
    escape(path, |byte| matches!(byte, b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'}'), &mut rest);
    escape(query, |byte| matches!(byte, b'"' | b'<' | b'>' | b'\''), &mut rest);
    Spelling { origin: origin.into(), port, rest: rest.into() }
}

/// With the query taken apart and put together again as Node's old module `querystring` does, which leaves `'` as it is and escapes much else;
/// values of one name come together. `None` without a query.
fn requoted<'a>(escaped: &Spelling<'a>) -> Option<Spelling<'a>> {
    let (path, query) = escaped.rest.split_once('?')?;
    if query.is_empty() || query.split('&').filter(|pair| !pair.is_empty()).count() > MOST_IN_QUERY {
        return None;
    }
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut pairs: Vec<(usize, Vec<u8>)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = unquote(name);
        let position = names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        pairs.push((position, unquote(value)));
    }
    // Stable, so that the values of a name keep their order.
    pairs.sort_by_key(|(position, _)| *position);
    let mut rest = format!("{path}?");
    for (at, (position, value)) in pairs.iter().enumerate() {
        if at > 0 {
            rest.push('&');
        }
        quote(&names[*position], &mut rest);
        rest.push('=');
        quote(value, &mut rest);
    }
    Some(Spelling { rest: rest.into(), ..escaped.clone() })
}

/// Looking for names among names takes their product, so a query of more is not put together again.
const MOST_IN_QUERY: usize = 100;

fn escape(text: &str, foreign: impl Fn(u8) -> bool, escaped: &mut String) {
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(byte) if byte > b' ' && byte < 0x7f && !foreign(byte) => escaped.push(character),
            _ => escape_bytes(character.encode_utf8(&mut [0; 4]).as_bytes(), escaped),
        }
    }
}

fn quote(text: &[u8], quoted: &mut String) {
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(byte) {
            quoted.push(char::from(*byte));
        } else {
            escape_bytes(&[*byte], quoted);
        }
    }
}

fn escape_bytes(bytes: &[u8], escaped: &mut String) {
    for byte in bytes {
        write!(escaped, "%{byte:02X}").expect("writing to a String cannot fail");
    }
}

/// Decodes what is an escape, and leaves what only looks like one.
fn unquote(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escape = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| {
            let mut byte = [0];
            hex::decode_to_slice(digits, &mut byte).is_ok().then_some(byte[0])
        });
        rest = match escape {
            Some(byte) => {
                bytes.push(byte);
                &tail[2..]
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                tail
            }
        };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(url: &str) -> Vec<String> {
        let text = |spelling: Spelling<'_>| spelling.pieces().map(|piece| String::from_utf8_lossy(piece).into_owned()).concat();
        spellings(url).map(text).collect()
    }

    #[test]
    fn with_and_without_the_port() {
        for (url, expected) in [
            ("https://a.example/x", ["https://a.example/x", "https://a.example:443/x"]),
            ("http://a.example/x", ["http://a.example/x", "http://a.example:80/x"]),
            ("https://a.example:8443/x?y=1", ["https://a.example/x?y=1", "https://a.example:8443/x?y=1"]),
            ("https://a.example:443/", ["https://a.example/", "https://a.example:443/"]),
            ("https://u:p@a.example/x", ["https://u:p@a.example/x", "https://u:p@a.example:443/x"]),
            ("https://u:p@a.example:1/x", ["https://u:p@a.example/x", "https://u:p@a.example:1/x"]),
            ("https://u@v:p@a.example:1/x", ["https://u@v:p@a.example/x", "https://u@v:p@a.example:1/x"]),
            ("https://[2001:db8::1]/x", ["https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"]),
            ("https://[2001:db8::1]:8443/x", ["https://[2001:db8::1]/x", "https://[2001:db8::1]:8443/x"]),
            ("https://u:p@[::1]:8443/x:1@b", ["https://u:p@[::1]/x:1@b", "https://u:p@[::1]:8443/x:1@b"]),
        ] {
            assert_eq!(all(url), expected, "{url}");
        }
    }

    #[test]
    fn a_fragment_is_no_part_of_it() {
        assert_eq!(all("https://a.example/x#rc=2&rp=all"), all("https://a.example/x"));
        assert_eq!(all("https://a.example#rc=2"), all("https://a.example"));
    }

    #[test]
    fn as_written_then_escaped_then_put_together_again() {
        assert_eq!(
            all("https://A.example/x?b=it's&a=1 2&b"),
            [
                "https://A.example/x?b=it's&a=1 2&b",
                "https://A.example:443/x?b=it's&a=1 2&b",
                "https://a.example/x?b=it%27s&a=1%202&b",
                "https://a.example:443/x?b=it%27s&a=1%202&b",
                "https://a.example/x?b=it's&b=&a=1%202",
                "https://a.example:443/x?b=it's&b=&a=1%202",
            ]
        );
        assert_eq!(all("HTTPS://A.example")[2..], ["https://a.example/", "https://a.example:443/"]);
        assert_eq!(all("https://u:P@A.example/X")[2..], ["https://u:P@a.example/X", "https://u:P@a.example:443/X"]);
        assert_eq!(all("https://a.example/x?a=1+2%2f")[2..], ["https://a.example/x?a=1%202%2F", "https://a.example:443/x?a=1%202%2F"]);
        assert_eq!(all("https://a.example/é\"?é")[2], "https://a.example/%C3%A9%22?%C3%A9");
        assert_eq!(all("https://a.example/x?")[..], ["https://a.example/x?", "https://a.example:443/x?"]);
    }

    #[test]
    fn never_more_than_six_and_never_twice() {
        for url in
            ["https://A.example:443/'?'", "", "x", "://", "https://", "https://?", "https://@:/", "https://[", "#", "a@b:1/c://d@e:2"]
        {
            let mut spellings = all(url);
            let count = spellings.len();
            assert!(count <= 6, "{url}: {spellings:?}");
            spellings.sort();
            spellings.dedup();
            assert_eq!(spellings.len(), count, "{url}");
        }
        assert_eq!(all(""), [""]);
        assert_eq!(all("/webhooks/twilio/sms"), ["/webhooks/twilio/sms"]);
    }

    #[test]
    fn a_query_of_many_parameters_is_not_put_together_again() {
        let url = |count: usize| format!("https://a.example/?{}", vec!["a='"; count].join("&"));
        assert_eq!(all(&url(100)).len(), 4, "put together again it is as written");
        assert_eq!(all(&url(101)).len(), 4);
        assert_eq!(all(&format!("{}&b=(", url(99))).len(), 4);
        assert_eq!(all(&format!("{}&b=@", url(99))).len(), 6);
        assert_eq!(all(&format!("{}&b=@", url(100))).len(), 4);
    }
}
