//! The way through a JSON text (<https://www.rfc-editor.org/rfc/rfc8259>).

use std::borrow::Cow;

use super::{
    nesting::{Nesting, Within},
    special::{BLOCK, specials},
};

/// Why a text is not what was asked for: no JSON, or no object, or what may be there once is there again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not the JSON that was expected, at byte {at}")]
pub struct NotJson {
    /// The place where it was given up, bytes from the beginning.
    pub at: usize,
}

/// The same, before anybody asked where.
#[derive(Debug)]
pub(super) struct Broken;

/// A place in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    json: &'a [u8],
    at: usize,
    block: Block,
}

/// Where a block begins, and its special bytes. They are all known before the first of them is asked for, so the end of a string is found without going
/// through it.
#[derive(Clone, Copy, Debug)]
struct Block {
    start: usize,
    specials: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(json: &'a [u8]) -> Self {
        Self { json, at: 0, block: Block::around(json, 0) }
    }

    /// Where it has come to.
    pub(super) const fn place(&self) -> NotJson {
        NotJson { at: self.at }
    }

    /// Insists that only blanks are left.
    pub(super) fn end(&mut self) -> Result<(), Broken> {
        self.at = behind_blanks(self.json, self.at);
        if self.at == self.json.len() { Ok(()) } else { Err(Broken) }
    }

    /// The byte that the next value begins with, which stays.
    pub(super) fn begins(&mut self) -> Result<u8, Broken> {
        let byte = self.next()?;
        self.at -= 1;
        Ok(byte)
    }

