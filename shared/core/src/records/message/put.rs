use super::{Channel, Message, MessagePut};
use crate::{
    form::{self, Form},
    kind::{Owned, put_record},
    plan::{Stop, View},
    rules,
    time::Timestamp,
};

impl Owned for Message {
    type Put = MessagePut;
    const FIELDS: &'static [&'static str] = &["external_id", "channel", "direction", "to", "from", "booking_id", "status", "sent_at"];

    fn read_put(form: &mut Form<'_>, now: Timestamp) -> MessagePut {
        let channel: Option<Channel> = form.optional("channel", form::one_of("sms, voice or email"));
        let direction = form.optional("direction", form::one_of("inbound or outbound"));
        for (field, missing) in [("channel", channel.is_none()), ("direction", direction.is_none())] {
            if missing {
                form.required_once(field);
            }
        }
        let address = |value: &serde_json::Value| match channel {
            Some(Channel::Email) => form::email(value),
            Some(Channel::Sms | Channel::Voice) => form::phone(value),
            None => form::line(254)(value),
        };
        // The business's own side may be a short code or a name.
        let (theirs, ours) = match direction {
            Some(super::Direction::Inbound) => ("from", "to"),
            _ => ("to", "from"),
        };
        let (theirs_read, ours_read) = (form.optional(theirs, address), form.optional(ours, form::line(254)));
        let (to, from) = if theirs == "to" { (theirs_read, ours_read) } else { (ours_read, theirs_read) };
        MessagePut {
            at: now,
            external_id: form.optional("external_id", form::line(255)),
            channel: channel.unwrap_or(Channel::Sms),
            direction: direction.unwrap_or(super::Direction::Outbound),
            to,
            from,
            booking_id: form.optional("booking_id", form::id),
            status: form.optional("status", form::one_of("pending, sent, failed, delivered, opened, bounced or complained")),
            sent_at: form.optional("sent_at", form::past_time(now)),
        }
    }

    put_record!();

    fn join_put(&mut self, at: Timestamp, put: MessagePut) {
        self.join_put(MessagePut { at, ..put });
    }

    fn settle(self, view: &mut View<'_>) -> Result<(), Stop> {
        let before = view.peek::<Self>(&self.id)?;
        rules::settle_put_message(view, self, before)
    }
}
