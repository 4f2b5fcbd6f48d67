//! Secrets at rest: XChaCha20-Poly1305 under the operator's master key.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sluice_signature::Secret;

use crate::ports::Ids;

/// The length of a nonce, bytes.
const NONCE: usize = 24;
/// The shortest master key, characters.
pub const SHORTEST_KEY: usize = 32;

/// A secret, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Which master key it was sealed with.
    key: String,
    /// Nonce, ciphertext and tag, as base64.
    text: String,
}

/// Why a sealed secret stays closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotOpen {
    /// The key is none of those that are set.
    #[error("it was sealed with a master key that is not among those in SLUICE_MASTER_KEY; add that one behind the new one")]
    UnknownKey,
    /// What is stored is not what was sealed, or not for this.
    #[error("what is stored of it is damaged")]
    Damaged,
}

struct MasterKey {
    name: String,
    cipher: XChaCha20Poly1305,
}

/// The master keys: the first one seals, all of them open.
pub struct Keyring(Vec<MasterKey>);

impl Keyring {
    /// The keys of these texts, each of at least [`SHORTEST_KEY`] characters that nobody can guess. Empty: nothing can be sealed.
    #[must_use]
    pub fn new(texts: &[Secret]) -> Self {
        let keys = texts.iter().map(|text| {
            let key: [u8; 32] = Sha256::new().chain_update(b"sluice master key 1\0").chain_update(text.reveal()).finalize().into();
            let name = hex::encode(&Sha256::digest(key)[..4]);
            MasterKey { name, cipher: XChaCha20Poly1305::new(&Key::from(key)) }
        });
        Self(keys.collect())
    }

    /// Seals a secret for `owner`, whose only it will open for. `None` without a key.
    #[must_use]
    pub fn seal(&self, secret: &str, owner: &str, ids: &dyn Ids) -> Option<Sealed> {
        let key = self.0.first()?;
        let mut nonce = [0; NONCE];
        nonce[..16].copy_from_slice(&ids.random().to_be_bytes());
        nonce[16..].copy_from_slice(&ids.random().to_be_bytes()[8..]);
        let payload = Payload { msg: secret.as_bytes(), aad: owner.as_bytes() };
        let mut bytes = nonce.to_vec();
        bytes.extend(key.cipher.encrypt(&XNonce::from(nonce), payload).ok()?);
        Some(Sealed { key: key.name.clone(), text: STANDARD_NO_PAD.encode(bytes) })
    }

    /// Whether it was sealed with the key that seals now.
    #[must_use]
    pub fn is_newest(&self, sealed: &Sealed) -> bool {
        self.0.first().is_some_and(|key| key.name == sealed.key)
    }

    /// Opens a sealed secret of `owner`.
    ///
    /// # Errors
    /// [`CannotOpen`].
    pub fn open(&self, sealed: &Sealed, owner: &str) -> Result<Secret, CannotOpen> {
        let key = self.0.iter().find(|key| key.name == sealed.key).ok_or(CannotOpen::UnknownKey)?;
        let bytes = STANDARD_NO_PAD.decode(&sealed.text).map_err(|_| CannotOpen::Damaged)?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE>().ok_or(CannotOpen::Damaged)?;
        let payload = Payload { msg: ciphertext, aad: owner.as_bytes() };
        let text = key.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| CannotOpen::Damaged)?;
        String::from_utf8(text).map(Secret::new).map_err(|_| CannotOpen::Damaged)
    }
}

/// A new signing secret: `whsec_` and 32 random bytes (Standard Webhooks, "Signature scheme").
#[must_use]
pub fn fresh_secret(ids: &dyn Ids) -> String {
    format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(fresh_seed(ids)))
}

/// 32 random bytes.
pub(super) fn fresh_seed(ids: &dyn Ids) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&ids.random().to_be_bytes());
    bytes[16..].copy_from_slice(&ids.random().to_be_bytes());
    bytes
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::CountingIds;

    const OLD: &str = "an old master key of forty characters 00";
    const NEW: &str = "a new master key of forty characters 000";

    fn ring(keys: &[&str]) -> Keyring {
        Keyring::new(&keys.iter().map(|key| Secret::new(*key)).collect::<Vec<_>>())
    }

    #[test]
    fn what_was_sealed_opens_for_its_owner_alone() {
        let ids = CountingIds::new();
        let sealed = ring(&[OLD]).seal("whsec_x", "sub_1", &ids).unwrap();
        assert!(!serde_json::to_string(&sealed).unwrap().contains("whsec_x"));
        assert_eq!(ring(&[OLD]).open(&sealed, "sub_1").unwrap().reveal(), "whsec_x");
        assert_eq!(ring(&[OLD]).open(&sealed, "sub_2").unwrap_err(), CannotOpen::Damaged);
        assert_ne!(ring(&[OLD]).seal("whsec_x", "sub_1", &ids).unwrap(), sealed, "another nonce");
    }

    #[test]
    fn a_key_is_rotated_by_putting_a_new_one_in_front() {
        let ids = CountingIds::new();
        let sealed = ring(&[OLD]).seal("whsec_x", "sub_1", &ids).unwrap();
        assert_eq!(ring(&[NEW, OLD]).open(&sealed, "sub_1").unwrap().reveal(), "whsec_x");
        assert_eq!(ring(&[NEW]).open(&sealed, "sub_1").unwrap_err(), CannotOpen::UnknownKey);
        let newer = ring(&[NEW, OLD]).seal("whsec_x", "sub_1", &ids).unwrap();
        assert_eq!(ring(&[NEW]).open(&newer, "sub_1").unwrap().reveal(), "whsec_x");
        assert!(ring(&[]).seal("whsec_x", "sub_1", &ids).is_none());
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let sealed = ring(&[OLD]).seal("whsec_x", "sub_1", &CountingIds::new()).unwrap();
        for at in 0..sealed.text.len() {
            let mut text = sealed.text.clone().into_bytes();
            text[at] = if text[at] == b'A' { b'B' } else { b'A' };
            let changed = Sealed { text: String::from_utf8(text).unwrap(), ..sealed.clone() };
            assert_eq!(ring(&[OLD]).open(&changed, "sub_1").unwrap_err(), CannotOpen::Damaged, "{at}");
        }
    }

    #[test]
    fn a_fresh_secret_signs() {
        let (ids, secret) = (CountingIds::new(), fresh_secret(&CountingIds::new()));
        assert_eq!(secret.len(), "whsec_".len() + 44);
        assert_ne!(fresh_secret(&ids), fresh_secret(&ids));
    }
}
