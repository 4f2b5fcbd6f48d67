use super::{Draft, NoDraft, Outgoing, for_staff};
use crate::{
    alarm::Alarm,
    effect::{Effect, EffectState},
    event::EventRecord,
    rules::{ALLOWANCE_SPENT, DEAD_LETTERS, STRIPE_KEY_REFUSED},
    template::{Alert, AlertKind},
};

/// Why messages of a tenant wait, for the operator.
const ALLOWANCE_IS_SPENT: &str = "as many as SLUICE_TENANT_MESSAGES allows in an hour";

impl Outgoing {
    /// Tells the operator of an event that was parked, or of an effect of it that failed.
    pub(super) fn draft_alert(&self, event: &EventRecord, effect: &Effect, alarm: Option<&Alarm>) -> Result<Draft, NoDraft> {
        let code = effect.about.subject.strip_prefix(Alarm::SUBJECT).unwrap_or_default();
        let failed = match code.strip_prefix("effect_failed:") {
            // Of several that failed, the one that rang; none is left if a replay has done them meanwhile.
            Some(template) => {
                let rang = |effect: &&Effect| effect.state == EffectState::Failed && effect.template == template;
                match event.effects.iter().rev().find(rang) {
                    Some(failed) => Some(failed),
                    None => return Ok(Draft::Superseded),
                }
            }
            None => None,
        };
        let (kind, reason) = match failed {
            Some(failed) => (AlertKind::EffectFailed, failed.reason.clone()),
            None if code == ALLOWANCE_SPENT => (AlertKind::AllowanceSpent, Some(ALLOWANCE_IS_SPENT.to_owned())),
            None if event.kind == DEAD_LETTERS => (AlertKind::DeadLettered, event.reason.clone()),
            None if event.kind == STRIPE_KEY_REFUSED => (AlertKind::StripeKeyRefused, event.reason.clone()),
            None => (AlertKind::Parked, event.reason.clone()),
        };
        let describe = |effect: &Effect| {
            let about = for_staff(event, &effect.about.record.to_string());
            format!("{} {} to {about}", effect.kind.name(), effect.template)
        };
        let words = self.templates.mail(&Alert {
            kind,
            reason: reason.unwrap_or_else(|| "unknown".to_owned()),
            count: alarm.map_or(1, |alarm| alarm.count.max(1)),
            since: alarm.and_then(|alarm| alarm.since),
            event_id: Some(event.id.clone()),
            event_type: Some(event.kind.clone()),
            provider: Some(for_staff(event, &event.provider)),
            effect: failed.map(describe),
        })?;
        Ok(Draft::Mail { to: Some(self.people.alert_email.clone()), words })
    }
}
