//! Twilio's webhooks: <https://www.twilio.com/docs/messaging/guides/webhook-request>, <https://www.twilio.com/docs/voice/twiml>.

pub(crate) mod errors;
pub(crate) mod keyword;

use std::borrow::Cow;

use super::{
    message::{self, Found},
    no_rule, unexpected_shape,
};
use crate::{
    effect::EffectState,
    envelope::Envelope,
    plan::{Event, Stop, View},
    provider::Parameters,
    records::{Booking, Channel, Direction, Message, MessageError, MessageStatus, Parties, Phone, SentText},
};

pub(super) fn plan(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    // A form can't begin like that.
    let is_json = event.body.trim_ascii_start().starts_with(b"{");
    let parameters = Parameters::read(is_json, event.query, event.body).map_err(|error| unexpected_shape(event, &error))?;
    match event.kind.split_once('.') {
        Some(("message", word)) => match MessageStatus::of_twilio_message(word) {
            Some(status) if ["received", "receiving"].contains(&word) => incoming_text(event, &parameters, status, view),
            Some(status) => status_of_text(event, &parameters, status, word, view),
            None => unknown(event, view),
        },
        Some(("call", word)) => match MessageStatus::of_twilio_call(word) {
            Some(status) => call(event, &parameters, status, word, view),
            None => unknown(event, view),
        },
        _ => unknown(event, view),
    }
}

fn unknown(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    no_rule(event, view);
    Ok(())
}

/// The provider's id of the message or call.
fn sid<'a>(event: &Event<'_>, parameters: &Parameters<'a>, names: &[&str]) -> Result<Cow<'a, str>, Stop> {
    let found = names.iter().find_map(|name| parameters.get(name));
    found.ok_or_else(|| unexpected_shape(event, &format!("it has no {}", names[0])))
}

fn parties(parameters: &Parameters<'_>, channel: Channel, direction: Direction) -> Parties {
    let party = |name: &str| parameters.get(name).map(Cow::into_owned);
    Parties { channel, direction, to: party("To"), from: party("From") }
}

/// A text that was sent has come so far.
fn status_of_text(
    event: &Event<'_>,
    parameters: &Parameters<'_>,
    status: MessageStatus,
    word: &str,
    view: &mut View<'_>,
) -> Result<(), Stop> {
    let sid = sid(event, parameters, &["MessageSid", "SmsSid"])?;
    let mut found = find_text(event, &sid, view)?;
    let error = (status == MessageStatus::Failed).then(|| {
        let code = parameters.get("ErrorCode").filter(|code| *code != "0");
        let text = errors::in_words(code.as_deref(), word).to_owned();
        MessageError { code: code.map(Cow::into_owned), text }
    });
    found.message.join_parties(parties(parameters, Channel::Sms, Direction::Outbound));
    found.message.join_status(status, event.received_at, error.clone());
    let opted_out = error.as_ref().is_some_and(|error| error.code.as_deref() == Some(errors::OPTED_OUT));
    let number = found.message.to().filter(|number| opted_out && Phone::is_number(number)).map(str::to_owned);
    let booking = message::settle(view, found)?;
    if let Some(number) = number {
        message::opt_out(view, &number, event.received_at, true)?;
    }
    let what = match error {
        Some(MessageError { code: Some(code), text }) => format!("text {word}, error {code}: {text}"),
        Some(MessageError { code: None, text }) => format!("text {word}: {text}"),
        None => format!("text {word}"),
    };
    summarize(view, &what, booking);
    Ok(())
}

/// The tenant in whose space the text lies that a status callback is about: Sluice sends the texts of all from one account, and gives each its reference.
pub(crate) fn space_of_text(envelope: &Envelope) -> Option<String> {
    if envelope.provider != "twilio" || !envelope.kind.starts_with("message.") || envelope.query.is_empty() {
        return None;
    }
    let query = Parameters::read(false, &envelope.query, b"").ok()?;
    Message::referred_to(&query.get(Message::REFERENCE)?)?.1.map(str::to_owned)
}

fn summarize(view: &mut View<'_>, what: &str, booking: Option<String>) {
    match booking {
        Some(booking) => view.summarize(format!("{what}, for booking {booking}")),
        None => {
            view.mark_unmatched();
            view.summarize(format!("{what}, for no booking"));
        }
    }
}

