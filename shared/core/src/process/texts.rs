use crate::{
    effect::{Announcement, Effect, EffectKind},
    event::EventRecord,
    ports::PortError,
    process::Processor,
    record::Record,
    records::{Booking, Message, MessageError, MessageStatus},
    rules::{opt_out, twilio_errors},
    template::MailTemplate,
};

/// Why a text was not sent, for good.
pub(super) enum Unsent {
    /// There was no use in sending it.
    NotTried {
        /// Why.
        reason: String,
    },
    /// The other side refused it.
    Refused {
        /// Its code for why.
        code: Option<String>,
        /// What it answered.
        reason: String,
    },
}

impl Unsent {
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::NotTried { reason } | Self::Refused { reason, .. } => reason,
        }
    }

    /// The same as the message shows it: in words, as of a text that failed on its way.
    fn error(&self) -> MessageError {
        let code = match self {
            Self::NotTried { .. } => None,
            Self::Refused { code, .. } => code.clone(),
        };
        let words = code.as_deref().and_then(twilio_errors::of_code);
        MessageError { text: words.unwrap_or(self.reason()).to_owned(), code }
    }

    fn is_opted_out(&self) -> bool {
        matches!(self, Self::Refused { code: Some(code), .. } if code == twilio_errors::OPTED_OUT)
    }
}

impl Processor {
    /// Notes that a text is not sent: with the message, with its booking, and with the number if its owner wants no texts. Returns the mails that go
    /// instead: to the customer, and to support if the other side refused it. None, if the other side took it before, and who was told of what became
    /// of it then knows already.
    pub(super) async fn text_unsent(&self, event: &EventRecord, effect: &Effect, unsent: &Unsent) -> Result<Vec<Effect>, PortError> {
        let (message_id, booking_id) = (Message::id_of_effect(&effect.id), &effect.about.record.id);
        let (now, number) = (self.clock.now(), effect.about.number);
        let instead = || Effect::new(&event.id, EffectKind::Mail, &effect.template, effect.about.clone());
        self.change_aside(event, |view| {
            view.want([Message::key(&message_id), Booking::key(booking_id)])?;
            let Some(mut message) = view.read::<Message>(&message_id)? else { return Ok(vec![instead()]) };
            let told_by_others = message.announcements.latest(Message::FAILED) > 0 && !message.refused;
            message.join_status(MessageStatus::Failed, now, Some(unsent.error()));
            let open = message.status() == MessageStatus::Failed && !told_by_others;
            let mut mails = if open { vec![instead()] } else { Vec::new() };
            if matches!(unsent, Unsent::Refused { .. }) && open && view.policy.mail {
                if !std::mem::replace(&mut message.refused, true) {
                    message.announcements.next(Message::FAILED);
                }
                let number = message.announcements.latest(Message::FAILED);
                let about = Announcement { record: Message::key(&message_id), subject: Message::FAILED.to_owned(), number };
                mails.push(Effect::new(&event.id, EffectKind::Mail, MailTemplate::SupportTextFailed.name(), about));
            }
            if let Some(mut booking) = view.read::<Booking>(booking_id)? {
                booking.join_text(&message);
                booking.count_as_mailed(number);
                booking.count_as_made_good(&message_id);
                view.write(&booking)?;
            }
            if unsent.is_opted_out()
                && let Some(to) = message.to().map(str::to_owned)
            {
                opt_out(view, &to, now, true)?;
            }
            view.write(&message)?;
            Ok(mails)
        })
        .await
    }
}
