//! What all rules do with a message.

use super::{address, booking};
use crate::{
    effect::{Announcement, EffectKind},
    plan::{Stop, View},
    record::Record,
    records::{Booking, Channel, Message, MessageStatus, Phone, ToldBy},
    refusal::Refusal,
    template::MailTemplate,
    time::Timestamp,
};

/// A message as it is before something is joined to it.
pub(super) struct Found {
    pub(super) message: Message,
    /// The booking that it is about so far.
    booking: Option<String>,
}

impl Found {
    pub(super) fn new(message: Message) -> Self {
        Self { booking: message.booking_id().map(str::to_owned), message }
    }
}

/// The message that a provider names by its own id, as it is, or as it begins now that something is heard of it.
pub(super) fn by_external_id(view: &mut View<'_>, external_id: &str, at: Timestamp) -> Result<Found, Stop> {
    let id = Message::id_of_external(external_id);
    let found = match view.read::<Message>(&id)? {
        Some(Message { same_as: Some(other), .. }) => view.read::<Message>(&other)?,
        found => found,
    };
    let mut found = Found::new(found.unwrap_or_else(|| Message::first_heard(&id, at)));
    found.message.heard.join(at);
    found.message.join_external_id(external_id);
    view.tell::<Message>(&found.message.id);
    Ok(found)
}

/// The text that Sluice sent under its own id `reference`, which the provider calls `external_id`; `None` if it did not.
pub(super) fn by_reference(view: &mut View<'_>, reference: &str, external_id: &str, at: Timestamp) -> Result<Option<Found>, Stop> {
    let Some(message) = view.read::<Message>(reference)?.filter(|message| message.sent.is_some()) else { return Ok(None) };
    let mut found = Found::new(message);
    found.message.heard.join(at);
    view.tell::<Message>(&found.message.id);
    if found.message.join_external_id(external_id) {
        lead_here(view, &mut found.message, external_id, at)?;
    }
    Ok(Some(found))
}

/// A message that was only put with the provider's id loses it to the text that Sluice sent under it, whichever of both is heard of first, and with it what
/// was said under it.
fn take_from(view: &mut View<'_>, id: &str, external_id: &str, at: Timestamp) -> Result<Taken, Stop> {
    let Some(other) = view.read::<Message>(id)? else { return Ok(Taken::Free(None)) };
    if other.sent.is_some() {
        return Ok(Taken::Held);
    }
    let mut found = Found::new(other);
    found.message.heard.join(at);
    let said = found.message.is_known_as(external_id).then(|| Box::new(found.message.release(external_id, at)));
    found.message.give_up_external_id(external_id);
    settle(view, found)?;
    Ok(Taken::Free(said))
}

/// What becomes of a provider's id that another message had.
enum Taken {
    /// It is to be had, with what was said under it as far as that is known.
    Free(Option<Box<Message>>),
    /// It belongs to a text that Sluice sent.
    Held,
}

/// From now on the provider's id leads to the message; what was heard under that id alone becomes the message's.
pub(super) fn lead_here(view: &mut View<'_>, message: &mut Message, external_id: &str, at: Timestamp) -> Result<(), Stop> {
    let id = Message::id_of_external(external_id);
    if id == message.id {
        return Ok(());
    }
    let before = view.read_presumed_absent::<Message>(&id)?;
    let mut lead = Message::leading_to(&message.id, external_id, before.as_ref(), at);
    let said = match before {
        None => {
            view.write(&lead)?;
            None
        }
        Some(Message { same_as: Some(other), .. }) if other != message.id => match take_from(view, &other, external_id, at)? {
            Taken::Free(mut said) => {
                lead.history.join(said.as_mut().map(|said| std::mem::take(&mut said.history)).unwrap_or_default());
                view.write(&lead)?;
                said
            }
            Taken::Held => None,
        },
        Some(Message { same_as: Some(_), .. }) => None,
        // It is the owner's own id of another message, too, and so can lead nowhere.
        Some(other) if other.put.is_some() => match take_from(view, &other.id, external_id, at)? {
            Taken::Free(mut said) => {
                message.history.join(said.as_mut().map(|said| std::mem::take(&mut said.history)).unwrap_or_default());
                said
            }
            Taken::Held => None,
        },
        Some(other) if other.sent.is_some() => None,
        Some(other) => {
            if let Some(matched) = &other.matched {
                let mut booking = booking::heard_of(view, matched, at)?;
                booking.remove_text(&other.id);
                view.write(&booking)?;
            }
            view.write(&lead)?;
            Some(Box::new(other))
        }
    };
    if let Some(said) = said {
        message.absorb(*said);
    }
    Ok(())
}

