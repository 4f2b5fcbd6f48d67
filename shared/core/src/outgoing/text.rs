//! Sends a text: under which message it goes, and what became of it.

use super::{Outgoing, Performed, Wording};
use crate::{
    effect::Effect,
    event::EventRecord,
    ports::{Key, PortError, SendFailure, Store, Stored, TextMessage},
    record::Record,
    records::{Booking, Message, Phone},
    rules::Refused,
    space::Space,
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
    /// Sends a text to `to`.
    pub(super) async fn send_text(
        &self,
        store: &dyn Store,
        (event, effect): (&EventRecord, &Effect),
        to: Option<String>,
        wording: Wording,
        under: Under,
    ) -> Performed {
        let unsent = |message: &str, reason: &str, refused: Refused| {
            let (message, reason) = (message.to_owned(), reason.to_owned());
            Performed::TextUnsent(UnsentText { message, code: None, reason, refused })
        };
        let not_tried = |message: &str, reason: &str| unsent(message, reason, Refused::NotTried);
        let (message, known) = match (under, &to) {
            (Under::Message(message, stored), _) => (message, stored),
            (Under::Unsettled, Some(to)) => return Performed::OtherNumber(to.clone()),
            (Under::Unsettled, None) => (Message::id_of_effect(&effect.id), None),
            (Under::Taken, _) => return Performed::Sent,
        };
        let Some(to) = to else { return not_tried(&message, "no phone number is known") };
        let Wording::Says(words) = wording else { return unsent(&message, "there is nothing to confirm any more", Refused::Untrue) };
        let Some(sms) = &self.sms else { return not_tried(&message, "text messages are switched off") };
        match has_opted_out(store, &to).await {
            Ok(false) => {}
            Ok(true) => return not_tried(&message, "its owner has asked for no more texts"),
            Err(error) => return Performed::Later(error.to_string()),
        }
        let reference = Message::reference(&message, store.space().map(Space::tenant));
        let text = TextMessage { id: effect.id.clone(), event: event.id.clone(), message: reference, to, text: words };
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
pub(super) enum Under {
    /// This one, as it is stored.
    Message(String, Option<Stored>),
    /// The other side has it already.
    Taken,
    /// Its messages do not say yet which of them is to be sent, and that the others are not.
    Unsettled,
}

/// A message is one text to one number. One that is tried again after the number was corrected is another message; `planned` is the first of them.
pub(super) async fn under_which(
    store: &dyn Store,
    effect: &Effect,
    booking: &Booking,
    planned: Option<Stored>,
) -> Result<Under, PortError> {
    let first = Message::id_of_effect(&effect.id);
    let known = planned.as_ref().map(Message::from_stored).transpose()?;
    let Some((known, planned_for)) = known.as_ref().and_then(|message| Some((message, &message.sent.as_ref()?.to))) else {
        return Ok(Under::Message(first, planned));
    };
    let to = booking.put.as_ref().and_then(|put| put.customer_phone.as_deref());
    let id = to.map_or_else(|| first.clone(), |to| Message::id_of_text(&effect.id, planned_for, to));
    let ids: Vec<_> = std::iter::once(id.clone()).chain(booking.other_texts_of(effect.about.number, &first, &id)).collect();
    let mut found = match &ids[..] {
        [only] if *only == first => vec![planned],
        _ => store.get(&ids.iter().map(|id| Message::key(id)).collect::<Vec<_>>()).await?,
    };
    let mut others = found.split_off(1);
    let mut waits = None;
    for (position, other) in others.iter().enumerate() {
        let other = other.as_ref().map(Message::from_stored).transpose()?;
        waits = waits.or(other.filter(Message::is_to_be_sent).map(|other| (position, other.id)));
    }
    let target = found.pop().flatten();
    let message = target.as_ref().map(Message::from_stored).transpose()?;
    Ok(match (waits, message) {
        // It goes nowhere, and it is the one that was to be sent last that says so.
        (Some((position, waits)), _) if to.is_none() => Under::Message(waits, others.swap_remove(position)),
        (Some(_), _) => Under::Unsettled,
        (None, Some(message)) if message.was_taken() => Under::Taken,
        (None, Some(message)) if message.is_aside() && to.is_some() => Under::Unsettled,
        (None, Some(_)) => Under::Message(id, target),
        (None, None) if known.was_taken() => Under::Taken,
        (None, None) => Under::Unsettled,
    })
}

/// Whether the owner of a number has asked for no more texts. Those of a space come from the same number as all others: what was said to that counts, too.
async fn has_opted_out(store: &dyn Store, number: &str) -> Result<bool, PortError> {
    let known = async |store: &dyn Store| -> Result<Option<Phone>, PortError> {
        let found = store.get(&[Phone::key(number)]).await?.pop().flatten();
        found.as_ref().map(Phone::from_stored).transpose()
    };
    let outside = match store.space() {
        Some(space) => known(&**space.outside()).await?,
        None => None,
    };
    Ok(Phone::refuses_texts(known(store).await?.as_ref(), outside.as_ref()))
}
