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
    pub(super) fn first_name(&mut self) -> Result<Option<Cow<'a, str>>, Broken> {
        match (self.next()?, self.next()?) {
            (b'{', b'"') => self.name().map(Some),
            (b'{', b'}') => Ok(None),
            _ => Err(Broken),
        }
    }

    /// Goes on behind a value in an object, as far as behind the colon of the next name. `None` at its end.
    pub(super) fn next_name(&mut self) -> Result<Option<Cow<'a, str>>, Broken> {
        match self.next()? {
            b',' => self.quotation_mark().and_then(|()| self.name()).map(Some),
            b'}' => Ok(None),
            _ => Err(Broken),
        }
    }

    /// A name whose quotation mark is behind, and its colon. It has to be a text, and not only to look like one.
    fn name(&mut self) -> Result<Cow<'a, str>, Broken> {
        let start = self.at;
        let escapes = self.string()?;
        let inside = &self.json[start..self.at - 1];
        self.colon()?;
        unescaped(inside, escapes)
    }

    /// Passes over a value: the bytes from its first to its last.
    pub(super) fn value(&mut self) -> Result<&'a [u8], Broken> {
        self.begins()?;
        let start = *self;
        let passed;
        (*self, passed) = start.passed();
        passed.map(|()| self.since(&start))
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
        let mut nesting = Nesting::default();
        let mut within = Within::Nothing;
        loop {
            // Here a value begins.
            match self.next()? {
                b'"' => drop(self.string()?),
                b'{' => match self.next()? {
                    b'"' => {
                        nesting.enter(within);
                        within = Within::Object;
                        self.passed_name()?;
                        continue;
                    }
                    b'}' => {}
                    _ => return Err(Broken),
                },
                b'[' => {
                    if self.begins()? != b']' {
                        nesting.enter(within);
                        within = Within::Array;
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
            // Here one has ended.
            loop {
                match within {
                    Within::Nothing => return Ok(()),
                    Within::Object => match self.next()? {
                        b',' if self.json.get(self.at) == Some(&b'"') => {
                            self.at += 1;
                            self.passed_name()?;
                            break;
                        }
                        b',' => {
                            self.quotation_mark()?;
                            self.passed_name()?;
                            break;
                        }
                        b'}' => within = nesting.leave(),
                        _ => return Err(Broken),
                    },
                    Within::Array => match self.next()? {
                        b',' => break,
                        b']' => within = nesting.leave(),
                        _ => return Err(Broken),
                    },
                }
            }
        }
    }

    /// A name whose quotation mark is behind, and its colon.
    #[inline(always)]
    fn passed_name(&mut self) -> Result<(), Broken> {
        // In compact JSON nothing stands between them.
        if let Some(end) = self.block.next_special(self.at)
            && let Some([b'"', b':', ..]) = self.json.get(end..)
        {
            self.at = end + 2;
            return Ok(());
        }
        self.string()?;
        self.colon()
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
        // Mostly it ends in the same block, and nothing is escaped in it.
        if let Some(end) = self.block.next_special(self.at)
            && self.json.get(end) == Some(&b'"')
        {
            self.at = end + 1;
            return Ok(Escapes::None);
        }
        let (end, block, escapes) = behind_string(self.json, self.at, self.block).ok_or(Broken)?;
        (self.at, self.block) = (end, block);
        Ok(escapes)
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
    fn around(json: &[u8], at: usize) -> Self {
        let start = at / BLOCK * BLOCK;
        let rest = json.get(start..).unwrap_or_default();
        let specials = match rest.first_chunk() {
            Some(block) => specials(block),
            None => {
                // Behind the end stands what ends every string.
                let mut block = [0; BLOCK];
                block[..rest.len()].copy_from_slice(rest);
                specials(&block)
            }
        };
        Self { start, specials }
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

/// What is behind the rest of a string, the block there, and whether anything is escaped in it.
#[inline(never)]
fn behind_string(json: &[u8], mut at: usize, mut block: Block) -> Option<(usize, Block, Escapes)> {
    let mut escapes = Escapes::None;
    loop {
        let Some(special) = block.next_special(at) else {
            at = at.max(block.start + BLOCK);
            block = Block::around(json, at);
            continue;
        };
        match json.get(special..)? {
            [b'"', ..] => return Some((special + 1, block, escapes)),
            [b'\\', rest @ ..] => {
                escapes = Escapes::Some;
                at = special + 1 + length_of_escape(rest)?;
            }
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
fn behind_number(json: &[u8], start: usize) -> Option<usize> {
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
