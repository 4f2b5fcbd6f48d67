use async_trait::async_trait;

use super::SendFailure;

/// A text message, ready to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextMessage {
    /// The id of the effect that sends it, the same for every try.
    pub id: String,
    /// The id of the event that caused it (`in_…`).
    pub event: String,
    /// What status callbacks are to bring back of it: the id of the message that it is, and whose it is. It may stand in a URL as it is.
    pub message: String,
    /// The number it goes to, E.164.
    pub to: String,
    /// The text.
    pub text: String,
}

/// Sends text messages. The sender is the adapter's setting.
#[async_trait]
pub trait Sms: Send + Sync {
    /// Sends one text, once: never tries again by itself unless it surely was not taken. The other side's id of it, which its events name it by; `None`
    /// where it told none, or what it told was lost.
    ///
    /// # Errors
    /// [`SendFailure`], which says whether the text may have gone out.
    async fn send(&self, text: &TextMessage) -> Result<Option<String>, SendFailure>;
}
