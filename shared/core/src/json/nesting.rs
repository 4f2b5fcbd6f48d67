/// What a place stands within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    Nothing,
    Array,
    Object,
}

/// The arrays and objects around the one that a place stands in, a bit for each, so that the deepest text takes an eighth of its own length. The usual depth
/// needs no memory.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    depth: usize,
    /// The innermost ones, up to 64; the last is the lowest bit.
    inner: u64,
    /// Those around them, 64 each.
    outer: Vec<u64>,
}

impl Nesting {
    /// Notes down where a place stood before it entered another array or object.
    pub(super) fn enter(&mut self, within: Within) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.inner);
        }
        self.inner = self.inner << 1 | u64::from(within == Within::Object);
        self.depth += 1;
    }

    /// Where the place stands that has left what it entered last.
    pub(super) fn leave(&mut self) -> Within {
        let within = match (self.depth, self.inner & 1) {
            // The outermost one stood in nothing.
            (0 | 1, _) => Within::Nothing,
            (_, 0) => Within::Array,
            _ => Within::Object,
        };
        self.inner >>= 1;
        self.depth = self.depth.saturating_sub(1);
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.inner = self.outer.pop().unwrap_or_default();
        }
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_entered_is_left_in_reverse() {
        let mut nesting = Nesting::default();
        let kind = |number: usize| match number {
            0 => Within::Nothing,
            _ if number.is_multiple_of(3) || number % 7 == 1 => Within::Object,
            _ => Within::Array,
        };
        for depth in [1, 2, 63, 64, 65, 127, 128, 129, 1000] {
            (0..depth).for_each(|number| nesting.enter(kind(number)));
            for number in (0..depth).rev() {
                // There and back over every border.
                nesting.enter(kind(number + 1));
                assert_eq!(nesting.leave(), kind(number + 1), "{number} of {depth}");
                assert_eq!(nesting.leave(), kind(number), "{number} of {depth}");
            }
        }
    }
}
