//! A record's JSON as it lies in the table: packed, because every kilobyte of an item is paid for at each write, in a transaction twice.
//!
//! Records are short and much like one another, so zstd is given records to begin with: an event record with an effect takes a quarter of its text.

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use sluice_core::packing::Dictionary;

/// Every dictionary that was ever written with, by number from 1; the last one is written. Records of all kinds, one a line.
static DICTIONARIES: [Dictionary; 1] = [Dictionary::new(include_bytes!("../../dictionaries/records-1.jsonl"))];
/// The number of the last one.
const CURRENT: u8 = DICTIONARIES.len() as u8;
/// The longest data that is read: an item is at most 400 KB, and what packs better than this is no record.
const MOST: usize = 16 << 20;

/// Data as an attribute: packed where that makes it smaller, else the text. `None` if it is no text.
pub(super) fn pack(data: Vec<u8>) -> Option<AttributeValue> {
    let data = String::from_utf8(data).ok()?;
    let frame = DICTIONARIES[usize::from(CURRENT) - 1].compress(data.as_bytes());
    if frame.len() + 1 >= data.len() {
        return Some(AttributeValue::S(data));
    }
    let mut packed = Vec::with_capacity(frame.len() + 1);
    packed.push(CURRENT);
    packed.extend_from_slice(&frame);
    Some(AttributeValue::B(Blob::new(packed)))
}

/// The data of an attribute; `None` if it is missing, or not of [`pack`]'s making.
pub(super) fn unpack(value: Option<AttributeValue>) -> Option<Vec<u8>> {
    match value? {
        AttributeValue::S(text) => Some(text.into_bytes()),
        AttributeValue::B(packed) => {
            let (number, frame) = packed.as_ref().split_first()?;
            let data = DICTIONARIES.get(usize::from(number.checked_sub(1)?))?.decompress(frame, MOST).ok();
            data.filter(|data| !data.is_empty())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn there_and_back() {
        let event = DICTIONARIES[0].bytes().trim_ascii_end().split(|byte| *byte == b'\n').next_back().unwrap_or_default().to_vec();
        let long = format!("{{\"{}\":1}}", "never seen before ".repeat(20_000)).into_bytes();
        for data in [b"{}".to_vec(), b"{\"status\":\"delivered\"}".to_vec(), event, long] {
            let attribute = pack(data.clone()).expect("text");
            assert_eq!(unpack(Some(attribute)).as_deref(), Some(&data[..]));
        }
        assert_eq!(pack(b"{}".to_vec()), Some(AttributeValue::S("{}".to_owned())), "what does not get smaller stays as it is");
        assert_eq!(pack(vec![0xff]), None);
    }

    #[test]
    fn what_is_damaged_is_not_read() {
        let bytes = |bytes: &[u8]| Some(AttributeValue::B(Blob::new(bytes)));
        for broken in [bytes(&[]), bytes(&[0]), bytes(&[CURRENT]), bytes(&[CURRENT + 1, 0x28]), bytes(b"\x01{}"), None] {
            assert_eq!(unpack(broken), None);
        }
        assert_eq!(unpack(Some(AttributeValue::Bool(true))), None);
    }

    /// What was stored with a dictionary can't be read with another: a change is a new one, and the old one stays.
    #[test]
    fn dictionaries_never_change() {
        let digests: Vec<_> = DICTIONARIES.iter().map(|dictionary| hex::encode(&Sha256::digest(dictionary.bytes())[..8])).collect();
        assert_eq!(digests, ["5415d21a7a9833d8"]);
    }

    #[test]
    fn a_dictionary_is_records() {
        for line in
            DICTIONARIES.iter().flat_map(|dictionary| dictionary.bytes().split(|byte| *byte == b'\n')).filter(|line| !line.is_empty())
        {
            let record: serde_json::Value = serde_json::from_slice(line).expect("a record is JSON");
            assert!(record["id"].is_string(), "{record}");
        }
    }
}
