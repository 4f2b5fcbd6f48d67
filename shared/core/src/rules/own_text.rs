//! What becomes of a text that Sluice sends itself.

use super::{
    message::{Found, lead_here, opt_out, settle},
    twilio::errors,
};
use crate::{
    effect::{Announcement, Effect, EffectKind},
    plan::{Stop, View},
    record::Record,
    records::{Booking, Message, MessageError, MessageStatus, SentText},
    template::MailTemplate,
};

/// Who said no to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nobody: there was no use in trying.
    NotTried,
    /// Nobody: there is nothing to confirm any more.
    Untrue,
    /// The other side.
    ByProvider,
}

/// A text that Sluice is to send exists from the plan on, so that whatever is heard of it meets it.
pub(super) fn to_be_sent(
    view: &mut View<'_>,
    booking: &mut Booking,
    to: &str,
    effect: String,
    template: MailTemplate,
    about: Announcement,
) -> Result<(), Stop> {
    let id = Message::id_of_effect(&effect);
    let mut message = view.read_presumed_absent::<Message>(&id)?.unwrap_or_else(|| Message::first_heard(&id, view.now));
    if message.sent.is_none() {
        let event = view.event_id().to_owned();
        message.sent = Some(SentText { to: to.to_owned(), event, effect, template: template.name().to_owned(), about });
    }
    booking.join_text(&message);
    view.write(&message)?;
    Ok(())
}

/// A text goes to another number than it was to go to last: it is a message of its own, unless it was to go there before. Those to other numbers did not
/// arrive, unless the other side says otherwise; nobody is to be told of them, because this one takes their place.
pub(crate) fn to_other_number(view: &mut View<'_>, effect: &Effect, to: &str) -> Result<(), Stop> {
    let (planned, booking_id) = (Message::id_of_effect(&effect.id), &effect.about.record.id);
    view.want([Message::key(&planned), Message::key(&Message::id_of_effect_to(&effect.id, to)), Booking::key(booking_id)])?;
    let Some(mut booking) = view.read::<Booking>(booking_id)? else { return Ok(()) };
    let Some(sent) = view.read::<Message>(&planned)?.and_then(|message| message.sent) else { return Ok(()) };
    let id = Message::id_of_text(&effect.id, &sent.to, to);
    for other in booking.other_texts_of(effect.about.number, &planned, &id) {
        let Some(mut other) = view.read::<Message>(&other)?.filter(Message::is_to_be_sent) else { continue };
        other.put_aside(view.now);
        booking.join_text(&other);
        booking.count_as_made_good(&other.id);
        view.write(&other)?;
    }
    let mut message = view.read::<Message>(&id)?.unwrap_or_else(|| Message::first_heard(&id, view.now));
    if message.take_up_again() {
        booking.count_as_open(&id);
    }
    message.sent.get_or_insert(SentText { to: to.to_owned(), ..sent });
    booking.join_text(&message);
    view.write(&message)?;
    view.write(&booking)
}

/// The other side has taken the text `id`, and calls it `external_id` if it said so. What it had said before of whatever it calls so belongs to the text.
pub(crate) fn taken(view: &mut View<'_>, id: &str, external_id: Option<&str>) -> Result<(), Stop> {
    let Some(message) = view.read::<Message>(id)? else { return Ok(()) };
    let mut found = Found::new(message);
    let before = found.message.clone();
    match external_id {
        Some(external_id) => {
            if found.message.join_external_id(external_id) {
                lead_here(view, &mut found.message, external_id, view.now)?;
            }
        }
        // That it was taken is only worth a word where it had been refused.
        None => found.message.taken |= found.message.is_unsent(),
    }
    if found.message == before {
        return Ok(());
    }
    found.message.heard.join(view.now);
    // Mostly nothing has changed but that its id is known, and that is nobody's concern.
    let state = |message: &Message| (message.status(), message.delivered_at());
    if state(&found.message) == state(&before) {
        return view.write(&found.message);
    }
    settle(view, found)?;
    Ok(())
}

/// A text is not sent, for good: so it is noted with the message, with its booking, and with the number if its owner wants no texts. Mails go instead: to the
/// customer if there is something to confirm, and to support if the other side refused it. None, if the other side took it before, and who was told of what
/// became of it then knows already. What confirms what there is nothing to confirm of any more stays owed by the booking.
pub(crate) fn unsent(view: &mut View<'_>, effect: &Effect, id: &str, error: MessageError, refused: Refused) -> Result<(), Stop> {
    let booking_id = &effect.about.record.id;
    view.want([Message::key(id), Booking::key(booking_id)])?;
    let mail = MailTemplate::named(&effect.template);
    let Some(mut message) = view.read::<Message>(id)? else {
        // It was planned before there were messages.
        if let Some(template) = mail.filter(|_| view.policy.mail) {
            view.effect(EffectKind::Mail, template, effect.about.clone());
        }
        return Ok(());
    };
    let opted_out = error.code.as_deref() == Some(errors::OPTED_OUT);
    let told_by_others = message.announcements.latest(Message::FAILED) > 0 && !message.refused;
    message.join_unsent(view.now, error);
    let open = message.status() == MessageStatus::Failed && !told_by_others;
    if let Some(mut booking) = view.read::<Booking>(booking_id)? {
        booking.join_text(&message);
        if refused == Refused::Untrue && open {
            booking.owe_confirmation(effect.about.number, &effect.template);
        } else if let Some(template) = mail.filter(|_| open && view.policy.mail && booking.may_be_confirmed()) {
            booking.count_as_mailed(effect.about.number);
            booking.count_as_made_good(id);
            view.effect(EffectKind::Mail, template, effect.about.clone());
        }
        view.write(&booking)?;
    }
    if refused == Refused::ByProvider && open && view.policy.mail {
        if !std::mem::replace(&mut message.refused, true) {
            message.announcements.next(Message::FAILED);
        }
        let number = message.announcements.latest(Message::FAILED);
        let about = Announcement { record: Message::key(id), subject: Message::FAILED.to_owned(), number };
        view.effect(EffectKind::Mail, MailTemplate::SupportTextFailed, about);
    }
    if opted_out && let Some(to) = message.to().map(str::to_owned) {
        opt_out(view, &to, view.now, true)?;
    }
    view.write(&message)
}
