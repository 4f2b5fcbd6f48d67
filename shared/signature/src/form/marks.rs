use wide::u8x64;

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
    let mut last = [0; BLOCK];
    let block = form.first_chunk().unwrap_or_else(|| {
        last[..form.len()].copy_from_slice(form);
        &last
    });
    let bytes = u8x64::new(*block);
    let [escapes, ends, equals] = [b'%', b'&', b'='].map(|mark| bytes.simd_eq(u8x64::splat(mark)));
    (escapes | ends | equals).to_bitmask()
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
