use crate::{CannotSign, Invalid, Message, Scheme, Secret, Signed, Verified, body, encoding};

/// Sendro's scheme: `X-Webhook-Signature: v1=<hex>`, HMAC-SHA256 over the body, keyed with the text of the secret.
///
/// The header is `v1=` and 64 digits of lower-case hex, once, and nothing beside it: no other version is known, so none is skipped. A
/// header of that name with a time (`t=…,v1=…`) is signed in another way, as Sluice's own deliveries are, and is malformed here.
///
/// No time is signed: a captured request stays valid for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sendro;

impl Sendro {
    /// The header that Sendro signs in.
    pub const HEADER: &'static str = "X-Webhook-Signature";

    /// As Sendro signs.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Scheme for Sendro {
    fn header(&self) -> &'static str {
        Self::HEADER
    }

    fn verify(&self, message: &Message<'_>, secrets: &[Secret], _: i64) -> Result<Verified, Invalid> {
        let malformed = |problem| Invalid::MalformedHeader { header: Self::HEADER, problem };
        let digits = message.needed(Self::HEADER)?.strip_prefix(b"v1=").ok_or_else(|| malformed("it does not begin with v1="))?;
        let signature = encoding::hex(digits).ok_or_else(|| malformed("after v1= there are not 64 digits of lower-case hex"))?;
        body::verify(message.body, &signature, secrets)
    }

    fn sign(&self, unsigned: &Message<'_>, secrets: &[Secret], _: i64) -> Result<Signed, CannotSign> {
        let signature = hex::encode(body::sign(unsigned.body, secrets)?);
        Ok(Signed { url: None, headers: vec![(Self::HEADER, format!("v1={signature}"))] })
    }
}
