use crate::{Invalid, Message, Secret, Verified};

/// One provider's way to sign webhooks.
pub trait Scheme: Send + Sync {
    /// The header that carries the signature, as the provider writes it; where several can, the usual one.
    fn header(&self) -> &'static str;

    /// Finds the secret that signed the message. `now` is in seconds since the Unix epoch.
    ///
    /// The signature is looked at before its age, so that "too old" is only ever said of what a holder of a secret signed. Takes time
    /// linear in the message for each secret, and panics on no input.
    ///
    /// # Errors
    /// [`Invalid`], for the operator's log alone.
    fn verify(&self, message: &Message<'_>, secrets: &[Secret], now: i64) -> Result<Verified, Invalid>;

    /// Signs as the provider does: with each secret that is not blank where a message can carry several signatures, otherwise with the
    /// first. `now` is in seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`CannotSign`] says what is missing.
    fn sign(&self, unsigned: &Message<'_>, secrets: &[Secret], now: i64) -> Result<Signed, CannotSign>;
}

/// What to add to a message so that it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The URL to request in place of the message's, where the scheme writes into the URL.
    pub url: Option<String>,
    /// The headers to add.
    pub headers: Vec<(&'static str, String)>,
}

/// Why a message could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    /// There is no secret, or only blank ones, or none for this message.
    #[error("there is no secret to sign with: give the provider's signing secret")]
    NoSecret,
    /// A secret is no key that signs.
    #[error("secret {} cannot sign: {problem}", .secret + 1)]
    Unusable {
        /// The position of the secret, counted from 0.
        secret: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The scheme signs a header that the message does not have, or cannot have with this value.
    #[error("the scheme signs the header {header}, {problem}")]
    Header {
        /// The header's name, as the provider writes it.
        header: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The scheme does not sign such a body.
    #[error("the provider would not send this body: {problem}")]
    Body {
        /// What is wrong with it.
        problem: &'static str,
    },
}
