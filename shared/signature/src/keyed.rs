use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{CannotSign, Invalid, Message, Scheme, Secret, Signed, Verified, encoding, secret::filled};

/// The commonest way to sign: HMAC-SHA256 in one header, as lower-case hex behind a fixed text, keyed with the text of the secret. With a time, that is a
/// number of Unix seconds in a header of its own, signed in front of the body as it stands there. A provider that signs so needs no code of its own.
///
/// ```
/// use std::time::Duration;
/// use sluice_signature::KeyedHash;
/// const SLACK: KeyedHash =
///     KeyedHash::new("X-Slack-Signature", "v0=").with_time("X-Slack-Request-Timestamp", ["v0:", ":"], Duration::from_mins(5));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct KeyedHash {
    header: &'static str,
    prefix: &'static str,
    pub(crate) time: Option<Time>,
}

/// How the time is signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    pub(crate) header: &'static str,
    /// What is signed before it, and between it and the body.
    around: [&'static str; 2],
    tolerance: Duration,
}

impl KeyedHash {
    /// Signed over the body alone, in this header, behind this text. A captured request stays valid for ever.
    #[must_use]
    pub const fn new(header: &'static str, prefix: &'static str) -> Self {
        Self { header, prefix, time: None }
    }

    /// Signed over the text of a time in its own header, with `around` before and after it, and then the body. It may differ by `tolerance` either way.
    #[must_use]
    pub const fn with_time(self, header: &'static str, around: [&'static str; 2], tolerance: Duration) -> Self {
        Self { time: Some(Time { header, around, tolerance }), ..self }
    }

    /// Accepts times that differ by this much, in whole seconds. Zero switches the check off, and leaves captured requests valid for ever.
    #[must_use]
    pub const fn with_tolerance(self, tolerance: Duration) -> Self {
        match self.time {
            Some(time) => Self { time: Some(Time { tolerance, ..time }), ..self },
            None => self,
        }
    }

    /// The text of the time, and the time.
    fn read_time<'a>(&self, message: &Message<'a>) -> Result<Option<(&'a [u8], i64)>, Invalid> {
        let Some(time) = &self.time else { return Ok(None) };
        let digits = message.needed(time.header)?;
        let plain = digits.iter().all(u8::is_ascii_digit) && (digits == b"0" || !digits.starts_with(b"0"));
        let number = std::str::from_utf8(digits).ok().filter(|_| plain).and_then(|digits| digits.parse().ok());
        let malformed = Invalid::MalformedHeader { header: time.header, problem: "it is no number of seconds" };
        number.map(|number| Some((digits, number))).ok_or(malformed)
    }

    fn mac(&self, secret: &Secret, time: Option<&[u8]>, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = secret.sha256();
        if let (Some(Time { around: [before, after], .. }), Some(time)) = (&self.time, time) {
            mac.update(before.as_bytes());
            mac.update(time);
            mac.update(after.as_bytes());
        }
        mac.update(body);
        mac
    }

    fn check_time(&self, secret: usize, timestamp: i64, now: i64) -> Result<(), Invalid> {
        let tolerance = self.time.map_or(0, |time| time.tolerance.as_secs());
        let age = now.saturating_sub(timestamp);
        if tolerance == 0 || age.unsigned_abs() <= tolerance {
            Ok(())
        } else if age > 0 {
            Err(Invalid::TooOld { secret, timestamp, age, tolerance })
        } else {
            Err(Invalid::FromTheFuture { secret, timestamp, ahead: age.saturating_neg(), tolerance })
        }
    }
}

impl Scheme for KeyedHash {
    fn header(&self) -> &'static str {
        self.header
    }

    fn verify(&self, message: &Message<'_>, secrets: &[Secret], now: i64) -> Result<Verified, Invalid> {
        let value = message.needed(self.header)?;
        let signature = value.strip_prefix(self.prefix.as_bytes()).and_then(encoding::hex::<32>);
        let problem = "it is not the version's prefix and 64 digits of lower-case hex";
        let signature = signature.ok_or(Invalid::MalformedHeader { header: self.header, problem })?;
        let time = self.read_time(message)?;
        let timestamp = time.map(|(_, number)| number);
        let secrets = filled(secrets)?;
        for (secret, key) in secrets.clone() {
            if self.mac(key, time.map(|(digits, _)| digits), message.body).verify_slice(&signature).is_ok() {
                if let Some(timestamp) = timestamp {
                    self.check_time(secret, timestamp, now)?;
                }
                return Ok(Verified { secret, timestamp });
            }
        }
        Err(Invalid::NoMatch { signatures: 1, secrets: secrets.count(), urls: 0, timestamp })
    }

    /// With the first secret: the header holds one signature.
    fn sign(&self, unsigned: &Message<'_>, secrets: &[Secret], now: i64) -> Result<Signed, CannotSign> {
        let (_, key) = filled(secrets)?.next().ok_or(CannotSign::NoSecret)?;
        let time = now.to_string();
        let signature = hex::encode(self.mac(key, Some(time.as_bytes()), unsigned.body).finalize().into_bytes());
        let mut headers: Vec<_> = self.time.iter().map(|known| (known.header, time.clone())).collect();
        headers.push((self.header, format!("{}{signature}", self.prefix)));
        Ok(Signed { url: None, headers })
    }
}
