use crate::Invalid;

/// A request as it came over the wire, or as it is about to leave.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The whole public URL that the sender was given, with its query as requested.
    pub url: &'a str,
    /// Names, in any case, and values.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The exact bytes of the body, after any transport encoding. Never JSON that was parsed and written again.
    pub body: &'a [u8],
}

/// What a message has under one header name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header<'a> {
    /// It was sent once, with this value.
    Once(&'a [u8]),
    /// It was not sent.
    Absent,
    /// It was sent more than once, so that no single value speaks for the sender.
    Repeated,
}

impl<'a> Message<'a> {
    /// The header of that name, in whatever case it was sent.
    #[must_use]
    pub fn header(&self, name: &str) -> Header<'a> {
        let mut found = self.headers.iter().filter(|(sent, _)| sent.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (None, _) => Header::Absent,
            (Some((_, value)), None) => Header::Once(value),
            (Some(_), Some(_)) => Header::Repeated,
        }
    }

    /// The value of a header without which nothing can be verified.
    pub(crate) fn needed(&self, header: &'static str) -> Result<&'a [u8], Invalid> {
        match self.header(header) {
            Header::Once(value) => Ok(value),
            Header::Absent => Err(Invalid::MissingHeader { header }),
            Header::Repeated => Err(Invalid::MalformedHeader { header, problem: "it was sent more than once" }),
        }
    }
}