/// The owner has taken back a provider's id that a message was put with: what was said under it is a message of its own again, or will be whose it is.
fn give_back(view: &mut View<'_>, message: &mut Message, before: &Message, external_id: &str, at: Timestamp) -> Result<(), Stop> {
    let id = Message::id_of_external(external_id);
    let now = message.put.as_ref().and_then(|put| put.external_id.as_deref());
    let refuse = |why: String| Err(Stop::Refuse(Refusal::Taken { field: "external_id", message: why }));
    if id == message.id {
        // Whatever is said under it is this message's, by its own id.
        return match now {
            None => Ok(()),
            Some(_) => {
                refuse(format!("can be no other than {external_id}, because that is the id of this message; put one of its own with it"))
            }
        };
    }
    if !message.has_external_id(external_id) {
        return Ok(());
    }
    let lead = view.read::<Message>(&id)?.filter(|lead| lead.same_as.as_ref() == Some(&message.id));
    let Some(lead) = lead.filter(|_| before.is_known_as(external_id)) else {
        return refuse(format!(
            "is {external_id} for good, because what was said under it and under another id can't be told apart; put a message of its own with the right one"
        ));
    };
    if before.has_marked_address() {
        return refuse(format!(
            "is {external_id} for good, because what was said under it has marked the address that it was put with; put a message of its own with the right one"
        ));
    }
    let mut said = message.release(external_id, at);
    let given = std::mem::replace(&mut said.history, lead.history);
    said.history.join(given);
    if said.is_blank() {
        return view.write(&said);
    }
    settle(view, Found { message: said, booking: None })?;
    Ok(())
}

/// Settles a message that facts were joined to: the booking that it is about, what that booking says of it, and who is to be told that it failed.
/// The booking, if there is one.
pub(super) fn settle(view: &mut View<'_>, found: Found) -> Result<Option<String>, Stop> {
    let Found { mut message, booking: before } = found;
    if message.seeks_booking() {
        look_for_booking(view, &mut message)?;
    }
    if message.channel() == Some(Channel::Email)
        && let Some(to) = message.to().map(str::to_owned)
    {
        for (state, by) in message.take_unaddressed() {
            address::mark(view, &to, state, by)?;
        }
    }
    let now = message.booking_id().map(str::to_owned);
    if let Some(before) = before.filter(|before| Some(before) != now.as_ref()) {
        let mut booking = booking::heard_of(view, &before, message.heard.last)?;
        booking.remove_text(&message.id);
        view.write(&booking)?;
    }
    let failed = message.is_text_out() && message.status() == MessageStatus::Failed;
    if failed && message.announcements.latest(Message::FAILED) == 0 && view.policy.mail {
        let number = message.announcements.next(Message::FAILED);
        let about = Announcement { record: Message::key(&message.id), subject: Message::FAILED.to_owned(), number };
        view.effect(EffectKind::Mail, MailTemplate::SupportTextFailed, about);
    }
    if let Some(booking_id) = now.as_ref().filter(|_| message.is_text_out()) {
        let mut booking = booking::heard_of(view, booking_id, message.heard.last)?;
        tell_booking(view, &mut booking, &message)?;
    }
    message.note_coming_in();
    view.write(&message)?;
    Ok(now)
}

/// Says to a booking how far a text about it came, and writes it if that was new.
fn tell_booking(view: &mut View<'_>, booking: &mut Booking, message: &Message) -> Result<(), Stop> {
    let mut new = booking.join_text(message);
    if message.status() == MessageStatus::Failed && view.policy.mail {
        let before = booking.clone();
        if let Some((template, about)) = booking.mail_instead_of(message) {
            view.effect(EffectKind::Mail, template, about);
        }
        new |= *booking != before;
    }
    if new { view.write(booking) } else { Ok(()) }
}

/// The newest confirmed booking of the number that the text went to. Where there is none, the text waits for one.
fn look_for_booking(view: &mut View<'_>, message: &mut Message) -> Result<(), Stop> {
    let Some(number) = message.to().filter(|to| Phone::is_number(to)).map(str::to_owned) else { return Ok(()) };
    let mut phone = view.read::<Phone>(&number)?.unwrap_or_else(|| Phone::new(&number));
    let ids: Vec<String> = phone.bookings().into_iter().map(str::to_owned).collect();
    view.want(ids.iter().map(|id| Booking::key(id)))?;
    let mut bookings = Vec::new();
    for id in &ids {
        bookings.extend(view.read::<Booking>(id)?);
    }
    let mut confirmed = bookings.iter().filter(|booking| booking.is_confirmed_with(&number)).peekable();
    let newest = confirmed.peek().copied();
    // The operator's own come first: a tenant that puts their number gets none of the texts to them.
    let own = confirmed.find(|booking| booking.put.as_ref().is_none_or(|put| put.tenant.is_none()));
    if let Some(booking) = own.or(newest) {
        message.matched = Some(booking.id.clone());
        if phone.waiting.remove(&message.id) {
            view.write(&phone)?;
        }
        return Ok(());
    }
    for mut booking in bookings.into_iter().filter(|booking| booking.has_number(&number)) {
        if booking.waiting_texts.insert(message.id.clone()) {
            view.write(&booking)?;
        }
    }
    if !phone.waiting.contains(&message.id) {
        phone.keep(&message.id);
        view.write(&phone)?;
    }
    Ok(())
}

