use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ed25519_dalek::{
    Signature, SigningKey, VerifyingKey,
    ed25519::signature::{MultipartSigner, MultipartVerifier},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::keyed;

/// A secret, read for what its prefix says that it is.
#[derive(Clone)]
pub(crate) enum Key {
    /// Both sign and verify with it.
    Symmetric(Symmetric),
    /// Verifies.
    Public(Public),
    /// Signs.
    Private(Private),
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadKey {
    NoBase64,
    Empty,
    TooLong,
    NoPublicKey,
    NoPrivateKey,
}

impl BadKey {
    pub(crate) const fn problem(self) -> &'static str {
        match self {
            Self::NoBase64 => "it is no base64 behind its prefix",
            Self::Empty => "there is nothing behind its prefix",
            Self::TooLong => "it is longer than 128 bytes",
            Self::NoPublicKey => "it is no ed25519 public key of 32 bytes",
            Self::NoPrivateKey => "it is no ed25519 private key of 32 bytes, or of 64 with the public key that belongs to it",
        }
    }
}

/// The longest key, bytes.
const LONGEST: usize = 128;

const TEXT: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

impl Key {
    pub(crate) fn read(text: &str) -> Result<Self, BadKey> {
        if let Some(text) = text.strip_prefix("whpk_") {
            return Public::read(&Bytes::read(text)?).map(Self::Public);
        }
        if let Some(text) = text.strip_prefix("whsk_") {
            return Private::read(&Bytes::read(text)?).map(Self::Private);
        }
        Bytes::read(text.strip_prefix("whsec_").unwrap_or(text)).map(|bytes| Self::Symmetric(Symmetric::new(&bytes)))
    }
}

/// A key's bytes on the stack, wiped afterwards.
struct Bytes {
    buffer: Zeroizing<[u8; LONGEST + 4]>,
    length: usize,
}

impl Bytes {
    fn read(text: &str) -> Result<Self, BadKey> {
        if text.len() > LONGEST.div_ceil(3) * 4 {
            return Err(BadKey::TooLong);
        }
        let mut buffer = Zeroizing::new([0; LONGEST + 4]);
        let length = TEXT.decode_slice(text, &mut buffer[..]).map_err(|_| BadKey::NoBase64)?;
        match length {
            0 => Err(BadKey::Empty),
            1..=LONGEST => Ok(Self { buffer, length }),
            _ => Err(BadKey::TooLong),
        }
    }

    fn as_slice(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

/// A key of `v1`.
#[derive(Clone)]
pub(crate) struct Symmetric {
    keyed: Hmac<Sha256>,
    #[cfg(feature = "explain")]
    length: usize,
}

impl Symmetric {
    fn new(bytes: &Bytes) -> Self {
        Self {
            keyed: keyed(bytes.as_slice()),
            #[cfg(feature = "explain")]
            length: bytes.length,
        }
    }

    pub(crate) fn mac(&self, signed: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        for part in signed {
            mac.update(part);
        }
        mac
    }

    #[cfg(feature = "explain")]
    pub(crate) const fn length(&self) -> usize {
        self.length
    }
}

/// A public key of `v1a`.
#[derive(Clone)]
pub(crate) struct Public(VerifyingKey);

impl Public {
    fn read(bytes: &Bytes) -> Result<Self, BadKey> {
        let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| BadKey::NoPublicKey)?;
        // Everyone can sign for a weak key.
        let key = VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak());
        key.map(Self).ok_or(BadKey::NoPublicKey)
    }

    pub(crate) fn verifies(&self, signed: &[&[u8]], signature: &Signature) -> bool {
        self.0.multipart_verify(signed, signature).is_ok()
    }
}

/// A private key of `v1a`.
#[derive(Clone)]
pub(crate) struct Private(SigningKey);

impl Private {
    fn read(bytes: &Bytes) -> Result<Self, BadKey> {
        if let Ok(seed) = bytes.as_slice().try_into() {
            return Ok(Self(SigningKey::from_bytes(seed)));
        }
        let pair: &[u8; 64] = bytes.as_slice().try_into().map_err(|_| BadKey::NoPrivateKey)?;
        SigningKey::from_keypair_bytes(pair).map(Self).map_err(|_| BadKey::NoPrivateKey)
    }

    pub(crate) fn public(&self) -> Public {
        Public(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, signed: &[&[u8]]) -> [u8; 64] {
        self.0.multipart_sign(signed).to_bytes()
    }
}
