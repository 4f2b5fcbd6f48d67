//! Signatures as text. Each is read in one way only, so that no two texts stand for the same signature.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// `N` bytes in hex of lower case.
pub(crate) fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let (pairs, []) = digits.as_chunks() else { return None };
    let pairs: &[[u8; 2]; N] = pairs.try_into().ok()?;
    let mut seen = 0;
    let bytes = pairs.map(|[high, low]| {
        let (high, low) = (DIGITS[usize::from(high)], DIGITS[usize::from(low)]);
        seen |= high | low;
        high << 4 | low
    });
    (seen <= 0xf).then_some(bytes)
}

/// What each hex digit of lower case counts, and 255 for what is none.
static DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

/// `N` bytes, at most 64, in base64 with its padding.
pub(crate) fn base64<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    const { assert!(N <= 64, "the buffer below is large enough") };
    // Said first, so that nothing long is decoded.
    if text.len() != N.div_ceil(3) * 4 {
        return None;
    }
    let mut buffer = [0; 72];
    let length = STANDARD.decode_slice(text, &mut buffer).ok()?;
    buffer[..length].try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_for_each_value() {
        assert_eq!(hex(b"00ff"), Some([0, 255]));
        for digits in [&b"00FF"[..], b"00f", b"00fff", b"", b"00fg", b" 00ff", b"0x00"] {
            assert_eq!(hex::<2>(digits), None, "{digits:?}");
        }
        assert_eq!(base64(b"AAH/"), Some([0, 1, 255]));
        assert_eq!(base64(b"AAE="), Some([0, 1]));
        for text in [&b"AAE"[..], b"AAF=", b"AAE= ", b"AAH_", b"AAH/AAH/", b"====", b""] {
            assert_eq!(base64::<2>(text), None, "{text:?}");
        }
        assert_eq!(base64::<64>(&[b'A'; 88]), None, "64 bytes leave two bits and padding");
        assert_eq!(base64::<64>(&[&[b'A'; 86][..], b"=="].concat()), Some([0; 64]));
    }
}
