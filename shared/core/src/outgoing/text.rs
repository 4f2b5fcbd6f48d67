//! Sends a text: under which message it goes, and what became of it.

use super::{Outgoing, Performed, Wording};
use crate::{
    effect::Effect,
    event::EventRecord,
    ports::{Key, PortError, SendFailure, Store, Stored, TextMessage},
    record::Record,
    records::{Message, Phone},
    rules::Refused,
};

/// A text that the other side took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenText {
    /// The message that it is.
    pub message: String,
    /// The other side's id of it, if it told one.
    pub external_id: Option<String>,
    /// The message as it was read before.
    pub known: Vec<(Key, Option<Stored>)>,
}

/// A text that was not sent, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsentText {
    /// The message that it is.
    pub message: String,
    /// The other side's code for why; none where it gave none, or was not asked.
    pub code: Option<String>,
    /// Why, or what the other side answered.
    pub reason: String,
    /// Who said no.
    pub refused: Refused,
}

impl Outgoing {
    /// Sends a text to `to`. `first`: the message that it was planned as.
    pub(super) async fn send_text(
        &self,
        store: &dyn Store,
        (event, effect): (&EventRecord, &Effect),
        to: Option<String>,
        wording: Wording,
        first: Option<Stored>,
    ) -> Performed {
        let not_tried = |message: &str, reason: &str| {
            let (message, reason) = (message.to_owned(), reason.to_owned());
            Performed::TextUnsent(UnsentText { message, code: None, reason, refused: Refused::NotTried })
        };
        let Some(to) = to else { return not_tried(&Message::id_of_effect(&effect.id), "no phone number is known") };
        let (message, known) = match under_which(store, effect, &to, first).await {
            Ok(Under::Message(message, stored)) => (message, stored),
            Ok(Under::Taken) => return Performed::Sent,
            Ok(Under::NotThere) => return Performed::OtherNumber(to),
            Err(error) => return Performed::Later(error.to_string()),
        };
        let Wording::Says(words) = wording else { return not_tried(&message, "there is nothing to confirm any more") };
        let Some(sms) = &self.sms else { return not_tried(&message, "text messages are switched off") };
        match has_opted_out(store, &to).await {
            Ok(false) => {}
            Ok(true) => return not_tried(&message, "its owner has asked for no more texts"),
            Err(error) => return Performed::Later(error.to_string()),
        }
        let text = TextMessage { id: effect.id.clone(), event: event.id.clone(), message: message.clone(), to, text: words };
        let (code, reason) = match sms.send(&text).await {
            Ok(external_id) => {
                let known = vec![(Message::key(&message), known)];
                return Performed::TextTaken(TakenText { message, external_id, known });
            }
            Err(SendFailure::Refused(reason)) => (None, reason),
            Err(SendFailure::TextRefused { code, reason }) => (Some(code), reason),
            Err(failure @ (SendFailure::NotTaken(_) | SendFailure::Unknown(_))) => return Performed::Later(failure.to_string()),
        };
        Performed::TextUnsent(UnsentText { message, code, reason, refused: Refused::ByProvider })
    }
}

/// The message that a text goes under.
enum Under {
    /// This one, as it is stored.
    Message(String, Option<Stored>),
    /// The other side has it already.
    Taken,
    /// One of its own that is not there yet: it goes to another number than it was planned for.
    NotThere,
}

/// A message is one text to one number. One that is tried again after the number was corrected is another message.
async fn under_which(store: &dyn Store, effect: &Effect, to: &str, first: Option<Stored>) -> Result<Under, PortError> {
    let planned = first.as_ref().map(Message::from_stored).transpose()?;
    let goes_elsewhere = planned.and_then(|message| message.sent).is_some_and(|sent| sent.to != to);
    if !goes_elsewhere {
        return Ok(Under::Message(Message::id_of_effect(&effect.id), first));
    }
    let id = Message::id_of_effect_to(&effect.id, to);
    let Some(found) = store.get(&[Message::key(&id)]).await?.pop().flatten() else { return Ok(Under::NotThere) };
    let taken = Message::from_stored(&found)?.was_taken();
    Ok(if taken { Under::Taken } else { Under::Message(id, Some(found)) })
}

async fn has_opted_out(store: &dyn Store, number: &str) -> Result<bool, PortError> {
    let found = store.get(&[Phone::key(number)]).await?.pop().flatten();
    Ok(found.as_ref().map(Phone::from_stored).transpose()?.is_some_and(|phone| phone.has_opted_out()))
}
