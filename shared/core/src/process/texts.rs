//! What becomes of a text, and of a mail in place of one, as the event's record says it and as the records do: in one commit.

use crate::{
    effect::{Effect, EffectState},
    event::EventRecord,
    outgoing::{Performed, TakenText, UnsentText},
    ports::Measure,
    process::{
        Processor, Trouble,
        handle::Handling,
        mark::{Change, Marked},
    },
    records::{Booking, MailInstead, Message, MessageError, RefundMail},
    rules::{self, Refused, twilio_errors},
};

impl UnsentText {
    /// The reason as the message shows it: in words, as of a text that failed on its way.
    fn error(&self) -> MessageError {
        let words = self.code.as_deref().and_then(twilio_errors::of_code);
        MessageError { text: words.unwrap_or(&self.reason).to_owned(), code: self.code.clone() }
    }
}

impl Processor {
    /// Marks what became of a text, or of a mail that is not true any more. Why it is left for later; `None` if it is not.
    ///
    /// # Errors
    /// [`Trouble`] if it is not known that this handling still holds the event at `version`.
    pub(super) async fn text_ended(
        &self,
        record: &mut EventRecord,
        position: usize,
        version: &mut u64,
        performed: Performed,
        handling: &Handling,
    ) -> Result<Option<String>, Trouble> {
        let marked = match performed {
            Performed::TextTaken(text) => Ok(self.text_taken(record, position, *version, text, handling).await?),
            Performed::TextUnsent(text) => self.text_unsent(record, position, *version, text, handling).await,
            Performed::Untrue => self.mail_untrue(record, position, *version, handling).await,
            _ => Ok(Marked::Outrun),
        };
        match marked {
            Ok(Marked::At(now)) => {
                *version = now;
                Ok(None)
            }
            // Nothing is written, and the other effects go on without it.
            Ok(Marked::Left | Marked::Outrun) => Ok(Some("what it tells of kept changing".to_owned())),
            Ok(Marked::Unread(reason)) | Err(Trouble::Damaged(reason)) => Ok(Some(reason)),
            // Somebody else took over, or nobody knows which version the event has now: no further effect may be done.
            Err(trouble) => Err(trouble),
        }
    }

    /// Sends a text, under a message of its own where it goes to another number than it was planned for.
    pub(super) async fn send_text(&self, event: &EventRecord, effect: &Effect) -> Performed {
        let to = match self.outgoing.perform(&*self.store, event, effect).await {
            Performed::OtherNumber(to) => to,
            // There are no words for it, so there is no number either.
            Performed::Failed(reason) => {
                let message = Message::id_of_effect(&effect.id);
                return Performed::TextUnsent(UnsentText { message, code: None, reason, refused: Refused::NotTried });
            }
            performed => return performed,
        };
        match self.change_aside(event, |view| rules::text_to_other_number(view, effect, &to)).await {
            Ok(()) => self.outgoing.perform(&*self.store, event, effect).await,
            Err(error) => Performed::Later(error.to_string()),
        }
    }

    /// A text was sent: the effect is done, and the message has the other side's id.
    async fn text_taken(
        &self,
        record: &mut EventRecord,
        position: usize,
        version: u64,
        text: TakenText,
        handling: &Handling,
    ) -> Result<Marked, Trouble> {
        self.end(&mut record.effects[position], EffectState::Done, None);
        let TakenText { message, external_id, known } = text;
        let named = self.mark_changing(record, version, known, handling, |view, _| {
            rules::text_taken(view, &message, external_id.as_deref()).map(|()| Change::Make)
        });
        match named.await {
            Ok(marked @ Marked::At(_)) => return Ok(marked),
            Ok(unmarked) => tracing::warn!(event = record.id, message, ?unmarked, "the id of a text could not be noted down"),
            Err(trouble) => tracing::warn!(event = record.id, message, ?trouble, "the id of a text could not be noted down"),
        }
        // That it was sent matters more than its id, which its status brings, too.
        self.mark(record, version, Vec::new(), handling).await.map(Marked::At)
    }

    /// A text can never be sent: a mail goes instead, and support is told of what the other side refused. It holds up nothing else. One that confirms what
    /// there is nothing to confirm of any more is not a failure: what it says is announced anew once that is true again.
    async fn text_unsent(
        &self,
        record: &mut EventRecord,
        position: usize,
        version: u64,
        text: UnsentText,
        handling: &Handling,
    ) -> Result<Marked, Trouble> {
        let (effect, error) = (record.effects[position].clone(), text.error());
        let UnsentText { message, reason, refused, .. } = text;
        let (state, why) = match refused {
            Refused::NotTried | Refused::ByProvider => (EffectState::Failed, Some(reason.clone())),
            Refused::Untrue => (EffectState::Superseded, None),
        };
        let booking = &effect.about.record.id;
        let marked = self.mark_changing(record, version, Vec::new(), handling, |view, marked| {
            // It is true again: then it is still to be sent.
            if refused == Refused::Untrue && view.read::<Booking>(booking)?.is_some_and(|booking| booking.may_be_confirmed()) {
                return Ok(Change::Leave);
            }
            rules::text_unsent(view, &effect, &message, error.clone(), refused)?;
            marked.effects[position].end(state, why.clone(), view.now);
            Ok(Change::Make)
        });
        let marked = marked.await?;
        if let Marked::At(_) = marked {
            let template = &effect.template;
            match refused {
                Refused::NotTried | Refused::ByProvider => {
                    tracing::warn!(event = record.id, effect = effect.id, template, reason, "a text message can't be sent");
                }
                Refused::Untrue => tracing::info!(event = record.id, effect = effect.id, template, reason, "a text message is not sent"),
            }
            self.metrics.record(Measure::Effect { kind: effect.kind, state });
        }
        Ok(marked)
    }

    /// A mail says what is not true any more, or not all of it: that is noted with the booking, and told once it is true again. One that is to say less stays to
    /// be sent.
    async fn mail_untrue(&self, record: &mut EventRecord, position: usize, version: u64, handling: &Handling) -> Result<Marked, Trouble> {
        let effect = record.effects[position].clone();
        let (about, template) = (&effect.about, &effect.template);
        let marked = self.mark_changing(record, version, Vec::new(), handling, |view, marked| {
            let Some(mut booking) = view.read::<Booking>(&about.record.id)? else { return Ok(Change::Leave) };
            let ends = match about.subject.strip_prefix(Booking::REFUND) {
                Some(currency) => match booking.note_refund_mail(currency, about.number) {
                    RefundMail::Stands => return Ok(Change::Leave),
                    RefundMail::SaysLess(_) => false,
                    RefundMail::IsNotSent => true,
                },
                None if booking.standing_of_mail(about.number, template) == MailInstead::Untrue => {
                    booking.take_back_mail(about.number, template);
                    true
                }
                None => return Ok(Change::Leave),
            };
            view.write(&booking)?;
            if ends {
                marked.effects[position].end(EffectState::Superseded, None, view.now);
            }
            Ok(Change::Make)
        });
        let marked = marked.await?;
        if record.effects[position].state == EffectState::Superseded {
            self.metrics.record(Measure::Effect { kind: effect.kind, state: EffectState::Superseded });
        }
        Ok(marked)
    }
}
