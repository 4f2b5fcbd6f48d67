use std::ops::Range;

use super::{Form, MalformedForm, marks::Marks};

/// Where a parameter begins, where its name ends, and where the whole ends. Between name and value is the equals sign, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    start: u32,
    middle: u32,
    end: u32,
}

impl Pair {
    fn new(start: usize, middle: Option<usize>, end: usize) -> Result<Self, MalformedForm> {
        let middle = middle.unwrap_or(end);
        if middle == start {
            return Err(MalformedForm::NoName);
        }
        let place = |at: usize| u32::try_from(at).map_err(|_| MalformedForm::TooLong);
        Ok(Self { start: place(start)?, middle: place(middle)?, end: place(end)? })
    }

    /// The place of its name.
    pub(super) const fn name(self) -> Range<usize> {
        self.start as usize..self.middle as usize
    }

    /// The place of its value.
    pub(super) const fn value(self) -> Range<usize> {
        let start = if self.middle < self.end { self.middle + 1 } else { self.end };
        start as usize..self.end as usize
    }
}

/// Finds the parameters. `escape` is called with the place of each percent sign and the byte that it stands for, and says by how much what is behind the
/// escape is further in front in the text that the places are for.
#[inline(always)]
pub(super) fn pairs(form: &[u8], mut escape: impl FnMut(usize, u8) -> usize) -> Result<Vec<Pair>, MalformedForm> {
    // The empty form has none.
    if form.is_empty() {
        return Ok(Vec::new());
    }
    let mut pairs = Vec::with_capacity((form.len() / 16 + 1).min(Form::MOST));
    let (mut start, mut middle, mut moved) = (0, None, 0);
    for at in Marks::new(form) {
        match form[at] {
            b'&' => {
                if pairs.len() + 1 == Form::MOST {
                    return Err(MalformedForm::TooMany);
                }
                pairs.push(Pair::new(start, middle, at - moved)?);
                (start, middle) = (at - moved + 1, None);
            }
            b'%' => moved = escape(at, unescape(&form[at + 1..]).ok_or(MalformedForm::BrokenEscape)?),
            _ => middle = middle.or(Some(at - moved)),
        }
    }
    pairs.push(Pair::new(start, middle, form.len() - moved)?);
    Ok(pairs)
}

/// The byte that the two hex digits stand for with which this begins.
#[inline(always)]
pub(super) fn unescape(text: &[u8]) -> Option<u8> {
    let [high, low] = text.first_chunk()?;
    let (high, low) = (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]);
    (high | low <= 0xf).then_some(high << 4 | low)
}

/// What each hex digit counts, and 255 for what is none.
static DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        digits[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};
