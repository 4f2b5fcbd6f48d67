use std::{fmt, sync::OnceLock};

use hmac::{Hmac, KeyInit};
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::standard::{BadKey, Key};

/// What sender and receiver share, as the provider shows it (`whsec_…`).
///
/// What schemes derive from it before they look at a message is derived once and kept with it. It is wiped from memory when dropped, and shows nothing
/// of itself in logs.
#[derive(Clone)]
pub struct Secret {
    name: Option<Box<str>>,
    text: Zeroizing<Box<str>>,
    derived: Box<Derived>,
}

/// What was derived from the text, each when it was first asked for. All of them wipe themselves when they are dropped. They lie in a box, so that moving a
/// secret leaves no copy behind.
#[derive(Clone, Default)]
struct Derived {
    sha256: OnceLock<Hmac<Sha256>>,
    sha1: OnceLock<Hmac<Sha1>>,
    standard: OnceLock<Result<Key, BadKey>>,
}

impl Secret {
    /// Takes the text as it is, blanks included.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self { name: None, text: Zeroizing::new(text.into()), derived: Box::default() }
    }

    /// A secret that counts only for messages which name it: by the account that it belongs to, or by the id of the key.
    #[must_use]
    pub fn named(name: impl Into<Box<str>>, text: impl Into<Box<str>>) -> Self {
        Self { name: Some(name.into()), ..Self::new(text) }
    }

    /// Another text under the same name.
    #[cfg(feature = "explain")]
    pub(crate) fn with_text(&self, text: &str) -> Self {
        Self { name: self.name.clone(), ..Self::new(text) }
    }

    /// The name by which messages call it. It is no secret.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The text itself: for computing a signature, never for showing.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// HMAC-SHA256 keyed with the text, before anything is hashed.
    pub(crate) fn sha256(&self) -> Hmac<Sha256> {
        self.derived.sha256.get_or_init(|| keyed(self.text.as_bytes())).clone()
    }

    /// HMAC-SHA1 keyed with the text, before anything is hashed.
    pub(crate) fn sha1(&self) -> Hmac<Sha1> {
        self.derived.sha1.get_or_init(|| keyed(self.text.as_bytes())).clone()
    }

    /// The text read as a key of Standard Webhooks.
    pub(crate) fn standard(&self) -> Result<&Key, BadKey> {
        self.derived.standard.get_or_init(|| Key::read(&self.text)).as_ref().map_err(|bad| *bad)
    }

    /// Whether there is nothing in it but white space. No scheme verifies or signs with such a secret: anyone could guess it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            None => f.write_str("Secret(…)"),
            Some(name) => write!(f, "Secret({name}: …)"),
        }
    }
}

/// An HMAC with this key, before anything is hashed.
pub(crate) fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// The secrets that have something in them, each with its position.
///
/// # Errors
/// [`NoSecret`] if there is none.
pub(crate) fn filled(secrets: &[Secret]) -> Result<impl Iterator<Item = (usize, &Secret)> + Clone, NoSecret> {
    let filled = secrets.iter().enumerate().filter(|(_, secret)| !secret.is_blank());
    if filled.clone().next().is_none() { Err(NoSecret) } else { Ok(filled) }
}

/// There is no secret, or only blank ones.
#[derive(Debug)]
pub(crate) struct NoSecret;

impl From<NoSecret> for crate::Invalid {
    fn from(_: NoSecret) -> Self {
        Self::NoSecret
    }
}

impl From<NoSecret> for crate::CannotSign {
    fn from(_: NoSecret) -> Self {
        Self::NoSecret
    }
}

#[cfg(test)]
mod tests {
    use hmac::Mac;

    use super::*;

    #[test]
    fn shows_nothing_of_itself() {
        assert_eq!(format!("{:?} {:#?}", Secret::new("whsec_a"), Secret::new("whsec_b")), "Secret(…) Secret(…)");
        assert_eq!(format!("{:?}", Secret::named("AC1", "token")), "Secret(AC1: …)");
        let secret = Secret::new("whsec_YQ==");
        drop((secret.sha256(), secret.sha1(), secret.standard().is_ok()));
        assert_eq!(format!("{secret:?} {:?}", secret.clone()), "Secret(…) Secret(…)", "nor of what was derived from it");
    }

    #[test]
    fn what_is_derived_is_wiped_when_it_is_dropped() {
        const fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        // What HMAC keeps of a key is two states of the hash.
        const { wiped::<Sha256>() }
        const { wiped::<Sha1>() }
        const { wiped::<ed25519_dalek::SigningKey>() }
    }

    #[test]
    fn another_text_has_nothing_of_the_first() {
        let mac = |secret: &Secret| secret.sha256().chain_update(b"message").finalize().into_bytes();
        let secret = Secret::named("AC1", "a");
        let first = mac(&secret);
        assert_eq!((mac(&secret), mac(&secret.clone())), (first, first), "what is kept stays as it was derived");
        assert_ne!(mac(&secret.with_text("b")), first);
        assert_eq!(mac(&secret.with_text("b")), mac(&Secret::new("b")));
    }

    #[test]
    fn blank() {
        assert!(Secret::new("").is_blank() && Secret::new(" \n").is_blank() && Secret::named("AC1", "").is_blank());
        assert!(!Secret::new(" a ").is_blank());
    }
}