    /// Enters an object, as far as behind the colon of its first name. `None` if it has none.
    #[inline]
    pub(super) fn first_name(&mut self) -> Result<Option<Name<'a>>, Broken> {
        match (self.next()?, self.next()?) {
            (b'{', b'"') => self.name().map(Some),
            (b'{', b'}') => Ok(None),
            _ => Err(Broken),
        }
    }

    /// Goes on behind a value in an object, as far as behind the colon of the next name. `None` at its end.
    #[inline]
    pub(super) fn next_name(&mut self) -> Result<Option<Name<'a>>, Broken> {
        match self.next()? {
            b',' => self.quotation_mark().and_then(|()| self.name()).map(Some),
            b'}' => Ok(None),
            _ => Err(Broken),
        }
    }

    /// A name whose quotation mark is behind, and its colon.
    #[inline]
    fn name(&mut self) -> Result<Name<'a>, Broken> {
        let start = self.at;
        let escapes = self.string()?;
        let inside = &self.json[start..self.at - 1];
        self.colon()?;
        Ok(Name { inside, escapes })
    }

    /// Passes over a value: the bytes from its first to its last.
    #[inline]
    pub(super) fn value(&mut self) -> Result<&'a [u8], Broken> {
        let start = match self.begins()? {
            b'"' => {
                let start = self.at;
                self.at += 1;
                self.string()?;
                start
            }
            _ => self.other_value()?,
        };
        Ok(&self.json[start..self.at])
    }

    /// Passes over a value that begins here. Returns where that is.
    #[inline(never)]
    fn other_value(&mut self) -> Result<usize, Broken> {
        let start = self.at;
        let passed;
        (*self, passed) = self.passed();
        passed.map(|()| start)
    }

    /// What was passed over since then.
    pub(super) fn since(&self, start: &Self) -> &'a [u8] {
        &self.json[start.at..self.at]
    }

    /// Passes over a value, or as far as it goes. By value, so that the place stays in registers all the way.
    fn passed(mut self) -> (Self, Result<(), Broken>) {
        let passed = self.pass();
        (self, passed)
    }

    #[inline(always)]
    fn pass(&mut self) -> Result<(), Broken> {
        let mut nesting = Nesting::new();
        loop {
            // Here a value begins.
            let mut reached = Reached::End;
            match self.next()? {
                b'"' => drop(self.string()?),
                b'{' => match self.next()? {
                    b'"' => {
                        nesting.enter_object();
                        reached = self.members()?;
                    }
                    b'}' => {}
                    _ => return Err(Broken),
                },
                b'[' => {
                    if self.begins()? != b']' {
                        nesting.enter_array();
                        continue;
                    }
                    self.at += 1;
                }
                b't' => self.literal(b"rue")?,
                b'f' => self.literal(b"alse")?,
                b'n' => self.literal(b"ull")?,
                b'-' | b'0'..=b'9' => self.at = behind_number(self.json, self.at - 1).ok_or(Broken)?,
                _ => return Err(Broken),
            }
            while reached == Reached::End {
                // Here one has ended.
                match nesting.within() {
                    Within::Nothing => return Ok(()),
                    Within::Object => match self.next()? {
                        b',' => {
                            self.quotation_mark()?;
                            reached = self.members()?;
                        }
                        b'}' => nesting.leave(),
                        _ => return Err(Broken),
                    },
                    Within::Array => match self.next()? {
                        b',' => reached = Reached::Value,
                        b']' => nesting.leave(),
                        _ => return Err(Broken),
                    },
                }
            }
        }
    }

    /// Passes over members of an object, the quotation mark of whose first name is behind, as long as their values are plain strings and no blank is between
    /// them. So one special byte leads to the next.
    #[inline(always)]
    fn members(&mut self) -> Result<Reached, Broken> {
        loop {
            let name = self.block.next_special(self.at).and_then(|end| self.json.get(end..).zip(Some(end)));
            match name {
                Some(([b'"', b':', b'"', ..], end)) => self.at = end + 3,
                Some(([b'"', b':', ..], end)) => {
                    self.at = end + 2;
                    return Ok(Reached::Value);
                }
                _ => {
                    self.string()?;
                    self.colon()?;
                    return Ok(Reached::Value);
                }
            }
            let value = self.block.next_special(self.at).and_then(|end| self.json.get(end..).zip(Some(end)));
            match value {
                Some(([b'"', b',', b'"', ..], end)) => self.at = end + 3,
                _ => {
                    self.string()?;
                    return Ok(Reached::End);
                }
            }
        }
    }

    #[inline(always)]
    fn quotation_mark(&mut self) -> Result<(), Broken> {
        if self.next()? == b'"' { Ok(()) } else { Err(Broken) }
    }

    #[inline(always)]
    fn colon(&mut self) -> Result<(), Broken> {
        if self.next()? == b':' { Ok(()) } else { Err(Broken) }
    }

    /// The inside of a string, whose quotation mark is behind, and the one at its end.
    #[inline(always)]
    fn string(&mut self) -> Result<Escapes, Broken> {
        loop {
            match self.block.next_special(self.at) {
                // Mostly nothing is escaped in it.
                Some(end) if self.json.get(end) == Some(&b'"') => {
                    self.at = end + 1;
                    return Ok(Escapes::None);
                }
                Some(special) => {
                    let (end, block) = behind_escapes(self.json, special, self.block).ok_or(Broken)?;
                    (self.at, self.block) = (end, block);
                    return Ok(Escapes::Some);
                }
                None => {
                    self.at = self.at.max(self.block.start + BLOCK);
                    self.block = Block::around(self.json, self.at);
                }
            }
        }
    }

    #[inline(always)]
    fn literal(&mut self, letters: &[u8]) -> Result<(), Broken> {
        let fits = self.json.get(self.at..).is_some_and(|rest| rest.starts_with(letters));
        if !fits {
            return Err(Broken);
        }
        self.at += letters.len();
        Ok(())
    }

    /// The next byte that is not blank.
    #[inline(always)]
    fn next(&mut self) -> Result<u8, Broken> {
        let mut byte = self.json.get(self.at);
        if byte.is_none_or(|byte| *byte <= b' ') {
            self.at = behind_blanks(self.json, self.at);
            byte = self.json.get(self.at);
        }
        let byte = byte.copied().ok_or(Broken)?;
        self.at += 1;
        Ok(byte)
    }
}

impl Block {
    /// The block of this place.
    #[inline(always)]
    fn around(json: &[u8], at: usize) -> Self {
        let start = at / BLOCK * BLOCK;
        Self { start, specials: specials_from(json, start) }
    }

    /// The first special byte in it, from this place on, which is not before it.
    #[inline(always)]
    const fn next_special(&self, at: usize) -> Option<usize> {
        let behind = at - self.start;
        if behind >= BLOCK {
            return None;
        }
        let ahead = self.specials >> behind;
        if ahead == 0 { None } else { Some(at + ahead.trailing_zeros() as usize) }
    }
}

/// The special bytes of the block that begins here.
#[inline(never)]
fn specials_from(json: &[u8], start: usize) -> u64 {
    let rest = json.get(start..).unwrap_or_default();
    rest.first_chunk().map_or_else(|| specials_of_last(rest), specials)
}

