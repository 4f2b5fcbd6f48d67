//! The link under which a customer pays a booking.

use http::Uri;

const PLACEHOLDER: &str = "{booking_id}";

/// An address with `{booking_id}` in it, such as `https://example.com/pay/{booking_id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayUrl(String);

/// Why a text can't be the address to pay at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayUrlError {
    /// There is no place for the booking's id.
    #[error("{{booking_id}} is missing: write it where the booking's id belongs, such as https://example.com/pay/{{booking_id}}")]
    NoPlaceholder,
    /// It would decide which host the customer is sent to.
    #[error("{{booking_id}} stands before the path: it may only be part of the path or the query")]
    PlaceholderInHost,
    /// It is no absolute address.
    #[error("not an address: write it in full, such as https://example.com/pay/{{booking_id}}")]
    NotAnAddress,
    /// Customers would be sent to a page that is not encrypted.
    #[error("must start with https:// (http:// only for localhost)")]
    NotSecure,
}

impl PayUrl {
    /// Reads the setting.
    ///
    /// # Errors
    /// [`PayUrlError`] if it is not `https` (or `http` to this machine) with `{booking_id}` in its path or query.
    pub fn parse(text: &str) -> Result<Self, PayUrlError> {
        let text = text.trim();
        let placeholder = text.find(PLACEHOLDER).ok_or(PayUrlError::NoPlaceholder)?;
        // The fragment is cut off because http::Uri knows none; a link may have one.
        let filled = text.replace(PLACEHOLDER, "id");
        let uri: Uri = filled.split('#').next().unwrap_or_default().parse().map_err(|_| PayUrlError::NotAnAddress)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(PayUrlError::NotAnAddress);
        };
        if filled.contains(['"', '<', '>', '{', '}']) || filled.contains(char::is_whitespace) {
            return Err(PayUrlError::NotAnAddress);
        }
        match scheme {
            "https" => {}
            "http" if matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]") => {}
            _ => return Err(PayUrlError::NotSecure),
        }
        let host_end = text.find("://").map_or(0, |start| start + 3);
        let path = text[host_end..].find(['/', '?', '#']).map(|start| host_end + start);
        if path.is_none_or(|path| placeholder < path) {
            return Err(PayUrlError::PlaceholderInHost);
        }
        Ok(Self(text.to_owned()))
    }

    /// The link for one booking. The id is percent-encoded, so it can't leave its place.
    #[must_use]
    pub fn link(&self, booking_id: &str) -> String {
        self.0.replace(PLACEHOLDER, &encoded(booking_id))
    }
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_stays_in_its_place() {
        let url = PayUrl::parse("https://example.com/pay/{booking_id}?again={booking_id}").unwrap();
        assert_eq!(url.link("12345"), "https://example.com/pay/12345?again=12345");
        assert_eq!(url.link("a/../b?c#d&é"), "https://example.com/pay/a%2F..%2Fb%3Fc%23d%26%C3%A9?again=a%2F..%2Fb%3Fc%23d%26%C3%A9");
        assert_eq!(url.link("{booking_id}"), "https://example.com/pay/%7Bbooking_id%7D?again=%7Bbooking_id%7D");
    }

    #[test]
    fn plain_http_only_on_this_machine() {
        for fine in [
            "http://localhost:8080/{booking_id}",
            "http://127.0.0.1/?b={booking_id}",
            "http://[::1]:1/{booking_id}",
            "HTTPS://x.example/#{booking_id}",
        ] {
            assert!(PayUrl::parse(fine).is_ok(), "{fine}");
        }
        for plain in ["http://example.com/{booking_id}", "http://localhost.example.com/{booking_id}", "ftp://example.com/{booking_id}"] {
            assert_eq!(PayUrl::parse(plain), Err(PayUrlError::NotSecure), "{plain}");
        }
    }

    #[test]
    fn what_can_not_work_is_refused() {
        assert_eq!(PayUrl::parse("https://example.com/pay"), Err(PayUrlError::NoPlaceholder));
        assert_eq!(PayUrl::parse("https://{booking_id}.example.com/pay"), Err(PayUrlError::PlaceholderInHost));
        assert_eq!(PayUrl::parse("https://example.com:{booking_id}"), Err(PayUrlError::PlaceholderInHost));
        for wrong in [
            "pay/{booking_id}",
            "/pay/{booking_id}",
            "https:///{booking_id}",
            "https://a b/{booking_id}",
            "https://example.com/{name}/{booking_id}",
        ] {
            assert!(PayUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}
