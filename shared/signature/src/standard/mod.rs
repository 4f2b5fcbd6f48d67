mod key;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, SigningKey};
use hmac::Mac;

pub(crate) use self::key::{BadKey, Key};
use crate::{CannotSign, Header, Invalid, Message, Scheme, Secret, Signed, Verified, encoding, secret::filled};

/// Standard Webhooks (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>), as Svix and many others
/// send: `webhook-id`, `webhook-timestamp` and `webhook-signature`, over `<id>.<timestamp>.<body>`. Svix calls the same headers `svix-…`.
///
/// `webhook-signature` holds one or more of `v1,<base64>`, HMAC-SHA256, and `v1a,<base64>`, ed25519, separated by blanks. What a secret is
/// for is told by its prefix, and it is used for nothing else, so that nobody can sign with a key that is public:
/// - `whsec_` or none, then base64: the symmetric key of `v1`. Libraries take keys of any length, and so does this, up to 128 bytes.
/// - `whpk_`, then base64 of 32 bytes: the public key of `v1a`.
/// - `whsk_`, then base64 of 32 bytes (the seed) or 64 (the public key behind it): the private key of `v1a`. It signs, and verifies
///   what it signed; a receiver needs only the public one.
///
/// The padding of a secret may be missing, as Python's library has it.
///
/// A signature is accepted up to 300 s after its time and as long before it, the 300th included.
///
/// The libraries differ where no sender goes. Here the stricter reading holds:
/// - The three headers are of one family and each is sent once. `svix-signature` goes before `webhook-signature`, as in Svix's libraries;
///   if it is wrong, the other is not tried. The id belongs to the signature only if it is read from the same family:
///   [`StandardWebhooks::id`].
/// - The id is of visible ASCII, and has no full stop. The specification forbids it there: with one, the same signature could be moved to
///   another id, time and body.
/// - The timestamp is a number of seconds in the only way to write it. (Python takes fractions, JavaScript takes `1e9` for 1.)
/// - An item of the signature header without a comma, so also one blank too many: the header is malformed (JavaScript and Rust skip it).
///   Other versions than these two are skipped.
/// - At most [`StandardWebhooks::MOST_V1A`] signatures `v1a`, since each costs as much as reading the body.
/// - The base64 is padded and has no bits set beyond its bytes.
///
/// The body alone is read more widely than by some: it is bytes, where Rust's library wants UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct StandardWebhooks {
    tolerance: Duration,
}

/// One set of headers.
struct Family {
    id: &'static str,
    timestamp: &'static str,
    signature: &'static str,
}

static COMMON: Family = Family { id: "webhook-id", timestamp: "webhook-timestamp", signature: StandardWebhooks::HEADER };
static SVIX: Family = Family { id: "svix-id", timestamp: "svix-timestamp", signature: StandardWebhooks::SVIX_HEADER };

const ACCEPTED: &str = "v1 or v1a";

impl StandardWebhooks {
    /// The header that signatures are sent in.
    pub const HEADER: &'static str = "webhook-signature";
    /// The same by Svix, which goes before.
    pub const SVIX_HEADER: &'static str = "svix-signature";
    /// The difference of clocks that the libraries accept.
    pub const TOLERANCE: Duration = Duration::from_mins(5);
    /// More signatures `v1a` than these are never sent.
    pub const MOST_V1A: usize = 8;

