use std::{borrow::Cow, fmt};

use super::{
    MalformedForm,
    pair::{Pair, pairs, unescape},
};

/// The same parameters as a [`Form`](super::Form)'s, by the same rules, but as they are written: for who wants a few of them. Only what is asked for is decoded.
#[derive(Clone, Default)]
pub struct Encoded<'a> {
    form: &'a [u8],
    pairs: Vec<Pair>,
}

impl<'a> Encoded<'a> {
    /// Reads a body. The empty body has no parameters.
    ///
    /// # Errors
    /// [`MalformedForm`] says what the provider would not have written.
    pub fn parse(form: &'a [u8]) -> Result<Self, MalformedForm> {
        Ok(Self { form, pairs: pairs(form, |_, _| 0)? })
    }

    /// The values of that name, in the order in which they were sent; borrowed, if nothing is escaped in them.
    pub fn values<'s, 'n>(&'s self, name: &'n str) -> impl Iterator<Item = Cow<'a, [u8]>> + use<'a, 's, 'n> {
        let found = self.pairs.iter().filter(move |pair| Decoded(&self.form[pair.name()]).eq(name.bytes()));
        found.map(|pair| decoded(&self.form[pair.value()]))
    }
}

/// The parameters hold what people wrote to each other, and numbers to call them.
impl fmt::Debug for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoded({} parameters)", self.pairs.len())
    }
}

fn decoded(written: &[u8]) -> Cow<'_, [u8]> {
    if written.iter().any(|byte| b"%+".contains(byte)) { Decoded(written).collect::<Vec<_>>().into() } else { written.into() }
}

/// The bytes that something stands for, whose escapes are known to be whole.
struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        match byte {
            b'+' => Some(b' '),
            b'%' => {
                self.0 = rest.get(2..).unwrap_or_default();
                unescape(rest)
            }
            _ => Some(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_decoded() {
        let form = Encoded::parse(b"a=1&b=x+%2b%C3%a9&%61=2&a&a==3%3D&+=4").expect("a form");
        let values = |name| form.values(name).map(Cow::into_owned).collect::<Vec<_>>();
        assert_eq!(values("a"), [&b"1"[..], b"2", b"", b"=3="]);
        assert_eq!((values("b"), values(" ")), (vec!["x +é".as_bytes().to_vec()], vec![b"4".to_vec()]));
        assert_eq!((values("c"), values("%61"), values("aa")), (vec![], vec![], vec![]));
        assert!(matches!(form.values("a").next(), Some(Cow::Borrowed(b"1"))));
        assert_eq!(format!("{form:?}"), "Encoded(6 parameters)", "and nothing of it is shown");
    }
}
