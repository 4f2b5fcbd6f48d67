/// So many bytes are looked at together.
pub(super) const BLOCK: usize = 64;

/// The bytes of a block that can't be in the plain part of a string, a bit for each, the first one lowest: quotation marks, backslashes and control characters.
///
/// Written so that the compiler compares many bytes with one instruction of whatever processor it builds for.
pub(super) fn specials(block: &[u8; BLOCK]) -> u64 {
    let mut flags = [0; BLOCK];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from((*byte == b'"') | (*byte == b'\\') | (*byte < b' '));
    }
    let (eights, _) = flags.as_chunks();
    // The product has bit 0 of each of the eight bytes side by side on top.
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    eights.iter().rev().fold(0, |found, eight| found << 8 | bits(eight))
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