/// The special bytes of a block that is cut off by the end of the text.
#[inline(never)]
fn specials_of_last(rest: &[u8]) -> u64 {
    // Behind the end stands what ends every string.
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    specials(&block)
}

/// What is behind the rest of a string, from its first special byte on, and the block there. `None` if there is no end.
#[inline(never)]
fn behind_escapes(json: &[u8], special: usize, mut block: Block) -> Option<(usize, Block)> {
    let mut at = special;
    loop {
        let Some(special) = block.next_special(at) else {
            at = at.max(block.start + BLOCK);
            block = Block::around(json, at);
            continue;
        };
        match json.get(special..)? {
            [b'"', ..] => return Some((special + 1, block)),
            [b'\\', rest @ ..] => at = special + 1 + length_of_escape(rest)?,
            _ => return None,
        }
    }
}

/// The length of an escape whose backslash is behind. Half a surrogate pair is one, too: it says nothing, and ends no string.
fn length_of_escape(text: &[u8]) -> Option<usize> {
    match text {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(1),
        [b'u', a, b, c, d, ..] if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) => Some(5),
        _ => None,
    }
}

/// The place behind the number that begins here.
#[inline(always)]
fn behind_number(json: &[u8], start: usize) -> Option<usize> {
    let mut end = start;
    while let Some(b'0'..=b'9') = json.get(end) {
        end += 1;
    }
    let is_plain = matches!(json.get(start), Some(b'1'..=b'9')) && !matches!(json.get(end), Some(b'.' | b'e' | b'E'));
    if is_plain { Some(end) } else { behind_other_number(json, start) }
}

/// The same of one that may have a sign, a fraction or an exponent, or be zero.
#[inline(never)]
fn behind_other_number(json: &[u8], start: usize) -> Option<usize> {
    let rest = json.get(start..)?;
    let text = rest.strip_prefix(b"-").unwrap_or(rest);
    let mut text = match text {
        [b'0', b'0'..=b'9', ..] => return None,
        _ => behind_digits(text)?,
    };
    if let [b'.', digits @ ..] = text {
        text = behind_digits(digits)?;
    }
    if let [b'e' | b'E', b'+' | b'-', digits @ ..] | [b'e' | b'E', digits @ ..] = text {
        text = behind_digits(digits)?;
    }
    Some(json.len() - text.len())
}

/// What is behind at least one digit.
#[inline]
fn behind_digits(text: &[u8]) -> Option<&[u8]> {
    let length = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    if length == 0 { None } else { text.get(length..) }
}

/// The place behind the blanks that begin here. Mostly it is one alone, behind a colon, or an indentation: its blanks are counted eight at a time.
#[inline(never)]
fn behind_blanks(json: &[u8], mut at: usize) -> usize {
    loop {
        match json.get(at) {
            Some(b' ' | b'\t') => at += 1,
            Some(b'\n' | b'\r') => at += 1 + spaces(json.get(at + 1..).unwrap_or_default()),
            _ => return at,
        }
    }
}

/// How many of the first bytes are spaces, as far as they are looked at.
#[inline]
fn spaces(text: &[u8]) -> usize {
    let mut spaces = 0;
    for eight in text.as_chunks().0 {
        let here = (u64::from_le_bytes(*eight) ^ u64::from_le_bytes([b' '; 8])).trailing_zeros() as usize / 8;
        spaces += here;
        if here < 8 {
            break;
        }
    }
    spaces
}

/// What a place in a text is in front of, or behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    /// The beginning of a value.
    Value,
    /// The end of one.
    End,
}

/// A name, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    inside: &'a [u8],
    escapes: Escapes,
}

impl<'a> Name<'a> {
    /// What it says. It has to be a text, and not only to look like one.
    #[inline]
    pub(super) fn text(self) -> Result<Cow<'a, str>, Broken> {
        unescaped(self.inside, self.escapes)
    }
}

/// Whether a string is written as it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    None,
    Some,
}

/// The text that stands between two quotation marks.
pub(super) fn unescaped(inside: &[u8], escapes: Escapes) -> Result<Cow<'_, str>, Broken> {
    match escapes {
        Escapes::None => std::str::from_utf8(inside).map(Cow::Borrowed).map_err(|_| Broken),
        Escapes::Some => {
            let quoted = [b"\"", inside, b"\""].concat();
            serde_json::from_slice(&quoted).map(Cow::Owned).map_err(|_| Broken)
        }
    }
}
