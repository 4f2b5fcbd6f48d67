use std::time::Duration;

use crate::{
    alarm::Alarm,
    effect::{Announcement, Effect, EffectKind, EffectState},
    event::{EventRecord, EventStatus},
    outgoing::Performed,
    ports::Write,
    process::{
        Outcome, Processor, Trouble,
        allowance::{OWNER_WAS_MAILED, Turn},
        handle::Handling,
        owner_mail::{MayMail, Subject},
    },
    template::{MailTemplate, SupportMailLeftOut},
    time::Timestamp,
    webhooks::{SUBSCRIPTION_DISABLED, SUBSCRIPTION_FAILING},
};

/// The longest that one call of a mailer or texter may take. A call is only begun if it would end before the handling's deadline.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// For how long after its event came in an alarm is tried to be told where the mail server takes nothing.
const ALARMS_LAST: Duration = Duration::from_hours(3 * 24);

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
        let (mut left, mut waits) = (None, None);
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
            match self.turn(&mut record, position, &mut version, handling).await? {
                Turn::Now => {}
                Turn::From(at) => {
                    waits = waits.into_iter().chain([(at, self.reason_of_waiting())]).min();
                    continue;
                }
                Turn::Unknown(reason) => {
                    left = Some(reason);
                    continue;
                }
            }
            let performed = self.perform(&mut record, position, &mut version, handling).await?;
            let further = match performed {
                Performed::Later(reason) => {
                    tracing::warn!(event = record.id, effect = record.effects[position].id, reason, "an effect could not be done yet");
                    record.effects[position].reason = Some(reason.clone());
                    left = Some(reason);
                    continue;
                }
                Performed::Waits(at, reason) => {
                    record.effects[position].not_before = Some(at);
                    waits = waits.into_iter().chain([(at, reason)]).min();
                    continue;
                }
                Performed::TextTaken(_) | Performed::TextUnsent(_) | Performed::Untrue | Performed::OtherNumber(_) => {
                    let trouble = self.text_ended(&mut record, position, &mut version, performed, handling).await?;
                    // A mail that is to say something else by now is sent at once.
                    if trouble.is_none() && record.effects[position].state == EffectState::Pending {
                        index = position;
                    }
                    left = trouble.or(left);
                    continue;
                }
                ended => {
                    if ended == Performed::Sent && record.effects[position].kind == EffectKind::Erase {
                        // The last of all that said who is erased.
                        self.remove_pieces(&record).await?;
                        record.erase_body(self.clock.now());
                    }
                    self.end_as(&mut record, position, ended).await.unwrap_or_default()
                }
            };
            version = self.mark(&mut record, version, further, handling).await?;
        }
        match (left, waits) {
            (None, Some((at, reason))) => self.wait_for_turn(record, version, at, reason, outcome, handling).await,
            (None, None) => {
                tracing::info!(event = record.id, key = record.key, r#type = record.kind, ?outcome, summary = record.summary, "handled");
                Ok(outcome)
            }
            (Some(reason), _) if handling.last => self.give_up(record, version, reason, handling).await,
            (Some(reason), _) => {
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
            EffectKind::Mail => self.send_mail(record, &record.effects[position]).await,
            EffectKind::Sms => self.send_text(record, &record.effects[position]).await,
        };
        // Of many steps none is a call to the outside: that some are left says nothing of how the others will go.
        if !matches!(kind, EffectKind::Publish | EffectKind::CatchUp) {
            pass.ended(&performed);
        }
        Ok(performed)
    }

    /// Sends a mail, unless it is one that is held back.
    async fn send_mail(&self, record: &EventRecord, effect: &Effect) -> Performed {
        if effect.template == MailTemplate::SubscriptionTrouble.name() {
            // Nobody could be told, and nobody has to be.
            if !self.policy.mail {
                return Performed::Superseded;
            }
            // What is not so any more needs no time of its own.
            if self.outgoing.is_overtaken(&*self.store, record, effect).await {
                return Performed::Superseded;
            }
            let subject = match record.kind.as_str() {
                SUBSCRIPTION_DISABLED | SUBSCRIPTION_FAILING => Subject::Subscription,
                _ => Subject::Delivery,
            };
            match self.may_mail_owner(effect, subject).await {
                Ok(MayMail::Now) => {}
                Ok(MayMail::From(at)) => return Performed::Waits(at, OWNER_WAS_MAILED),
                Ok(MayMail::Not) => return Performed::Superseded,
                Err(error) => return Performed::Later(error.to_string()),
            }
        }
        self.outgoing.perform(&*self.store, record, effect).await
    }

    /// Ends an effect as it was performed, and returns what is written with that. `None`: that is no end.
    async fn end_as(&self, record: &mut EventRecord, position: usize, performed: Performed) -> Option<Vec<Write>> {
        match performed {
            Performed::Sent => self.end(&mut record.effects[position], EffectState::Done, None),
            Performed::Superseded => self.end(&mut record.effects[position], EffectState::Superseded, None),
            Performed::Failed(reason) => return Some(self.failed(record, position, reason).await),
            Performed::LeftOut(reason) => self.left_out(record, position, reason),
            Performed::Untrue
            | Performed::TextTaken(_)
            | Performed::TextUnsent(_)
            | Performed::OtherNumber(_)
            | Performed::Later(_)
            | Performed::Waits(..) => return None,
        }
        Some(Vec::new())
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
    fn left_out(&self, record: &mut EventRecord, position: usize, reason: String) {
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
        record.add_effect(Effect::new(&record.id, EffectKind::Mail, MailTemplate::SupportMailLeftOut.name(), about));
    }

    /// Gives the lease back, so that the next receive, at `next`, can take over at once.
    async fn give_back(&self, mut record: EventRecord, version: u64, reason: &str, next: Timestamp, handling: &Handling) {
        record.give_back(reason, next, self.clock.now());
        // If this fails, too, the lease runs out by itself.
        if let Err(trouble) = self.put_event(&record, version, Vec::new(), handling).await {
            tracing::warn!(event = record.id, ?trouble, "the lease could not be given back");
        }
    }

    /// The last receive: the event is parked with what is left of its effects, to be replayed once the reason is mended. Only an alarm that can't be told yet
    /// is left to the sweeper: nobody would know.
    async fn give_up(&self, mut record: EventRecord, version: u64, reason: String, handling: &Handling) -> Result<Outcome, Trouble> {
        if matches!(record.status, EventStatus::Parked | EventStatus::Dismissed) {
            self.leave_alarms(record, version, handling).await;
            return Ok(Outcome::Parked);
        }
        let known = record.effects.len();
        let writes = self.park(&mut record, "effects_left", reason).await?;
        let mut version = self.mark(&mut record, version, writes, handling).await?;
        for position in known..record.effects.len() {
            let performed = self.perform(&mut record, position, &mut version, handling).await?;
            // It can't be told yet.
            let Some(further) = self.end_as(&mut record, position, performed).await else { continue };
            version = self.mark(&mut record, version, further, handling).await?;
        }
        self.leave_alarms(record, version, handling).await;
        Ok(Outcome::Parked)
    }

    /// Leaves the alarms of an event that can't be told yet to the sweeper, until they have been tried for long enough.
    async fn leave_alarms(&self, mut record: EventRecord, version: u64, handling: &Handling) {
        let next = self.next_try(handling);
        let pending = |effect: &Effect| effect.state == EffectState::Pending && effect.about.subject.starts_with(Alarm::SUBJECT);
        let alarms: Vec<_> = (0..record.effects.len()).filter(|position| pending(&record.effects[*position])).collect();
        let mut writes = Vec::new();
        let next = Some(next).filter(|next| *next < record.received_at + ALARMS_LAST && !alarms.is_empty());
        (record.due_at, record.next_attempt_at) = (next, next);
        if next.is_none() {
            for position in alarms {
                writes.extend(self.failed(&mut record, position, "nobody could be told of it".to_owned()).await);
            }
        }
        // Whoever has changed it looks after what is left.
        if let Err(trouble) = self.mark(&mut record, version, writes, handling).await {
            tracing::warn!(event = record.id, ?trouble, "that an alarm is still to be told could not be stored");
        }
    }
}
