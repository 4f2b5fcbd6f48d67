use std::borrow::Cow;

use super::cursor::{Broken, Cursor, Escapes, NotJson, unescaped};

/// What is made of a place that stands in a text more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// The last one counts.
    Last,
    /// There is none that could be meant.
    Refused,
}

/// A value in a JSON text, as it is written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// It as it is written.
    #[must_use]
    pub const fn as_written(self) -> &'a [u8] {
        self.0
    }

    /// What it says, if it is a text; borrowed, if nothing is escaped in it. `None` also of a string that is none: its bytes are not UTF-8, or half a
    /// surrogate pair stands in it.
    #[must_use]
    pub fn text(self) -> Option<Cow<'a, str>> {
        let inside = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        unescaped(inside, if inside.contains(&b'\\') { Escapes::Some } else { Escapes::None }).ok()
    }

    /// The whole number that it is, if it is one.
    #[must_use]
    pub fn integer(self) -> Option<i64> {
        serde_json::from_slice(self.0).ok()
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.0 == b"null"
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(self) -> bool {
        self.0.starts_with(b"{")
    }
}

/// Reads an object, and finds these places in it: `id`, or within other objects `data.object.id`. Names with a full stop in them can't be asked for.
///
/// ```
/// use sluice_core::json::{Repeats, fields};
/// let json = br#"{"type": "paid", "data": {"id": "in_1", "lines": [1, 2]}}"#;
/// let [kind, id, account] = fields(json, ["type", "data.id", "account"], Repeats::Refused).unwrap();
/// assert_eq!(kind.unwrap().text().as_deref(), Some("paid"));
/// assert_eq!(id.unwrap().as_written(), br#""in_1""#);
/// assert_eq!(account, None);
/// ```
///
/// # Errors
/// [`NotJson`] if it is no JSON object in all its length, or has a place repeatedly, if that is refused.
pub fn fields<'a, const N: usize>(json: &'a [u8], places: [&str; N], repeats: Repeats) -> Result<[Option<Value<'a>>; N], NotJson> {
    const { assert!(N >= 1 && N <= 32, "there is a bit for each place") }
    let mut search = Search { cursor: Cursor::new(json), places, found: [None; N], repeats };
    let read = search.object(0, u32::MAX >> (32 - N)).and_then(|()| search.cursor.end());
    read.map_err(|Broken| search.cursor.place())?;
    Ok(search.found)
}

struct Search<'a, 'p, const N: usize> {
    cursor: Cursor<'a>,
    places: [&'p str; N],
    found: [Option<Value<'a>>; N],
    repeats: Repeats,
}

impl<'a, const N: usize> Search<'a, '_, N> {
    /// Reads an object. The places that may lie in it are a bit each of `wanted`, and the first `offset` bytes of each of them lead here.
    fn object(&mut self, offset: usize, wanted: u32) -> Result<(), Broken> {
        let mut seen = 0;
        let initials = self.places.map(|place| place.as_bytes().get(offset).copied().unwrap_or_default());
        let mut next = self.cursor.first_name()?;
        while let Some(name) = next {
            let name = name.text()?;
            // Most names differ in this already.
            let likely = name.bytes().next().map_or(0, |initial| wanted & positions(&initials, initial));
            let (here, within) = self.places_at(offset, likely, &name);
            if here | within == 0 {
                self.cursor.value()?;
            } else {
                if seen & (here | within) != 0 {
                    if self.repeats == Repeats::Refused {
                        return Err(Broken);
                    }
                    self.set(within, None);
                }
                seen |= here | within;
                self.wanted(offset + name.len() + 1, here, within)?;
            }
            next = self.cursor.next_name()?;
        }
        Ok(())
    }

    /// Reads a value that is wanted, or in which others are.
    fn wanted(&mut self, offset: usize, here: u32, within: u32) -> Result<(), Broken> {
        let value = if within != 0 && self.cursor.begins()? == b'{' {
            let start = self.cursor;
            self.object(offset, within)?;
            self.cursor.since(&start)
        } else {
            self.cursor.value()?
        };
        self.set(here, Some(Value(value)));
        Ok(())
    }

    /// Which of these places this name leads to, and which lie further within, a bit for each.
    #[inline]
    fn places_at(&self, offset: usize, likely: u32, name: &str) -> (u32, u32) {
        let (mut here, mut within) = (0, 0);
        let mut left = likely;
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            left &= left - 1;
            let place = &self.places[index].as_bytes()[offset..];
            match place.strip_prefix(name.as_bytes()) {
                Some([]) => here |= 1 << index,
                Some([b'.', ..]) => within |= 1 << index,
                _ => {}
            }
        }
        // A full stop in a name leads nowhere.
        if here | within != 0 && name.contains('.') { (0, 0) } else { (here, within) }
    }

    fn set(&mut self, places: u32, value: Option<Value<'a>>) {
        for (index, found) in self.found.iter_mut().enumerate() {
            if places >> index & 1 == 1 {
                *found = value;
            }
        }
    }
}

/// Where this byte stands among them, a bit for each, the first one lowest.
fn positions<const N: usize>(bytes: &[u8; N], wanted: u8) -> u32 {
    bytes.iter().rev().fold(0, |found, byte| found << 1 | u32::from(*byte == wanted))
}

