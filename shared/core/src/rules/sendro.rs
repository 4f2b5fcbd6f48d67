//! Sendro's events: what happened to a mail.

use serde_json::Value;

use super::{address, fields::Fields, message, no_rule, unexpected_shape};
use crate::{
    plan::{Event, Stop, View},
    records::{AddressState, Channel, Direction, MessageError, MessageStatus, Parties},
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
    let to = text(body, &["to"]);
    let soft = text(body, &["bounceType", "bounce_type"]).is_some_and(|kind| kind.eq_ignore_ascii_case("soft"));
    let at = event.occurred_at.unwrap_or(event.received_at);

    let mut found = message::by_external_id(view, &id, event.received_at)?;
    let error = matches!(status, MessageStatus::Failed | MessageStatus::Bounced | MessageStatus::Complained)
        .then(|| MessageError { code: None, text: text(body, &["reason"]).unwrap_or_else(|| "no reason was given".to_owned()) });
    let parties = Parties { channel: Channel::Email, direction: Direction::Outbound, to: to.clone(), from: text(body, &["from"]) };
    found.message.join_parties(parties);
    found.message.join_status(status, at, error);
    if found.message.is_unmatched() {
        view.mark_unmatched();
    }
    let to = found.message.to().map(str::to_owned).or(to);
    message::settle(view, found)?;
    let state = match status {
        MessageStatus::Bounced if !soft => Some(AddressState::Bounced),
        MessageStatus::Complained => Some(AddressState::Complained),
        _ => None,
    };
    if let (Some(state), Some(to)) = (state, to) {
        address::mark(view, &to, state, at)?;
    }
    view.summarize(format!("mail {word}"));
    Ok(())
}