    /// Checks that a text can be one of its secrets.
    ///
    /// # Errors
    /// Why it is no key.
    pub fn check_key(text: &str) -> Result<(), &'static str> {
        Key::read(text).map(drop).map_err(BadKey::problem)
    }

    /// As the specification has it.
    #[must_use]
    pub const fn new() -> Self {
        Self { tolerance: Self::TOLERANCE }
    }

    /// Accepts signatures up to this much older or newer, in whole seconds. Zero switches the check off, and leaves captured requests valid for
    /// ever.
    #[must_use]
    pub const fn with_tolerance(self, tolerance: Duration) -> Self {
        Self { tolerance }
    }

    /// The id of a message, from the family of headers whose signature counts. Vouched for once the message is verified.
    #[must_use]
    pub fn id<'a>(message: &Message<'a>) -> Option<&'a str> {
        read_id(message, Self::family(message)).ok().and_then(|id| std::str::from_utf8(id).ok())
    }

    fn family(message: &Message<'_>) -> &'static Family {
        if message.header(SVIX.signature) == Header::Absent { &COMMON } else { &SVIX }
    }

    /// The header whose signature counts in this message.
    #[cfg(feature = "explain")]
    pub(crate) fn header_of(message: &Message<'_>) -> &'static str {
        Self::family(message).signature
    }

    fn check_time(&self, secret: usize, timestamp: i64, now: i64) -> Result<(), Invalid> {
        let tolerance = self.tolerance.as_secs();
        let age = now.saturating_sub(timestamp);
        if tolerance == 0 || age.unsigned_abs() <= tolerance {
            return Ok(());
        }
        Err(if age > 0 {
            Invalid::TooOld { secret, timestamp, age, tolerance }
        } else {
            Invalid::FromTheFuture { secret, timestamp, ahead: age.saturating_neg(), tolerance }
        })
    }
}

impl Default for StandardWebhooks {
    fn default() -> Self {
        Self::new()
    }
}

/// A key pair of `v1a` from 32 random bytes: the private key that signs (`whsk_…`, seed and public key), and the public key for receivers (`whpk_…`).
#[must_use]
pub fn key_pair(seed: &[u8; 32]) -> (Secret, String) {
    let private = SigningKey::from_bytes(seed);
    let secret = Secret::new(format!("whsk_{}", STANDARD.encode(private.to_keypair_bytes())));
    (secret, format!("whpk_{}", STANDARD.encode(private.verifying_key().to_bytes())))
}

impl Scheme for StandardWebhooks {
    fn header(&self) -> &'static str {
        Self::HEADER
    }

    fn verify(&self, message: &Message<'_>, secrets: &[Secret], now: i64) -> Result<Verified, Invalid> {
        let family = Self::family(message);
        let signatures = Signatures::read(family.signature, message.needed(family.signature)?)?;
        let id = read_id(message, family)?;
        let (timestamp, digits) = read_timestamp(message, family)?;
        let signed: [&[u8]; 5] = [id, b".", digits, b".", message.body];
        let mut tried = 0;
        for (secret, text) in filled(secrets)? {
            let fits = match text.standard() {
                Ok(Key::Symmetric(key)) if signatures.v1 > 0 => {
                    let mac = key.mac(&signed);
                    signatures.of(b"v1").any(|signature: [u8; 32]| mac.clone().verify_slice(&signature).is_ok())
                }
                Ok(Key::Public(key)) if signatures.v1a > 0 => fits(&signatures, |signature| key.verifies(&signed, signature)),
                Ok(Key::Private(key)) if signatures.v1a > 0 => {
                    let key = key.public();
                    fits(&signatures, |signature| key.verifies(&signed, signature))
                }
                _ => continue,
            };
            tried += 1;
            if fits {
                self.check_time(secret, timestamp, now)?;
                return Ok(Verified { secret, timestamp: Some(timestamp) });
            }
        }
        if tried == 0 {
            return Err(Invalid::NoSuitableSecret { wanted: signatures.wanted() });
        }
        Err(Invalid::NoMatch { signatures: signatures.v1 + signatures.v1a, secrets: tried, urls: 0, timestamp: Some(timestamp) })
    }

    /// The message has its id already, as `webhook-id` or `svix-id`, and the headers of the same family are added.
    fn sign(&self, unsigned: &Message<'_>, secrets: &[Secret], now: i64) -> Result<Signed, CannotSign> {
        let svix = unsigned.header(COMMON.id) == Header::Absent && unsigned.header(SVIX.id) != Header::Absent;
        let family = if svix { &SVIX } else { &COMMON };
        let id = read_id(unsigned, family).map_err(|_| CannotSign::Header {
            header: family.id,
            problem: "which must be there once, of visible ASCII without full stops",
        })?;
        let timestamp = now.to_string();
        let signed: [&[u8]; 5] = [id, b".", timestamp.as_bytes(), b".", unsigned.body];
        let mut signatures = Vec::new();
        for (secret, text) in filled(secrets)? {
            let unusable = |problem| CannotSign::Unusable { secret, problem };
            signatures.push(match text.standard().map_err(|bad| unusable(bad.problem()))? {
                Key::Symmetric(key) => format!("v1,{}", STANDARD.encode(key.mac(&signed).finalize().into_bytes())),
                Key::Private(key) => format!("v1a,{}", STANDARD.encode(key.sign(&signed))),
                Key::Public(_) => return Err(unusable("it is a public key, which only verifies")),
            });
        }
        Ok(Signed { url: None, headers: vec![(family.timestamp, timestamp), (family.signature, signatures.join(" "))] })
    }
}

