use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{CannotSign, Header, Invalid, Message, Scheme, Secret, Signed, Verified, body, encoding};

/// Shopify's scheme: `X-Shopify-Hmac-Sha256: <base64>`, HMAC-SHA256 over the body, keyed with the text of the app's client secret
/// (<https://shopify.dev/docs/apps/build/webhooks/verify-deliveries>).
///
/// - The events of 2026 bear the same headers without `X-`. Where `Shopify-Hmac-Sha256` is sent, it alone counts, as in Shopify's library:
///   if it is wrong, the other is not tried. Whoever reads further headers keeps to the same family.
/// - The value is one base64 text of 32 bytes, padded, with no bits set beyond them.
/// - An empty body is refused whatever its signature: Shopify sends none, and its library refuses it.
///
/// While a client secret is rotated, either signs, so both belong on the list. The same secret signs other things for the app than
/// webhooks; the signature says that its holder wrote these bytes, not that they are a webhook, so whoever reads them insists on the JSON.
///
/// No time is signed, and neither are topic, shop and ids, which are headers: a captured request stays valid for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shopify;

impl Shopify {
    /// The header that Shopify signs in.
    pub const HEADER: &'static str = "X-Shopify-Hmac-Sha256";
    /// The header of the events of 2026, which goes before.
    pub const EVENT_HEADER: &'static str = "Shopify-Hmac-Sha256";

    /// As Shopify signs.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// The header that counts in this message.
    pub(crate) fn header_of(message: &Message<'_>) -> &'static str {
        if message.header(Self::EVENT_HEADER) == Header::Absent { Self::HEADER } else { Self::EVENT_HEADER }
    }
}

impl Scheme for Shopify {
    fn header(&self) -> &'static str {
        Self::HEADER
    }

    fn verify(&self, message: &Message<'_>, secrets: &[Secret], _: i64) -> Result<Verified, Invalid> {
        let header = Self::header_of(message);
        let signature = encoding::base64(message.needed(header)?)
            .ok_or(Invalid::MalformedHeader { header, problem: "it is not 32 bytes in padded base64" })?;
        if message.body.is_empty() {
            return Err(Invalid::EmptyBody);
        }
        body::verify(message.body, &signature, secrets)
    }

    /// In [`Self::EVENT_HEADER`] if the message has the topic of such an event (`Shopify-Topic`).
    fn sign(&self, unsigned: &Message<'_>, secrets: &[Secret], _: i64) -> Result<Signed, CannotSign> {
        if unsigned.body.is_empty() {
            return Err(CannotSign::Body { problem: "it is empty" });
        }
        let header = if unsigned.header("Shopify-Topic") == Header::Absent { Self::HEADER } else { Self::EVENT_HEADER };
        Ok(Signed { url: None, headers: vec![(header, STANDARD.encode(body::sign(unsigned.body, secrets)?))] })
    }
}
