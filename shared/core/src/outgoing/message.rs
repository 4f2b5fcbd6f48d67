use super::{Draft, NoDraft, Outgoing, for_staff, unknown};
use crate::{
    effect::{Effect, EffectState},
    event::EventRecord,
    records::{Message, MessageStatus},
    template::{MailTemplate, SupportMailLeftOut, SupportTextFailed},
};

impl Outgoing {
    /// Words what support is told of a message, as the message is now.
    pub(super) fn draft_for_message(&self, event: &EventRecord, effect: &Effect, message: &Message) -> Result<Draft, NoDraft> {
        if effect.template != MailTemplate::SupportTextFailed.name() {
            return Err(unknown(effect));
        }
        // It arrived after all.
        if message.status() != MessageStatus::Failed {
            return Ok(Draft::Superseded);
        }
        let error = message.error();
        let words = self.templates.mail(&SupportTextFailed {
            to: message.to().unwrap_or("a number that is not known").to_owned(),
            reason: error.map_or_else(|| "no reason is known".to_owned(), |error| error.text.clone()),
            code: error.and_then(|error| error.code.clone()),
            booking_id: message.booking_id().map(|id| for_staff(event, id)),
            message_id: for_staff(event, &message.id),
            external_id: message.external_id().map(str::to_owned),
            event_id: event.id.clone(),
        })?;
        Ok(Draft::Mail { to: Some(self.people.support_email.clone()), words })
    }

    /// Tells support of a mail that was left out because of its address.
    pub(super) fn draft_left_out(&self, event: &EventRecord, effect: &Effect) -> Result<Draft, NoDraft> {
        let about = &effect.about;
        let subject = about.subject.strip_prefix(SupportMailLeftOut::SUBJECT).unwrap_or_default();
        let left_out = |known: &&Effect| {
            known.state == EffectState::Failed
                && known.about.record == about.record
                && known.about.number == about.number
                && known.about.subject == subject
        };
        // None is left if a replay has sent it meanwhile.
        let Some(mail) = event.effects.iter().find(left_out) else { return Ok(Draft::Superseded) };
        let words = self.templates.mail(&SupportMailLeftOut {
            mail: mail.template.clone(),
            about: for_staff(event, &about.record.to_string()),
            reason: mail.reason.clone().unwrap_or_else(|| "unknown".to_owned()),
            event_id: event.id.clone(),
        })?;
        Ok(Draft::Mail { to: Some(self.people.support_email.clone()), words })
    }
}
