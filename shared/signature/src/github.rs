use crate::{CannotSign, Invalid, Message, Scheme, Secret, Signed, Verified, body, encoding};

/// GitHub's scheme: `X-Hub-Signature-256: sha256=<hex>`, HMAC-SHA256 over the body, keyed with the text of the webhook's secret
/// (<https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>).
///
/// The body is signed as it is sent, whichever content type the webhook is set to: as JSON, or as a form whose one parameter `payload` is
/// the JSON. It is not decoded first.
///
/// - `X-Hub-Signature`, with SHA-1, is sent beside it for old receivers and never looked at: whoever could take away the stronger header
///   would otherwise choose the weaker.
/// - The header is `sha256=` and 64 digits of lower-case hex, once. Octokit compares the text on Node and decodes it in browsers, where
///   capitals pass, too; GitHub sends none.
///
/// No time is signed, and neither are the event's name and the delivery's id, which are headers: a captured request stays valid for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct GitHub;

impl GitHub {
    /// The header that GitHub signs in.
    pub const HEADER: &'static str = "X-Hub-Signature-256";
    /// The header for old receivers, which counts for nothing.
    pub const OLD_HEADER: &'static str = "X-Hub-Signature";

    /// As GitHub signs.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Scheme for GitHub {
    fn header(&self) -> &'static str {
        Self::HEADER
    }

    fn verify(&self, message: &Message<'_>, secrets: &[Secret], _: i64) -> Result<Verified, Invalid> {
        let malformed = |problem| Invalid::MalformedHeader { header: Self::HEADER, problem };
        let digits = message.needed(Self::HEADER)?.strip_prefix(b"sha256=").ok_or_else(|| malformed("it does not begin with sha256="))?;
        let signature = encoding::hex(digits).ok_or_else(|| malformed("after sha256= there are not 64 digits of lower-case hex"))?;
        body::verify(message.body, &signature, secrets)
    }

    fn sign(&self, unsigned: &Message<'_>, secrets: &[Secret], _: i64) -> Result<Signed, CannotSign> {
        let signature = hex::encode(body::sign(unsigned.body, secrets)?);
        Ok(Signed { url: None, headers: vec![(Self::HEADER, format!("sha256={signature}"))] })
    }
}
