//! What Amazon SES says about mails that Sluice sent: its events (<https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>), which
//! a topic of SNS puts into the queue `inbound`, raw or wrapped (<https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>). Who may
//! send to that queue is AWS's to check; nothing else of them is signed.

use serde::Deserialize;

use super::{SES, address, message, no_rule, unexpected_shape};
use crate::{
    body::{self, PackedBody},
    envelope::Envelope,
    plan::{Event, Stop, View},
    record::Record,
    records::{AddressState, Booking, Channel, Direction, MessageError, MessageStatus, Parties, ToldBy},
    secrets::DEFAULT_SOURCE,
    time::Timestamp,
};

/// What SES publishes, once, where it is told to report to a topic: before any event, and as text.
const GREETING: &str = "Successfully validated SNS topic for Amazon SES event publishing.";

/// Whether a message of the queue is nothing but SES's word that it can publish to the topic, raw or wrapped.
pub(crate) fn is_greeting_of_ses(text: &str) -> bool {
    let inner = serde_json::from_str::<Notification>(text).ok().map(|wrapped| wrapped.message);
    inner.as_deref().unwrap_or(text).trim() == GREETING
}

/// What SNS wraps around a message unless it is told not to.
#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "TopicArn")]
    _topic: String,
    #[serde(rename = "Message")]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MailEvent {
    /// `notificationType` where SES was set up to notify of an identity instead of a configuration set.
    #[serde(alias = "notificationType")]
    event_type: String,
    mail: Mail,
    #[serde(default)]
    bounce: Option<Bounce>,
    #[serde(default)]
    complaint: Option<Complaint>,
    #[serde(default)]
    reject: Option<Reject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    message_id: String,
    #[serde(default)]
    timestamp: Option<Timestamp>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    destination: Vec<String>,
    #[serde(default)]
    tags: std::collections::BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    #[serde(default)]
    bounce_type: String,
    #[serde(default)]
    bounced_recipients: Vec<Recipient>,
    #[serde(default)]
    timestamp: Option<Timestamp>,
    #[serde(default)]
    feedback_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    #[serde(default)]
    complained_recipients: Vec<Recipient>,
    #[serde(default)]
    timestamp: Option<Timestamp>,
    #[serde(default)]
    feedback_id: Option<String>,
}

#[derive(Deserialize)]
struct Reject {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: String,
    #[serde(default)]
    diagnostic_code: Option<String>,
}

impl MailEvent {
    /// The provider's own id of what it says: SES may send the same again.
    fn key(&self) -> String {
        let bounce = self.bounce.as_ref().and_then(|bounce| bounce.feedback_id.as_deref());
        let complaint = self.complaint.as_ref().and_then(|complaint| complaint.feedback_id.as_deref());
        let which = bounce.or(complaint).map_or_else(String::new, |feedback| format!(":{feedback}"));
        format!("{}:{}{which}", self.mail.message_id, self.event_type)
    }

    fn at(&self) -> Option<Timestamp> {
        let bounce = self.bounce.as_ref().and_then(|bounce| bounce.timestamp);
        bounce.or_else(|| self.complaint.as_ref()?.timestamp).or(self.mail.timestamp)
    }
}

/// The envelope of a message of the queue that is an event of SES's; `None` if it is none.
pub(crate) fn envelope(text: &str, received_at: Timestamp) -> Option<Envelope> {
    let wrapped = serde_json::from_str::<Notification>(text).ok();
    let body = wrapped.as_ref().map_or(text, |notification| notification.message.as_str());
    let event: MailEvent = serde_json::from_str(body).ok()?;
    Some(Envelope {
        provider: SES.to_owned(),
        source: DEFAULT_SOURCE.to_owned(),
        key: event.key(),
        occurred_at: event.at(),
        kind: event.event_type.to_lowercase(),
        account: None,
        tenant: None,
        received_at,
        query: String::new(),
        headers: Vec::new(),
        body: PackedBody::pack(&body::NONE, body.as_bytes()),
    })
}

pub(super) fn plan(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let body: MailEvent = serde_json::from_slice(event.body).map_err(|error| unexpected_shape(event, &error))?;
    let at = body.at().unwrap_or(event.received_at);
    let booking = booking_of(&body.mail, view)?;
    let (status, state, recipients, reason) = match (body.bounce, body.complaint, body.reject) {
        // A mailbox that is full, or an answer that its owner is away: nothing to hold against the address.
        (Some(bounce), ..) if bounce.bounce_type == "Transient" => (MessageStatus::Bounced, None, bounce.bounced_recipients, None),
        (Some(bounce), ..) => (MessageStatus::Bounced, Some(AddressState::Bounced), bounce.bounced_recipients, None),
        (_, Some(complaint), _) => (MessageStatus::Complained, Some(AddressState::Complained), complaint.complained_recipients, None),
        (_, _, Some(reject)) => (MessageStatus::Failed, None, Vec::new(), reject.reason),
        _ => {
            no_rule(event, view);
            return Ok(());
        }
    };
    let mut found = message::by_external_id(view, &body.mail.message_id, event.received_at)?;
    let told = recipients.iter().find_map(|recipient| recipient.diagnostic_code.clone());
    let text = reason.or(told).unwrap_or_else(|| "no reason was given".to_owned());
    let to = recipients.first().map(|recipient| recipient.email_address.clone()).or_else(|| body.mail.destination.first().cloned());
    found.message.join_parties(Parties { channel: Channel::Email, direction: Direction::Outbound, to, from: body.mail.source });
    found.message.join_status(status, at, Some(MessageError { code: None, text }));
    if found.message.matched.is_none() {
        found.message.matched = booking;
    }
    message::settle(view, found)?;
    for recipient in recipients.iter().filter(|_| state.is_some()) {
        if let Some(state) = state {
            address::mark(view, &recipient.email_address, state, ToldBy::new(at, view.cause()))?;
        }
    }
    view.summarize(format!("mail: {}", event.kind));
    Ok(())
}

/// The booking that the mail was about, by the effect that sent it: SES hands its tags back. What SES says is told outside of all spaces, where a booking
/// of a space is not known.
fn booking_of(mail: &Mail, view: &View<'_>) -> Result<Option<String>, Stop> {
    let tag = |name: &str| mail.tags.get(name).and_then(|values| values.first());
    let (Some(event), Some(effect)) = (tag("event"), tag("effect")) else { return Ok(None) };
    let Some(event) = view.peek_event(event)?.filter(|event| event.tenant.is_none()) else { return Ok(None) };
    let about = event.effects.iter().find(|known| known.id == *effect).map(|effect| &effect.about.record);
    Ok(about.filter(|record| record.kind == Booking::KIND).map(|record| record.id.clone()))
}
