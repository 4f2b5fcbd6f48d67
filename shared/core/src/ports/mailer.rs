use async_trait::async_trait;

use super::SendFailure;

/// A mail, ready to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The id of the effect that sends it, the same for every try: for `Message-ID` and tags, so that the other side can tell a repetition.
    pub id: String,
    /// The id of the event that caused it (`in_…`).
    pub event: String,
    /// The address it goes to.
    pub to: String,
    /// The subject line.
    pub subject: String,
    /// The plain text body.
    pub text: String,
    /// The HTML body, escaped.
    pub html: String,
}

/// Sends mail. Sender and reply-to are the adapter's settings.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends one mail, once: never tries again by itself unless the mail surely was not taken.
    ///
    /// # Errors
    /// [`SendFailure`], which says whether the mail may have gone out.
    async fn send(&self, mail: &Mail) -> Result<(), SendFailure>;
}
