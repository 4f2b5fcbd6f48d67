use std::{fmt::Write as _, io::Write as _, time::Duration};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{CannotSign, Invalid, Message, Scheme, Secret, Signed, Verified, encoding, secret::filled};

/// Stripe's scheme: `Stripe-Signature: t=<unix seconds>,v1=<hex>`, with HMAC-SHA256 over `<t>.<body>`, keyed with the whole text of the
/// secret, `whsec_` included (<https://docs.stripe.com/webhooks#verify-manually>).
///
/// Only age is checked: what was signed in the future passes, and so does what is exactly as old as the tolerance. A header may hold several
/// `v1`, one for each active secret of the sender. `v0` is made for test events and never counts.
///
/// Stripe's libraries differ where Stripe never goes. Here the stricter reading holds:
/// - a second `t`, a `t` that is no integer, an item that is not exactly `key=value` (so also a trailing comma), and a second
///   `Stripe-Signature` header: the header is malformed (Python and Node accept some of these);
/// - the keys are exactly `t` and `v1`, with no blanks around, and the hex is in lower case (Go accepts capitals);
/// - `t` is signed as the number it is, so `007` is verified as `7`, as all of them do.
///
/// The body alone is read more widely than by some: it is bytes. Node decodes it first, and so refuses what is not UTF-8; here the
/// signature vouches for the bytes, and whoever parses them refuses what is no JSON.
#[derive(Clone, Copy, Debug)]
pub struct Stripe {
    header: &'static str,
    tolerance: Duration,
}

const VERSION: &[u8] = b"v1";

impl Stripe {
    /// The header that Stripe signs in.
    pub const HEADER: &'static str = "Stripe-Signature";
    /// The age that Stripe's libraries accept.
    pub const TOLERANCE: Duration = Duration::from_mins(5);

    /// As Stripe signs and its libraries verify.
    #[must_use]
    pub const fn new() -> Self {
        Self { header: Self::HEADER, tolerance: Self::TOLERANCE }
    }

    /// Accepts signatures up to this age, in whole seconds. Zero switches the check off, and leaves captured requests valid for ever.
    #[must_use]
    pub const fn with_tolerance(self, tolerance: Duration) -> Self {
        Self { tolerance, ..self }
    }

    /// The same scheme in another header.
    #[must_use]
    pub const fn with_header(self, header: &'static str) -> Self {
        Self { header, ..self }
    }

    const fn malformed(&self, problem: &'static str) -> Invalid {
        Invalid::MalformedHeader { header: self.header, problem }
    }

    fn parse<'a>(&self, value: &'a [u8]) -> Result<Parsed<'a>, Invalid> {
        let mut timestamp = None;
        let mut signatures = 0;
        for item in value.split(|byte| *byte == b',') {
            let Some((key, value)) = key_and_value(item) else {
                return Err(self.malformed("an item is not key=value"));
            };
            if key == b"t" {
                if timestamp.is_some() {
                    return Err(self.malformed("it has more than one t"));
                }
                let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
                timestamp = Some(number.ok_or_else(|| self.malformed("its t is no integer"))?);
            } else if key == VERSION {
                signatures += 1;
            }
        }
        let timestamp = timestamp.ok_or(Invalid::NoTimestamp { header: self.header })?;
        if signatures == 0 {
            return Err(Invalid::NoSignature { header: self.header, accepted: "v1" });
        }
        Ok(Parsed { timestamp, signatures, value })
    }

    fn check_age(&self, secret: usize, timestamp: i64, now: i64) -> Result<(), Invalid> {
        let tolerance = self.tolerance.as_secs();
        let age = now.saturating_sub(timestamp);
        if tolerance == 0 || u64::try_from(age).unwrap_or(0) <= tolerance {
            return Ok(());
        }
        Err(Invalid::TooOld { secret, timestamp, age, tolerance })
    }
}

impl Default for Stripe {
    fn default() -> Self {
        Self::new()
    }
}

impl Scheme for Stripe {
    fn header(&self) -> &'static str {
        self.header
    }

    fn verify(&self, message: &Message<'_>, secrets: &[Secret], now: i64) -> Result<Verified, Invalid> {
        let parsed = self.parse(message.needed(self.header)?)?;
        let secrets = filled(secrets)?;
        for (secret, key) in secrets.clone() {
            let mac = mac(key, parsed.timestamp, message.body);
            if parsed.v1().any(|signature| mac.clone().verify_slice(&signature).is_ok()) {
                self.check_age(secret, parsed.timestamp, now)?;
                return Ok(Verified { secret, timestamp: Some(parsed.timestamp) });
            }
        }
        Err(Invalid::NoMatch { signatures: parsed.signatures, secrets: secrets.count(), urls: 0, timestamp: Some(parsed.timestamp) })
    }

    fn sign(&self, unsigned: &Message<'_>, secrets: &[Secret], now: i64) -> Result<Signed, CannotSign> {
        let mut value = format!("t={now}");
        for (_, key) in filled(secrets)? {
            let signature = hex::encode(mac(key, now, unsigned.body).finalize().into_bytes());
            write!(value, ",v1={signature}").expect("writing to a String cannot fail");
        }
        Ok(Signed { url: None, headers: vec![(self.header, value)] })
    }
}

/// A header that has a timestamp and at least one `v1`.
struct Parsed<'a> {
    timestamp: i64,
    signatures: usize,
    value: &'a [u8],
}

impl Parsed<'_> {
    /// The signatures that could be one; what is not 64 digits of lower-case hex never fits.
    fn v1(&self) -> impl Iterator<Item = [u8; 32]> {
        self.value
            .split(|byte| *byte == b',')
            .filter_map(key_and_value)
            .filter(|(key, _)| *key == VERSION)
            .filter_map(|(_, digits)| encoding::hex(digits))
    }
}

fn key_and_value(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = item.split(|byte| *byte == b'=');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(key), Some(value), None) => Some((key, value)),
        _ => None,
    }
}

fn mac(secret: &Secret, timestamp: i64, body: &[u8]) -> Hmac<Sha256> {
    // The longest i64 has 20 characters; the dot is the 21st.
    let mut prefix = [0; 21];
    let mut rest = &mut prefix[..];
    write!(rest, "{timestamp}.").expect("every i64 and a dot fit into 21 bytes");
    let unused = rest.len();
    secret.sha256().chain_update(&prefix[..prefix.len() - unused]).chain_update(body)
}