fn fits(signatures: &Signatures<'_>, verifies: impl Fn(&Signature) -> bool) -> bool {
    signatures.of(b"v1a").any(|signature: [u8; 64]| verifies(&Signature::from_bytes(&signature)))
}

fn read_id<'a>(message: &Message<'a>, family: &'static Family) -> Result<&'a [u8], Invalid> {
    let id = message.needed(family.id)?;
    let well_formed = !id.is_empty() && id.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.');
    if well_formed {
        return Ok(id);
    }
    Err(Invalid::MalformedHeader { header: family.id, problem: "it is not of visible ASCII without full stops" })
}

/// The time, and the text that was signed.
fn read_timestamp<'a>(message: &Message<'a>, family: &'static Family) -> Result<(i64, &'a [u8]), Invalid> {
    let digits = message.needed(family.timestamp)?;
    let plain = digits.iter().all(u8::is_ascii_digit) && (digits == b"0" || !digits.starts_with(b"0"));
    let number = std::str::from_utf8(digits).ok().filter(|_| plain).and_then(|digits| digits.parse().ok());
    let problem = "it is no number of seconds";
    number.map(|number| (number, digits)).ok_or(Invalid::MalformedHeader { header: family.timestamp, problem })
}

/// A header with at least one signature that may count.
struct Signatures<'a> {
    value: &'a [u8],
    v1: usize,
    v1a: usize,
}

impl<'a> Signatures<'a> {
    fn read(header: &'static str, value: &'a [u8]) -> Result<Self, Invalid> {
        let malformed = |problem| Err(Invalid::MalformedHeader { header, problem });
        let (mut v1, mut v1a) = (0, 0);
        for item in value.split(|byte| *byte == b' ') {
            match version_and_text(item) {
                Some((b"v1", _)) => v1 += 1,
                Some((b"v1a", _)) => v1a += 1,
                Some(_) => {}
                None => return malformed("an item is not version,signature"),
            }
        }
        if v1a > StandardWebhooks::MOST_V1A {
            return malformed("it has too many v1a signatures");
        }
        if v1 + v1a == 0 {
            return Err(Invalid::NoSignature { header, accepted: ACCEPTED });
        }
        Ok(Self { value, v1, v1a })
    }

    /// The signatures of a version that could be one; what is not `N` bytes of base64 never fits.
    fn of<const N: usize>(&self, version: &'static [u8]) -> impl Iterator<Item = [u8; N]> {
        let items = self.value.split(|byte| *byte == b' ').filter_map(version_and_text);
        items.filter(move |(found, _)| *found == version).filter_map(|(_, text)| encoding::base64(text))
    }

    const fn wanted(&self) -> &'static str {
        match (self.v1, self.v1a) {
            (_, 0) => "a symmetric key (whsec_…), as signatures v1 need",
            (0, _) => "a public key (whpk_…), as signatures v1a need",
            _ => "a key (whsec_… or whpk_…)",
        }
    }
}

fn version_and_text(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let comma = item.iter().position(|byte| *byte == b',')?;
    Some((&item[..comma], &item[comma + 1..]))
}
