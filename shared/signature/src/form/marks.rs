/// So many bytes are looked at together.
const BLOCK: usize = 64;

/// The places of the bytes of a form that do not stand for one byte: those between names and values, and those that begin an escape.
pub(super) struct Marks<'a> {
    form: &'a [u8],
    /// Where the block begins.
    start: usize,
    /// Which of its bytes are still to come, a bit for each, the first one lowest.
    left: u64,
}

impl<'a> Marks<'a> {
    pub(super) fn new(form: &'a [u8]) -> Self {
        Self { form, start: 0, left: marks(form) }
    }
}

impl Iterator for Marks<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.left == 0 {
            self.start += BLOCK;
            self.left = marks(self.form.get(self.start..).filter(|rest| !rest.is_empty())?);
        }
        let at = self.start + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(at)
    }
}

/// The marks of the first block.
#[inline(never)]
fn marks(form: &[u8]) -> u64 {
    match form.first_chunk() {
        Some(block) => marks_of(block),
        None => {
            let mut block = [0; BLOCK];
            block[..form.len()].copy_from_slice(form);
            marks_of(&block)
        }
    }
}

/// Written so that the compiler compares many bytes with one instruction of whatever processor it builds for.
#[inline(always)]
fn marks_of(block: &[u8; BLOCK]) -> u64 {
    let mut flags = [0; BLOCK];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from((*byte == b'%') | (*byte == b'&') | (*byte == b'='));
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
    fn every_mark_at_its_place() {
        for length in [0, 1, 63, 64, 65, 127, 128, 129, 300] {
            for byte in 0..=u8::MAX {
                for every in [1, 7, 64] {
                    let form: Vec<u8> = (0..length).map(|at| if at % every == 0 { byte } else { b'a' }).collect();
                    let expected: Vec<_> = (0..length).filter(|at| b"%&=".contains(&form[*at])).collect();
                    assert_eq!(Marks::new(&form).collect::<Vec<_>>(), expected, "{byte:#x} every {every} of {length}");
                }
            }
        }
    }
}