/// The text that the callback is about: by the id that Sluice gave it when it was sent, else by Twilio's.
fn find_text(event: &Event<'_>, sid: &str, view: &mut View<'_>) -> Result<Found, Stop> {
    // Of the query alone, which Twilio signs as it was given; the body has no such parameter.
    let query = Parameters::read(false, event.query, b"").map_err(|error| unexpected_shape(event, &error))?;
    if let Some(reference) = query.get(Message::REFERENCE)
        && let Some((id, _)) = Message::referred_to(&reference)
        && let Some(found) = message::by_reference(view, id, sid, event.received_at)?
    {
        mark_as_sent(&found.message, view)?;
        return Ok(found);
    }
    message::by_external_id(view, sid, event.received_at)
}

/// Twilio has the text, so it was sent, also where the answer to sending it was lost. While somebody is at work on the effect he marks it himself, and
/// whoever takes it over sees the message's state.
fn mark_as_sent(message: &Message, view: &mut View<'_>) -> Result<(), Stop> {
    // The first callback of each sending alone: later ones find it done.
    let Some(sent) = message.sent.as_ref().filter(|_| message.status() <= MessageStatus::Pending) else { return Ok(()) };
    if goes_to_another_number(message, sent, view)? {
        return Ok(());
    }
    // A body in pieces is given its expiry by whoever finishes the event.
    let Some(mut event) = view.peek_event(&sent.event)?.filter(|event| event.pieces == 0) else { return Ok(()) };
    let at_work = event.lease.as_ref().is_some_and(|lease| view.now < lease.until);
    let waiting = |effect: &&mut crate::effect::Effect| effect.id == sent.effect && effect.state == EffectState::Pending;
    let Some(effect) = event.effects.iter_mut().find(waiting).filter(|_| !at_work) else { return Ok(()) };
    effect.end(EffectState::Done, None, view.now);
    event.settle(view.now);
    view.write_event(&event);
    Ok(())
}

/// Whether the same text is still to be sent to another number, because its booking's was corrected before anybody knew that this one had left.
fn goes_to_another_number(message: &Message, sent: &SentText, view: &mut View<'_>) -> Result<bool, Stop> {
    let Some(booking) = view.read::<Booking>(&sent.about.record.id)? else { return Ok(false) };
    for other in booking.other_texts_of(sent.about.number, &Message::id_of_effect(&sent.effect), &message.id) {
        if view.read::<Message>(&other)?.is_some_and(|other| other.is_to_be_sent()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Somebody wrote to the business.
fn incoming_text(event: &Event<'_>, parameters: &Parameters<'_>, status: MessageStatus, view: &mut View<'_>) -> Result<(), Stop> {
    let sid = sid(event, parameters, &["MessageSid", "SmsSid"])?;
    let mut found = message::by_external_id(view, &sid, event.received_at)?;
    found.message.join_parties(parties(parameters, Channel::Sms, Direction::Inbound));
    found.message.join_status(status, event.received_at, None);
    message::settle(view, found)?;
    let said = keyword::said(parameters.get("OptOutType").as_deref(), parameters.get("Body").as_deref());
    let number = parameters.get("From").filter(|number| Phone::is_number(number));
    let (Some(stop), Some(number)) = (said, number) else {
        view.summarize("a text came in");
        return Ok(());
    };
    message::opt_out(view, &number, event.received_at, stop)?;
    view.summarize(if stop { "a text came in: its sender wants no more texts" } else { "a text came in: its sender wants texts again" });
    Ok(())
}

/// A call came in, or one that was made has come so far.
fn call(event: &Event<'_>, parameters: &Parameters<'_>, status: MessageStatus, word: &str, view: &mut View<'_>) -> Result<(), Stop> {
    let sid = sid(event, parameters, &["CallSid"])?;
    let outbound = parameters.get("Direction").is_some_and(|direction| direction.starts_with("outbound"));
    let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
    let mut found = message::by_external_id(view, &sid, event.received_at)?;
    let error = (status == MessageStatus::Failed).then(|| MessageError { code: None, text: errors::of_call(word).to_owned() });
    found.message.join_parties(parties(parameters, Channel::Voice, direction));
    found.message.join_status(status, event.received_at, error);
    message::settle(view, found)?;
    view.summarize(format!("{} call {word}", if outbound { "outgoing" } else { "incoming" }));
    Ok(())
}
