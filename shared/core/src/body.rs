//! Webhook bodies, exact to the byte, compressed with zstd and a dictionary per provider.
//!
//! The dictionary's number is stored with every body. Old dictionaries stay in the table for ever, so that what was
//! stored with them can be read; a new one is added under the next number and becomes the one that is written.

use std::{cell::RefCell, sync::LazyLock};

use serde::{Deserialize, Serialize};
use zstd::{
    bulk::{Compressor, Decompressor},
    dict::{DecoderDictionary, EncoderDictionary},
};

/// How hard zstd tries. Level 3 is its own default.
const LEVEL: i32 = 3;

struct Dictionary {
    number: u16,
    provider: &'static str,
    bytes: &'static [u8],
    encoder: LazyLock<EncoderDictionary<'static>>,
    decoder: LazyLock<DecoderDictionary<'static>>,
}

macro_rules! dictionary {
    ($number:literal, $provider:literal, $file:literal) => {
        Dictionary {
            number: $number,
            provider: $provider,
            bytes: include_bytes!(concat!("../dictionaries/", $file)),
            encoder: LazyLock::new(|| EncoderDictionary::copy(include_bytes!(concat!("../dictionaries/", $file)), LEVEL)),
            decoder: LazyLock::new(|| DecoderDictionary::copy(include_bytes!(concat!("../dictionaries/", $file)))),
        }
    };
}

/// Every dictionary that was ever written with; the last one of a provider is the one in use.
static DICTIONARIES: [Dictionary; 1] = [dictionary!(1, "stripe", "stripe-1.dict")];

thread_local! {
    // Setting up a context takes longer than compressing a usual body with it, so every thread keeps its own.
    static COMPRESSOR: RefCell<Compressor<'static>> = RefCell::new(Compressor::new(LEVEL).expect("only fails without memory"));
    static DECOMPRESSOR: RefCell<Decompressor<'static>> = RefCell::new(Decompressor::new().expect("only fails without memory"));
}

/// A compressed body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedBody {
    /// The dictionary's number; 0 for none.
    pub dictionary: u16,
    /// The length of the body itself, bytes.
    pub length: usize,
    /// The zstd frame.
    #[serde(with = "base64_text")]
    pub packed: Vec<u8>,
}

/// A stored body that can't be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum BadBody {
    /// Written by a newer version, or the number is wrong.
    #[error("the body was packed with dictionary {0}, which this version does not have")]
    UnknownDictionary(u16),
    /// Not a zstd frame of the length stated.
    #[error("the stored body can't be unpacked: {0}")]
    Corrupt(std::io::Error),
}

impl PackedBody {
    /// Compresses a body with its provider's dictionary.
    #[must_use]
    pub fn pack(provider: &str, body: &[u8]) -> Self {
        let dictionary = DICTIONARIES.iter().rev().find(|dictionary| dictionary.provider == provider && !dictionary.bytes.is_empty());
        let packed = COMPRESSOR.with_borrow_mut(|compressor| {
            match dictionary {
                Some(dictionary) => compressor.set_prepared_dictionary(&dictionary.encoder),
                None => compressor.set_dictionary(LEVEL, &[]),
            }?;
            compressor.compress(body)
        });
        let packed = packed.expect("compressing to memory only fails without memory");
        Self { dictionary: dictionary.map_or(0, |dictionary| dictionary.number), length: body.len(), packed }
    }

    /// The body as it came in.
    ///
    /// # Errors
    /// [`BadBody`] if it was not packed by this or an earlier version, or is damaged.
    pub fn unpack(&self) -> Result<Vec<u8>, BadBody> {
        let known = |dictionary: &&Dictionary| dictionary.number == self.dictionary;
        let dictionary = match self.dictionary {
            0 => None,
            number => Some(DICTIONARIES.iter().find(known).ok_or(BadBody::UnknownDictionary(number))?),
        };
        let body = DECOMPRESSOR.with_borrow_mut(|decompressor| {
            match dictionary {
                Some(dictionary) => decompressor.set_prepared_dictionary(&dictionary.decoder),
                None => decompressor.set_dictionary(&[]),
            }?;
            decompressor.decompress(&self.packed, self.length)
        });
        let body = body.map_err(BadBody::Corrupt)?;
        if body.len() == self.length {
            Ok(body)
        } else {
            Err(BadBody::Corrupt(std::io::Error::other(format!("{} bytes instead of {}", body.len(), self.length))))
        }
    }
}

/// Bytes as base64 text in JSON.
mod base64_text {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD_NO_PAD.decode(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_unique_and_zero_is_none() {
        let mut numbers: Vec<_> = DICTIONARIES.iter().map(|dictionary| dictionary.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), DICTIONARIES.len());
        assert!(!numbers.contains(&0));
    }

    #[test]
    fn damage_is_an_error_not_a_wrong_body() {
        let body = PackedBody::pack("stripe", br#"{"id":"evt_1"}"#);
        assert!(matches!(PackedBody { length: 3, ..body.clone() }.unpack(), Err(BadBody::Corrupt(_))));
        assert!(matches!(PackedBody { length: 300, ..body.clone() }.unpack(), Err(BadBody::Corrupt(_))));
        assert!(matches!(PackedBody { packed: vec![1, 2, 3], ..body.clone() }.unpack(), Err(BadBody::Corrupt(_))));
        assert!(matches!(PackedBody { dictionary: 999, ..body }.unpack(), Err(BadBody::UnknownDictionary(999))));
    }

    proptest! {
        #[test]
        fn any_body_comes_back_to_the_byte(body: Vec<u8>, known: bool) {
            let packed = PackedBody::pack(if known { "stripe" } else { "nobody" }, &body);
            let text = serde_json::to_string(&packed).expect("serialises");
            let read: PackedBody = serde_json::from_str(&text).expect("reads back");
            prop_assert_eq!(read.unpack().expect("unpacks"), body);
        }
    }
}
