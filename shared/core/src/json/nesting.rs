/// What a place stands within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    Nothing,
    Array,
    Object,
}

/// The arrays and objects that a place stands in, a bit for each, so that the deepest text takes an eighth of its own length. The usual depth needs no memory.
#[derive(Debug)]
pub(super) struct Nesting {
    /// The innermost ones; the last is the lowest bit. Above the first stands one more bit, which says how many they are.
    inner: u64,
    /// Those around them, 63 each.
    outer: Vec<u64>,
}

/// There are none.
const NONE: u64 = 1;

impl Nesting {
    pub(super) const fn new() -> Self {
        Self { inner: NONE, outer: Vec::new() }
    }

    /// Goes into an array.
    #[inline(always)]
    pub(super) fn enter_array(&mut self) {
        self.make_room();
        self.inner <<= 1;
    }

    /// Goes into an object.
    #[inline(always)]
    pub(super) fn enter_object(&mut self) {
        self.make_room();
        self.inner = self.inner << 1 | 1;
    }

    /// What the place stands in.
    #[inline(always)]
    pub(super) const fn within(&self) -> Within {
        match (self.inner, self.inner & 1) {
            (NONE, _) => Within::Nothing,
            (_, 0) => Within::Array,
            _ => Within::Object,
        }
    }

    /// Leaves what was entered last.
    #[inline(always)]
    pub(super) fn leave(&mut self) {
        self.inner >>= 1;
        if self.inner == NONE {
            self.inner = outermost(&mut self.outer);
        }
    }

    #[inline(always)]
    fn make_room(&mut self) {
        if self.inner >> 63 == 1 {
            self.inner = put_away(&mut self.outer, self.inner);
        }
    }
}

/// Those around, for which there was no room any more.
#[cold]
#[inline(never)]
fn put_away(outer: &mut Vec<u64>, inner: u64) -> u64 {
    outer.push(inner);
    NONE
}

/// Those around, now that the inner ones have all been left.
#[inline(never)]
fn outermost(outer: &mut Vec<u64>) -> u64 {
    outer.pop().unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_entered_is_left_in_reverse() {
        let kind = |number: usize| if number.is_multiple_of(3) || number % 7 == 1 { Within::Object } else { Within::Array };
        let enter = |nesting: &mut Nesting, number| match kind(number) {
            Within::Object => nesting.enter_object(),
            _ => nesting.enter_array(),
        };
        let mut nesting = Nesting::new();
        for depth in [1, 2, 62, 63, 64, 65, 126, 127, 128, 189, 190, 1000] {
            assert_eq!(nesting.within(), Within::Nothing);
            (0..depth).for_each(|number| enter(&mut nesting, number));
            for number in (0..depth).rev() {
                // There and back over every border.
                enter(&mut nesting, number + 1);
                assert_eq!(nesting.within(), kind(number + 1), "{number} of {depth}");
                nesting.leave();
                assert_eq!(nesting.within(), kind(number), "{number} of {depth}");
                nesting.leave();
            }
        }
    }
}
