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
    /// Nobody could be told of it: it silences nothing, and what it was to tell of is counted among what it was silent about.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unheard: bool,
}

/// What becomes of an alarm besides that it rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is silent about one more.
    HeldBack,
    /// Nobody could be told of it.
    TakenBack,
}

impl Change {
    /// The alarm as it is to be stored; `None` if there is nothing to change.
    #[must_use]
    pub fn of(self, before: &Stored) -> Option<Alarm> {
        match self {
            Self::HeldBack => Alarm::hold_back(before),
            Self::TakenBack => Alarm::take_back(before),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Alarm {
    /// The prefix of the subject of alarms among an event's effects; the code follows.
    pub const SUBJECT: &'static str = "alarm:";

    /// The alarm for `code` as it is to be stored when it rings now, for one event; `None` if it was heard less than [`SILENCE`] ago.
    #[must_use]
    pub fn ring(code: &str, before: Option<&Stored>, now: Timestamp) -> Option<Self> {
        let before = before.and_then(|stored| Self::from_stored(stored).ok());
        if before.as_ref().is_some_and(|before| !before.unheard && now < before.rang_at + SILENCE) {
            return None;
        }
        let count = 1 + before.as_ref().map_or(0, |before| before.held_back);
        let since = before.map(|before| if before.unheard { before.since.unwrap_or(before.rang_at) } else { before.rang_at });
        Some(Self { id: code.to_owned(), rang_at: now, since, count, held_back: 0, unheard: false })
    }

    /// The alarm as it is to be stored when it is silent about one more; `None` if what is stored can't be read.
    fn hold_back(before: &Stored) -> Option<Self> {
        let before = Self::from_stored(before).ok()?;
        Some(Self { held_back: before.held_back + 1, ..before })
    }

    /// The alarm as it is to be stored when nobody could be told of it; `None` if what is stored can't be read, or is so already.
    fn take_back(before: &Stored) -> Option<Self> {
        let before = Self::from_stored(before).ok().filter(|before| !before.unheard)?;
        Some(Self { held_back: before.held_back.saturating_add(before.count), unheard: true, ..before })
    }

    /// What became of the alarm in a change whose document this is; `None` if it rang, or it is none.
    #[must_use]
    pub fn changed_by(document: &Document) -> Option<Change> {
        let alarm = from_json::<Self>(document).ok().filter(|_| document.key.kind == Self::KIND)?;
        if alarm.unheard { Some(Change::TakenBack) } else { (alarm.held_back > 0).then_some(Change::HeldBack) }
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
