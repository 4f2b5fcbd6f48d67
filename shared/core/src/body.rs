//! Webhook bodies, exact to the byte, compressed with zstd and a dictionary per provider.
//!
//! The dictionary's number is stored with every body. Old dictionaries stay in the table for ever, so that what was
//! stored with them can be read; a new one is added under the next number and becomes the one of its provider.

use serde::{Deserialize, Serialize};

use crate::packing;

/// What the bodies of one provider have in common.
pub struct Dictionary {
    number: u16,
    packing: packing::Dictionary,
}

impl Dictionary {
    const fn new(number: u16, bytes: &'static [u8]) -> Self {
        Self { number, packing: packing::Dictionary::new(bytes) }
    }
}

/// No dictionary. Most providers' bodies are small without: of Twilio's and Sendro's at most 300 bytes are left, of Slack's 520.
pub static NONE: Dictionary = Dictionary::new(0, &[]);
/// Stripe's.
pub static STRIPE: Dictionary = Dictionary::new(1, include_bytes!("../dictionaries/stripe-1.dict"));
/// GitHub's.
pub static GITHUB: Dictionary = Dictionary::new(2, include_bytes!("../dictionaries/github-1.dict"));
/// Shopify's.
pub static SHOPIFY: Dictionary = Dictionary::new(3, include_bytes!("../dictionaries/shopify-1.dict"));

/// Every dictionary that was ever written with. Only what reads bodies needs them all.
static DICTIONARIES: [&Dictionary; 4] = [&NONE, &STRIPE, &GITHUB, &SHOPIFY];

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
    pub fn pack(dictionary: &'static Dictionary, body: &[u8]) -> Self {
        Self { dictionary: dictionary.number, length: body.len(), packed: dictionary.packing.compress(body) }
    }

    /// The body as it came in.
    ///
    /// # Errors
    /// [`BadBody`] if it was not packed by this or an earlier version, or is damaged.
    pub fn unpack(&self) -> Result<Vec<u8>, BadBody> {
        let dictionary = DICTIONARIES.iter().find(|dictionary| dictionary.number == self.dictionary);
        let dictionary = dictionary.ok_or(BadBody::UnknownDictionary(self.dictionary))?;
        let body = dictionary.packing.decompress(&self.packed, self.length);
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
    use crate::provider;

    #[test]
    fn each_stands_at_its_number() {
        for (number, dictionary) in (0..).zip(DICTIONARIES) {
            assert_eq!(dictionary.number, number);
        }
    }

    #[test]
    fn damage_is_an_error_not_a_wrong_body() {
        let body = PackedBody::pack(&STRIPE, br#"{"id":"evt_1"}"#);
        assert!(matches!(PackedBody { length: 3, ..body.clone() }.unpack(), Err(BadBody::Corrupt(_))));
        assert!(matches!(PackedBody { length: 300, ..body.clone() }.unpack(), Err(BadBody::Corrupt(_))));
        assert!(matches!(PackedBody { packed: vec![1, 2, 3], ..body.clone() }.unpack(), Err(BadBody::Corrupt(_))));
        assert!(matches!(PackedBody { dictionary: 999, ..body }.unpack(), Err(BadBody::UnknownDictionary(999))));
    }

    /// The samples, which are of the size that is usual. Of Stripe's only those in the shapes of older versions of its API are above 600 bytes, and GitHub's
    /// have ten times as much to pack as the others.
    #[test]
    fn usual_bodies_pack_small() {
        let events = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        for (folder, most) in [
            ("stripe", 1150),
            ("github", 1000),
            ("shopify/orders", 620),
            ("shopify/customers", 220),
            ("twilio", 380),
            ("sendro", 230),
            ("slack", 520),
        ] {
            let provider = provider::by_name(folder.split('/').next().unwrap_or_default()).expect("a provider");
            let dictionary = provider.dictionary();
            for file in std::fs::read_dir(events.join(folder)).expect("is there") {
                let path = file.expect("readable").path();
                let sample: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).expect("readable")).expect("JSON");
                let body = sample["body"].as_str().expect("a body").as_bytes();
                let packed = PackedBody::pack(dictionary, body);
                assert!(packed.packed.len() <= most, "{}: {} bytes of {}", path.display(), packed.packed.len(), body.len());
                assert_eq!(packed.unpack().expect("unpacks"), body);
            }
        }
    }

    proptest! {
        #[test]
        fn any_body_comes_back_to_the_byte(body: Vec<u8>, known: bool) {
            let packed = PackedBody::pack(if known { &STRIPE } else { &NONE }, &body);
            let text = serde_json::to_string(&packed).expect("serialises");
            let read: PackedBody = serde_json::from_str(&text).expect("reads back");
            prop_assert_eq!(read.unpack().expect("unpacks"), body);
        }
    }
}
