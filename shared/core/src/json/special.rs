use wide::u8x64;

/// So many bytes are looked at together.
pub(super) const BLOCK: usize = 64;

/// The bytes of a block that can't be in the plain part of a string, a bit for each, the first one lowest: quotation marks, backslashes and control characters.
#[inline]
pub(super) fn specials(block: &[u8; BLOCK]) -> u64 {
    let bytes = u8x64::new(*block);
    let quotation_marks_and_backslashes = bytes.simd_eq(u8x64::splat(b'"')) | bytes.simd_eq(u8x64::splat(b'\\'));
    (quotation_marks_and_backslashes | bytes.simd_lt(u8x64::splat(b' '))).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_for_each_byte_that_is_special_and_no_other() {
        for byte in 0..=u8::MAX {
            let expected = u64::from(byte < b' ' || byte == b'"' || byte == b'\\');
            for at in 0..BLOCK {
                for (around, others) in [(b'a', 0), (0xff, 0), (b'"', u64::MAX), (0x1f, u64::MAX)] {
                    let mut block = [around; BLOCK];
                    block[at] = byte;
                    assert_eq!(specials(&block), others & !(1 << at) | expected << at, "{byte:#x} at {at} in {around:#x}");
                }
            }
        }
    }
}