/// Reads an object: its names and values, in the order in which they stand there.
///
/// # Errors
/// [`NotJson`] if it is no JSON object in all its length.
pub fn entries(json: &[u8]) -> Result<Vec<(Cow<'_, str>, Value<'_>)>, NotJson> {
    let mut cursor = Cursor::new(json);
    let mut read = || {
        // As many as most have, in one piece.
        let mut entries = Vec::with_capacity(16);
        let mut next = cursor.first_name()?;
        while let Some(name) = next {
            entries.push((name.text()?, Value(cursor.value()?)));
            next = cursor.next_name()?;
        }
        cursor.end()?;
        Ok(entries)
    };
    read().map_err(|Broken| cursor.place())
}

/// Insists on JSON, of whatever kind.
///
/// # Errors
/// [`NotJson`] if it is none.
pub fn insist(json: &[u8]) -> Result<(), NotJson> {
    let mut cursor = Cursor::new(json);
    cursor.value().and_then(|_| cursor.end()).map_err(|Broken| cursor.place())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_whatever_kind_and_however_deep() {
        let json = br#" { "a" : "first", "b": [1, {"a": 2}], "x": {"a": "within", "y": {"z": null}, "w": 1}, "c": -1.5e3 } "#;
        let places = ["a", "b", "c", "d", "x", "x.a", "x.y.z", "x.v", "a.b"];
        let [a, b, c, d, x, xa, xyz, xv, ab] =
            fields(json, places, Repeats::Refused).expect("an object").map(|value| value.map(|value| String::from_utf8_lossy(value.0)));
        assert_eq!((a.as_deref(), b.as_deref(), c.as_deref()), (Some("\"first\""), Some(r#"[1, {"a": 2}]"#), Some("-1.5e3")));
        assert_eq!(x.as_deref(), Some(r#"{"a": "within", "y": {"z": null}, "w": 1}"#));
        assert_eq!((xa.as_deref(), xyz.as_deref()), (Some("\"within\""), Some("null")));
        assert_eq!((d, xv, ab), (None, None, None));
    }

    #[test]
    fn a_name_is_what_it_says_and_not_how_it_is_written() {
        let [a] = fields(br#"{"\u0061": 1}"#, ["a"], Repeats::Refused).expect("an object");
        assert_eq!(a.map(Value::as_written), Some(&b"1"[..]));
        for broken in [&br#"{"\ud800": 1}"#[..], b"{\"\xff\": 1}"] {
            assert!(fields(broken, ["a"], Repeats::Last).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn repeats() {
        let read = |json: &'static str, repeats| {
            fields(json.as_bytes(), ["a", "x.a"], repeats).map(|found| found.map(|value| value.map_or(&b""[..], Value::as_written)))
        };
        for (json, last) in [
            (r#"{"a": 1, "a": 2}"#, [&b"2"[..], b""]),
            (r#"{"x": {"a": 1}, "x": {"a": 2}}"#, [b"", b"2"]),
            (r#"{"x": {"a": 1, "a": 2}}"#, [b"", b"2"]),
            (r#"{"x": {"a": 1}, "x": 2}"#, [b"", b""]),
            (r#"{"x": {"a": 1}, "x": {"b": 2}}"#, [b"", b""]),
        ] {
            assert_eq!(read(json, Repeats::Last), Ok(last), "{json}");
            assert!(read(json, Repeats::Refused).is_err(), "{json}");
        }
        assert!(read(r#"{"b": 1, "b": 2, "x": {"b": 1, "b": 2}, "y": {"a": 1, "a": 2}}"#, Repeats::Refused).is_ok(), "nobody asked");
    }

    #[test]
    fn what_is_read_of_a_value() {
        let text = |json: &'static str| Value(json.as_bytes()).text();
        assert!(matches!(text(r#""plain""#), Some(Cow::Borrowed("plain"))));
        assert_eq!(text(r#""\u0061\n\"\\""#).as_deref(), Some("a\n\"\\"));
        assert_eq!((text(r#""\ud83d""#), text("7"), text("null")), (None, None, None));
        assert_eq!(Value(b"\"\xff\"").text(), None);
        let integer = |json: &'static str| Value(json.as_bytes()).integer();
        assert_eq!((integer("-7"), integer("9223372036854775807")), (Some(-7), Some(i64::MAX)));
        assert_eq!((integer("9223372036854775808"), integer("1.0"), integer("\"1\""), integer("-0")), (None, None, None, None));
    }

    #[test]
    fn every_entry_in_its_order() {
        let found = entries(br#"{"b": 1, "a": {"x": []}, "b": "2"}"#).expect("an object");
        let found: Vec<_> = found.iter().map(|(name, value)| (&**name, value.as_written())).collect();
        assert_eq!(found, [("b", &b"1"[..]), ("a", br#"{"x": []}"#), ("b", br#""2""#)]);
        assert!(entries(b"{}").is_ok_and(|found| found.is_empty()));
    }

    #[test]
    fn says_where_it_gave_up() {
        assert_eq!(insist(br#"{"a": tru}"#), Err(NotJson { at: 7 }));
        assert_eq!(insist(b"1 2"), Err(NotJson { at: 2 }));
        assert_eq!(insist(b""), Err(NotJson { at: 0 }));
        assert_eq!(fields(b" []", ["a"], Repeats::Last).map(drop), Err(NotJson { at: 3 }));
    }
}
