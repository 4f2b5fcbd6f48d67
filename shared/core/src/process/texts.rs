use crate::{
    effect::Effect,
    event::EventRecord,
    ports::PortError,
    process::Processor,
    record::Record,
    records::{Booking, Message, MessageError, MessageStatus},
};

impl Processor {
    /// Notes that a text was refused: with the message, and with its booking. Whether a mail is to go instead; not if the other side took the text before,
    /// failed to deliver it, and the mail went out for that.
    pub(super) async fn text_refused(&self, event: &EventRecord, effect: &Effect, reason: &str) -> Result<bool, PortError> {
        let (message_id, booking_id) = (Message::id_of_effect(&effect.id), &effect.about.record.id);
        let (now, number) = (self.clock.now(), effect.about.number);
        self.change_aside(event, |view| {
            view.want([Message::key(&message_id), Booking::key(booking_id)])?;
            let Some(mut message) = view.read::<Message>(&message_id)? else { return Ok(true) };
            let failed_before = message.announcements.latest(Message::FAILED) > 0;
            message.join_status(MessageStatus::Failed, now, Some(MessageError { code: None, text: reason.to_owned() }));
            if let Some(mut booking) = view.read::<Booking>(booking_id)? {
                booking.join_text(&message);
                booking.count_as_mailed(number);
                booking.count_as_made_good(&message_id);
                view.write(&booking)?;
            }
            view.write(&message)?;
            Ok(!failed_before)
        })
        .await
    }
}
