//! Sendro's events: what happened to a mail.

use serde_json::Value;

use super::{address, fields::Fields, message, no_rule, unexpected_shape};
use crate::{
    address::mailbox,
    plan::{Event, Stop, View},
    records::{AddressMark, AddressState, Channel, Direction, MessageError, MessageStatus, Parties, ToldBy},
};

/// A text of the mail, which stands beside the type, or in `data`.
fn text(body: Fields<'_>, names: &[&str]) -> Option<String> {
    let places = [body, body.at("data")];
    places.into_iter().flat_map(|place| names.iter().map(move |name| place.first_text(name))).find_map(|found| found.map(str::to_owned))
}

pub(super) fn plan(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let word = event.kind.rsplit('.').next().unwrap_or_default();
    let Some(status) = MessageStatus::of_sendro(word) else {
        no_rule(event, view);
        return Ok(());
    };
    let body: Value = serde_json::from_slice(event.body).map_err(|error| unexpected_shape(event, &error))?;
    let body = Fields::new(&body);
    let id = text(body, &["emailId", "email_id"]).ok_or_else(|| unexpected_shape(event, &"it has no emailId"))?;
    let recipients = recipients(body);
    let to = match &recipients {
        Recipients::One(address) => Some(address.clone()),
        Recipients::NotTold | Recipients::Several(_) => None,
    };
    let soft = text(body, &["bounceType", "bounce_type"]).is_some_and(|kind| kind.eq_ignore_ascii_case("soft"));
    let at = event.occurred_at.unwrap_or(event.received_at);

    let mut found = message::by_external_id(view, &id, event.received_at)?;
    let error = matches!(status, MessageStatus::Failed | MessageStatus::Bounced | MessageStatus::Complained)
        .then(|| MessageError { code: None, text: text(body, &["reason"]).unwrap_or_else(|| "no reason was given".to_owned()) });
    let parties = Parties { channel: Channel::Email, direction: Direction::Outbound, to, from: text(body, &["from"]) };
    found.message.join_parties(parties);
    found.message.join_status(status, at, error);
    let state = match status {
        MessageStatus::Bounced if !soft => Some(AddressState::Bounced),
        MessageStatus::Complained => Some(AddressState::Complained),
        _ => None,
    };
    let known = found.message.to().is_some();
    let not_marked = state.and_then(|_| recipients.why_not_marked(known));
    if found.message.is_unmatched() {
        view.mark_unmatched();
    }
    if let Some(state) = state {
        let by = ToldBy::new(at, view.cause());
        match recipients {
            Recipients::One(address) => address::mark(view, &address, state, by)?,
            // The mail's own recipient, as soon as it is known.
            Recipients::NotTold => found.message.join_unaddressed(state, by),
            Recipients::Several(_) => {}
        }
    }
    message::settle(view, found)?;
    view.summarize(match not_marked {
        None => format!("mail {word}"),
        Some(why) => format!("mail {word}; no address is marked: {why}"),
    });
    Ok(())
}

/// Whom a mail went to, as an event says.
enum Recipients {
    /// This address.
    One(String),
    /// So many addresses, and not which of them the event is about.
    Several(usize),
    /// Nothing that could be read as an address.
    NotTold,
}

impl Recipients {
    /// Why no address is marked by what happened to the mail; `None` if one is. `known`: the message itself has a recipient.
    fn why_not_marked(&self, known: bool) -> Option<String> {
        match self {
            Self::One(_) => None,
            Self::NotTold if known => None,
            Self::NotTold => Some("it does not say to whom the mail went, and no such message was put".to_owned()),
            Self::Several(count) => Some(format!("the mail went to {count} addresses, and it does not say which of them it is about")),
        }
    }
}

/// Reads `to`, which is a text, or a list of texts, each an address with or without a name, or several with commas between.
fn recipients(body: Fields<'_>) -> Recipients {
    let texts = [body, body.at("data")].into_iter().map(|place| place.texts("to")).find(|texts| !texts.is_empty()).unwrap_or_default();
    let mut addresses = Vec::new();
    let mut unread = 0;
    for text in texts {
        match mailbox(text) {
            Some(address) => {
                let same = |known: &String| AddressMark::id_of(known) == AddressMark::id_of(address);
                if !addresses.iter().any(same) {
                    addresses.push(address.to_owned());
                }
            }
            // Each address has its own sign.
            None => unread += text.matches('@').count(),
        }
    }
    match (addresses.pop(), addresses.len() + unread) {
        (Some(address), 0) => Recipients::One(address),
        (Some(_), others) => Recipients::Several(others + 1),
        (None, 0 | 1) => Recipients::NotTold,
        (None, count) => Recipients::Several(count),
    }
}
