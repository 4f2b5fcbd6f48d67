use std::time::Duration;

use crate::{
    alarm::Alarm,
    effect::{Announcement, Effect, EffectKind, EffectState},
    event::{EventRecord, EventStatus},
    outgoing::Performed,
    ports::{Measure, PortError, Write},
    process::{Outcome, Processor, Trouble, handle::Handling, owner_mail::Urgency, texts::Unsent},
    template::{MailTemplate, SupportMailLeftOut},
    time::Timestamp,
    webhooks::DELIVERY_FAILED,
};

/// The longest that one call of a mailer or texter may take. A call is only begun if it would end before the handling's deadline.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(20);

impl Processor {
    /// Does the stored effects that are left, marking each on the version held. Whoever takes over meanwhile changes the version,
    /// and so fences this handling off.
    pub(super) async fn carry_on(
        &self,
        mut record: EventRecord,
        mut version: u64,
        outcome: Outcome,
        handling: &Handling,
    ) -> Result<Outcome, Trouble> {
        let mut left = None;
        // Effects may be added on the way: a mail in place of a text that was refused, an alarm for a failure.
        let mut index = 0;
        while index < record.effects.len() {
            let position = index;
            index += 1;
            if record.effects[position].state != EffectState::Pending {
                continue;
            }
            if !self.has_time_for_a_call(handling) {
                left = Some("no time was left for its effects".to_owned());
                break;
            }
            let performed = self.perform(&mut record, position, &mut version, handling).await?;
            let is_text = record.effects[position].kind == EffectKind::Sms;
            let further = match performed {
                Performed::Later(reason) => {
                    tracing::warn!(event = record.id, effect = record.effects[position].id, reason, "an effect could not be done yet");
                    record.effects[position].reason = Some(reason.clone());
                    left = Some(reason);
                    continue;
                }
                Performed::Sent => {
                    if record.effects[position].kind == EffectKind::Erase {
                        // The last of all that said who is erased.
                        self.remove_pieces(&record).await?;
                        record.erase_body(self.clock.now());
                    }
                    Ok(self.end(&mut record.effects[position], EffectState::Done, None))
                }
                Performed::Superseded => Ok(self.end(&mut record.effects[position], EffectState::Superseded, None)),
                Performed::TextRefused { code, reason } => self.unsent(&mut record, position, Unsent::Refused { code, reason }).await,
                Performed::Failed(reason) if is_text => self.unsent(&mut record, position, Unsent::NotTried { reason }).await,
                Performed::Failed(reason) => Ok(self.failed(&mut record, position, reason).await),
                Performed::LeftOut(reason) => Ok(self.left_out(&mut record, position, reason)),
            };
            let further = match further {
                Ok(further) => further,
                Err(error) => {
                    left = Some(error.to_string());
                    continue;
                }
            };
            version = self.mark(&mut record, version, further, handling).await?;
        }
        match left {
            None => {
                tracing::info!(event = record.id, key = record.key, r#type = record.kind, ?outcome, summary = record.summary, "handled");
                Ok(outcome)
            }
            Some(reason) if handling.last => self.give_up(record, version, reason, handling).await,
            Some(reason) => {
                let at = self.next_try(handling);
                self.give_back(record, version, &reason, at, handling).await;
                Err(Trouble::Later { at, reason })
            }
        }
    }

    /// Performs one effect once its channel has room for it. One of many steps stores how far it has come, on the version held.
    async fn perform(
        &self,
        record: &mut EventRecord,
        position: usize,
        version: &mut u64,
        handling: &Handling,
    ) -> Result<Performed, Trouble> {
        let kind = record.effects[position].kind;
        let Some(pass) = self.outgoing.gates.of(kind).enter(&*self.clock).await else {
            return Ok(Performed::Later(format!("too many calls for {} are under way", kind.name())));
        };
        let performed = match kind {
            EffectKind::Erase => self.erase(record, position, handling).await,
            EffectKind::Publish => self.fan_out(record, position, version, handling).await?,
            EffectKind::CatchUp => self.catch_up(record, position, version, handling).await?,
            EffectKind::Mail | EffectKind::Sms => self.send(record, &record.effects[position]).await,
        };
        pass.ended(&performed);
        Ok(performed)
    }

    /// Sends a mail or a text, unless it is one that is held back.
    async fn send(&self, record: &EventRecord, effect: &Effect) -> Performed {
        if effect.template == MailTemplate::SubscriptionTrouble.name() {
            // Nobody could be told, and nobody has to be.
            if !self.policy.mail {
                return Performed::Superseded;
            }
            let urgency = if record.kind == DELIVERY_FAILED { Urgency::AtMostHourly } else { Urgency::Always };
            match self.may_mail_owner(effect, urgency).await {
                Ok(true) => {}
                Ok(false) => return Performed::Superseded,
                Err(error) => return Performed::Later(error.to_string()),
            }
        }
        self.outgoing.perform(&*self.store, record, effect).await
    }

    fn end(&self, effect: &mut Effect, state: EffectState, reason: Option<String>) -> Vec<Write> {
        self.metrics.record(Measure::Effect { kind: effect.kind, state });
        effect.end(state, reason, self.clock.now());
        Vec::new()
    }

    /// A text that can never be sent: a mail goes instead, and support is told of what the other side refused. It holds up nothing else.
    async fn unsent(&self, record: &mut EventRecord, position: usize, unsent: Unsent) -> Result<Vec<Write>, PortError> {
        let text = record.effects[position].clone();
        let mails = self.text_unsent(record, &text, &unsent).await?;
        let reason = unsent.reason().to_owned();
        if !self.policy.mail {
            return Ok(self.failed(record, position, reason).await);
        }
        tracing::warn!(
            event = record.id,
            effect = text.id,
            template = text.template,
            reason,
            "a text message can't be sent; a mail goes instead"
        );
        self.end(&mut record.effects[position], EffectState::Failed, Some(reason));
        for mail in mails {
            if !record.effects.iter().any(|known| known.id == mail.id) {
                record.effects.push(mail);
            }
        }
        Ok(Vec::new())
    }

    /// An effect that can never succeed rings the alarm. It holds up nothing else.
    async fn failed(&self, record: &mut EventRecord, position: usize, reason: String) -> Vec<Write> {
        let effect = &mut record.effects[position];
        let (template, subject) = (effect.template.clone(), effect.about.subject.clone());
        tracing::error!(event = record.id, effect = effect.id, template, reason, "an effect failed for good");
        self.end(effect, EffectState::Failed, Some(reason));
        if let Some(code) = subject.strip_prefix(Alarm::SUBJECT) {
            return self.unring(code).await.into_iter().collect();
        }
        self.alarm(record, &format!("effect_failed:{template}")).await.into_iter().collect()
    }

    /// A mail whose address takes none: it is not sent, and support is told.
    fn left_out(&self, record: &mut EventRecord, position: usize, reason: String) -> Vec<Write> {
        let effect = &mut record.effects[position];
        tracing::warn!(
            event = record.id,
            effect = effect.id,
            template = effect.template,
            reason,
            "a mail is left out because of its address"
        );
        let about = Announcement { subject: format!("{}{}", SupportMailLeftOut::SUBJECT, effect.about.subject), ..effect.about.clone() };
        self.end(effect, EffectState::Failed, Some(reason));
        let told = Effect::new(&record.id, EffectKind::Mail, MailTemplate::SupportMailLeftOut.name(), about);
        if !record.effects.iter().any(|known| known.id == told.id) {
            record.effects.push(told);
        }
        Vec::new()
    }

    /// Marks what was done, fenced, for as long as there is time: a mark that is lost would send the same again.
    pub(super) async fn mark(
        &self,
        record: &mut EventRecord,
        version: u64,
        further: Vec<Write>,
        handling: &Handling,
    ) -> Result<u64, Trouble> {
        record.settle(self.clock.now());
        if record.pieces > 0 && !record.unfinished() {
            self.fetch_pieces(record).await?;
            self.store_pieces(record).await?;
        }
        loop {
            match self.put_event(record, version, further.clone(), handling).await {
                Ok(Some(version)) => return Ok(version),
                // Somebody else rang the same alarm at the same moment, or took over: the next try without the alarm tells which.
                Ok(None) if !further.is_empty() => {
                    return self.put_event(record, version, Vec::new(), handling).await?.ok_or_else(fenced_off);
                }
                Ok(None) => return Err(fenced_off()),
                Err(trouble) if self.clock.now() >= handling.deadline => return Err(trouble),
                Err(_) => self.clock.sleep(Duration::from_millis(250)).await,
            }
        }
    }

    /// Gives the lease back, so that the next receive, at `next`, can take over at once.
    async fn give_back(&self, mut record: EventRecord, version: u64, reason: &str, next: Timestamp, handling: &Handling) {
        let now = self.clock.now();
        record.reason = Some(reason.to_owned());
        record.next_attempt_at = Some(next);
        if let Some(lease) = &mut record.lease {
            lease.until = now;
        }
        // If this fails, too, the lease runs out by itself.
        if let Err(trouble) = self.put_event(&record, version, Vec::new(), handling).await {
            tracing::warn!(event = record.id, ?trouble, "the lease could not be given back");
        }
    }

    /// The last receive: the event is parked with what is left of its effects, to be replayed once the reason is mended.
    async fn give_up(&self, mut record: EventRecord, version: u64, reason: String, handling: &Handling) -> Result<Outcome, Trouble> {
        // Of a dismissed one an alarm is left, which the sweeper looks after.
        if matches!(record.status, EventStatus::Parked | EventStatus::Dismissed) {
            return Ok(Outcome::Parked);
        }
        let known = record.effects.len();
        let writes = self.park(&mut record, "effects_left", reason).await?;
        let mut version = self.mark(&mut record, version, writes, handling).await?;
        for position in known..record.effects.len() {
            if let Performed::Sent = self.perform(&mut record, position, &mut version, handling).await? {
                self.end(&mut record.effects[position], EffectState::Done, None);
                version = self.mark(&mut record, version, Vec::new(), handling).await?;
            }
        }
        Ok(Outcome::Parked)
    }
}

fn fenced_off() -> Trouble {
    Trouble::Temporary("somebody else took over".to_owned())
}