/// What texts have waited for comes with a booking that is confirmed: it makes good for those that failed, and takes over those to its customer that
/// belong to nobody.
pub(super) fn catch_up(view: &mut View<'_>, booking: &mut Booking) -> Result<(), Stop> {
    for id in booking.texts_to_make_good() {
        if let Some(message) = view.read::<Message>(&id)? {
            tell_booking(view, booking, &message)?;
        }
    }
    take_over_waiting(view, booking)
}

/// A booking that is confirmed takes over the texts to its customer that belong to nobody.
fn take_over_waiting(view: &mut View<'_>, booking: &mut Booking) -> Result<(), Stop> {
    let number = booking.put.as_ref().and_then(|put| put.customer_phone.clone());
    let Some(number) = number.filter(|number| !booking.waiting_texts.is_empty() && booking.is_confirmed_with(number)) else {
        return Ok(());
    };
    let waiting: Vec<String> = std::mem::take(&mut booking.waiting_texts).into_iter().collect();
    view.want(waiting.iter().map(|id| Message::key(id)).chain([Phone::key(&number)]))?;
    let mut phone = view.read::<Phone>(&number)?.unwrap_or_else(|| Phone::new(&number));
    let before = phone.clone();
    for id in waiting {
        phone.waiting.remove(&id);
        let Some(mut message) = view.read::<Message>(&id)?.filter(|message| message.same_as.is_none() && message.seeks_booking()) else {
            continue;
        };
        message.matched = Some(booking.id.clone());
        tell_booking(view, booking, &message)?;
        view.write(&message)?;
    }
    if phone != before {
        view.write(&phone)?;
    }
    Ok(())
}

/// Lets a number know of a booking that was put with it, and the booking of the texts that wait for one.
pub(super) fn introduce(view: &mut View<'_>, booking: &mut Booking) -> Result<(), Stop> {
    let Some(number) = booking.put.as_ref().and_then(|put| put.customer_phone.clone()) else { return Ok(()) };
    let before = view.read::<Phone>(&number)?;
    let mut phone = before.clone().unwrap_or_else(|| Phone::new(&number));
    phone.join_booking(&booking.id, booking.heard.first);
    booking.waiting_texts.extend(phone.waiting.iter().cloned());
    if before.as_ref() != Some(&phone) {
        view.write(&phone)?;
    }
    Ok(())
}

/// The owner of a number wants no more texts, or wants them again.
pub(super) fn opt_out(view: &mut View<'_>, number: &str, at: Timestamp, stop: bool) -> Result<(), Stop> {
    let mut phone = view.read::<Phone>(number)?.unwrap_or_else(|| Phone::new(number));
    phone.join_opt_out(ToldBy::new(at, view.cause()), stop);
    view.write(&phone)
}

/// The message that has the provider's id for good: the one that it leads to, or that was put or sent under it; `None` if it is free.
fn holder(view: &mut View<'_>, external_id: &str) -> Result<Option<String>, Stop> {
    let found = view.read::<Message>(&Message::id_of_external(external_id))?;
    Ok(found.and_then(|found| match found {
        Message { same_as: Some(other), .. } => Some(other),
        other => (other.put.is_some() || other.sent.is_some()).then_some(other.id),
    }))
}

/// Settles a message that was put. What providers said of it under their own id meets it here.
pub(crate) fn settle_put(view: &mut View<'_>, message: Message, before: Option<Message>) -> Result<(), Stop> {
    let booking = before.as_ref().and_then(|before| before.booking_id().map(str::to_owned));
    let mut found = Found { message, booking };
    let refuse = |field, message| Err(Stop::Refuse(Refusal::Taken { field, message }));
    if let Some(other) = &found.message.same_as {
        return refuse("id", format!("is the provider's id of the message {other}; put that one"));
    }
    let said = |message: &Message| message.put.as_ref().and_then(|put| put.external_id.clone());
    let at = found.message.put.as_ref().map_or(view.now, |put| put.at);
    let now = said(&found.message);
    // What was taken before is not refused when it is planned once more, though its id may be another message's by now.
    let new = now.as_ref().filter(|_| before.as_ref().is_none_or(|before| before.put != found.message.put));
    if let Some(external_id) = new {
        if found.message.sent.is_some() && before.as_ref().is_some_and(|before| !before.has_external_id(external_id)) {
            return refuse("external_id", "can't be put, because Sluice sent this text itself and Twilio tells its id".to_owned());
        }
        if let Some(other) = holder(view, external_id)?.filter(|other| *other != found.message.id) {
            return refuse("external_id", format!("is that of the message {other} already"));
        }
    }
    if let Some(before) = &before
        && let Some(withdrawn) = said(before).filter(|withdrawn| Some(withdrawn) != now.as_ref())
        && found.message.sent.is_none()
    {
        give_back(view, &mut found.message, before, &withdrawn, at)?;
    }
    if let Some(external_id) = new {
        lead_here(view, &mut found.message, external_id, at)?;
    }
    settle(view, found)?;
    Ok(())
}
