//! Makes new events out of samples: what differs between two of them is what their provider says.

use sluice_core::{
    provider::{Fresh, Place, Renewal},
    time::Timestamp,
};

use crate::{draft::Draft, json::BadPath};

/// What makes an event a new one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct New {
    /// Nothing else was ever given this number.
    pub(crate) random: u128,
    /// When it happens, in seconds since the Unix epoch.
    pub(crate) now: i64,
}

impl New {
    /// Makes another event of the same kind out of a sample.
    pub(crate) fn renew(&self, event: &mut Draft, places: &[Renewal]) -> Result<(), BadPath> {
        for Renewal { place, fresh } in places {
            match (*place, *fresh) {
                (Place::Header(name), fresh) => event.set_header(name, self.text(fresh)),
                (Place::Body(path), _) if !event.has(path) => {}
                (Place::Body(path), Fresh::Number) => event.set_number(path, self.small())?,
                (Place::Body(path), Fresh::Now) if event.is_number(path) => event.set_number(path, self.now)?,
                (Place::Body(path), fresh) => event.set_text(path, &self.text(fresh))?,
            }
        }
        Ok(())
    }

    fn text(&self, fresh: Fresh) -> String {
        match fresh {
            Fresh::Id(prefix) => format!("{prefix}{}", base62(self.random)),
            Fresh::Hex(prefix, digits) => {
                let hex = format!("{:0>digits$}", format!("{:032x}", self.random));
                format!("{prefix}{}", &hex[hex.len() - digits..])
            }
            Fresh::Uuid => uuid(self.random),
            Fresh::OtherUuid => uuid(!self.random),
            Fresh::Number => self.small().to_string(),
            Fresh::Now => Timestamp::from_seconds(self.now).to_string(),
        }
    }

    /// A number that every JSON reader reads exactly.
    fn small(&self) -> i64 {
        i64::try_from(self.random & 0xf_ffff_ffff_ffff).expect("52 bits")
    }
}

/// A random UUID (RFC 9562, version 4).
fn uuid(random: u128) -> String {
    let mut bytes = random.to_be_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// 22 letters and digits, different for different numbers.
fn base62(mut number: u128) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = ['0'; 22];
    for digit in digits.iter_mut().rev() {
        let rest = usize::try_from(number % 62).expect("less than 62");
        *digit = char::from(DIGITS[rest]);
        number /= 62;
    }
    digits.iter().collect()
}

#[cfg(test)]
mod tests {
    use sluice_core::provider::ALL;

    use super::*;

    #[test]
    fn every_dev_secret_signs() {
        use sluice_signature::Message;
        for provider in ALL {
            let headers = [("webhook-id", &b"msg_1"[..])];
            let unsigned = Message { method: "POST", url: "http://127.0.0.1:3000/", headers: &headers, body: b"{}" };
            let scheme = provider.scheme();
            let secret = provider.read_secret(provider.dev_secret());
            let signed =
                scheme.sign(&unsigned, std::slice::from_ref(&secret), 1).unwrap_or_else(|error| panic!("{}: {error:?}", provider.name()));
            let headers: Vec<_> = headers.into_iter().chain(signed.headers.iter().map(|(name, value)| (*name, value.as_bytes()))).collect();
            let url = signed.url.as_deref().unwrap_or(unsigned.url);
            let message = Message { url, headers: &headers, ..unsigned };
            assert!(scheme.verify(&message, &[secret], 1).is_ok(), "{}", provider.name());
        }
    }

    #[test]
    fn uuids_are_of_version_4() {
        assert_eq!(uuid(1), "00000000-0000-4000-8000-000000000001");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn hex_of_any_length_ends_in_what_differs() {
        let new = New { random: 0xabc, now: 0 };
        assert_eq!(new.text(Fresh::Hex("SM", 32)), format!("SM{}abc", "0".repeat(29)));
        assert_eq!(new.text(Fresh::Hex("", 40)), format!("{}abc", "0".repeat(37)));
        assert_eq!(new.text(Fresh::Hex("Ev", 2)), "Evbc");
    }

    #[test]
    fn base62_has_room_for_every_number() {
        assert_eq!(base62(0), "0".repeat(22));
        assert_eq!(base62(61), format!("{}z", "0".repeat(21)));
        assert_eq!(base62(u128::MAX).len(), 22);
        assert_ne!(base62(u128::MAX), base62(u128::MAX - 62_u128.pow(21)));
    }
}
