//! Alarms: what an operator is told of, at most once an hour for each reason.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    effect::{Announcement, Effect, EffectKind},
    envelope::Envelope,
    event::EventRecord,
    ports::{Document, Place, Stored},
    record::{Record, from_json},
    rules::ALARM,
    template::MailTemplate,
    time::Timestamp,
};

/// How long an alarm is silent after it rang.
pub const SILENCE: Duration = Duration::from_hours(1);

/// When the alarm for one reason rang last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The reason's code.
    pub id: String,
    /// When it rang.
    pub rang_at: Timestamp,
    /// Since when what it tells of was counted, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// How many it told of.
    pub count: u64,
    /// How many it was silent about since, of those that nothing else counts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held_back: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Alarm {
    /// The prefix of the subject of alarms among an event's effects; the code follows.
    pub const SUBJECT: &'static str = "alarm:";

    /// The alarm for `code` as it is to be stored when it rings now, for one event; `None` if it rang less than [`SILENCE`] ago.
    #[must_use]
    pub fn ring(code: &str, before: Option<&Stored>, now: Timestamp) -> Option<Self> {
        let before = before.and_then(|stored| Self::from_stored(stored).ok());
        if before.as_ref().is_some_and(|before| now < before.rang_at + SILENCE) {
            return None;
        }
        let count = 1 + before.as_ref().map_or(0, |before| before.held_back);
        Some(Self { id: code.to_owned(), rang_at: now, since: before.map(|before| before.rang_at), count, held_back: 0 })
    }

    /// Whether a document is that of an alarm that is silent about something.
    #[must_use]
    pub fn held_back_in(document: &Document) -> bool {
        document.key.kind == Self::KIND && from_json::<Self>(document).is_ok_and(|alarm| alarm.held_back > 0)
    }

    /// The alarm as it is to be stored when it is silent about one more; `None` if what is stored can't be read.
    #[must_use]
    pub fn hold_back(before: &Stored) -> Option<Self> {
        let before = Self::from_stored(before).ok()?;
        Some(Self { held_back: before.held_back + 1, ..before })
    }
}

/// An event of Sluice's own whose one effect is the mail of the alarm `code`: for what no other event can tell. `tenant`: in whose space it rang.
pub(crate) fn event(code: &str, kind: &str, reason: String, tenant: Option<&str>, now: Timestamp) -> EventRecord {
    let of = tenant.map(|tenant| format!("/{tenant}")).unwrap_or_default();
    let envelope = Envelope::own(ALARM, format!("{code}/{}{of}", now.millis()), kind, now, b"{}");
    let mut event = EventRecord::new(Envelope { tenant: tenant.map(str::to_owned), ..envelope });
    event.summary.clone_from(&reason);
    event.reason = Some(reason);
    let about = Announcement { record: EventRecord::key_of(&event.id), subject: format!("{}{code}", Alarm::SUBJECT), number: 1 };
    event.effects = vec![Effect::new(&event.id, EffectKind::Mail, MailTemplate::Alert.name(), about)];
    event
}

impl Record for Alarm {
    const KIND: &'static str = "alarm";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.rang_at + crate::event::RETENTION)
    }
}
