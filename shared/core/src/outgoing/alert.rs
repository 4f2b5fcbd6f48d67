use super::{Draft, NoDraft, Outgoing};
use crate::{
    alarm::Alarm,
    effect::{Effect, EffectState},
    event::EventRecord,
    rules::DEAD_LETTERS,
    template::{Alert, AlertKind},
};

impl Outgoing {
    /// Tells the operator of an event that was parked, or of an effect of it that failed.
    pub(super) fn draft_alert(&self, event: &EventRecord, effect: &Effect, alarm: Option<&Alarm>) -> Result<Draft, NoDraft> {
        let failed = event.effects.iter().rev().find(|effect| effect.state == EffectState::Failed);
        let parked = effect.about.subject.strip_prefix(Alarm::SUBJECT).is_some_and(|code| code.starts_with("parked:"));
        let (kind, reason) = match failed.filter(|_| !parked) {
            Some(failed) => (AlertKind::EffectFailed, failed.reason.clone()),
            None if event.kind == DEAD_LETTERS => (AlertKind::DeadLettered, event.reason.clone()),
            None => (AlertKind::Parked, event.reason.clone()),
        };
        let describe = |effect: &Effect| format!("{} {} to {}", effect.kind.name(), effect.template, effect.about.record);
        let words = self.templates.mail(&Alert {
            kind,
            reason: reason.unwrap_or_else(|| "unknown".to_owned()),
            count: alarm.map_or(1, |alarm| alarm.count.max(1)),
            since: alarm.and_then(|alarm| alarm.since),
            event_id: Some(event.id.clone()),
            event_type: Some(event.kind.clone()),
            provider: Some(event.provider.clone()),
            effect: failed.filter(|_| !parked).map(describe),
        })?;
        Ok(Draft::Mail { to: Some(self.people.alert_email.clone()), words })
    }
}
