//! Side effects: what is to be sent because of an event, stored in its record until it is done.

use serde::{Deserialize, Serialize};

use crate::{envelope::digest, ports::Key, schema::described_words, time::Timestamp};

/// What an effect does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// A mail.
    Mail,
    /// A text message.
    Sms,
    /// Fans an event out to its subscribers.
    Publish,
    /// Has a subscription catch up on what it missed.
    CatchUp,
    /// Erases personal data: out of records, and out of the stored bodies of other events.
    Erase,
}

described_words!(EffectKind: Mail, Sms, Publish, CatchUp, Erase);

impl EffectKind {
    /// The kind's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Sms => "sms",
            Self::Publish => "publish",
            Self::CatchUp => "catch_up",
            Self::Erase => "erase",
        }
    }
}

/// How far an effect is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectState {
    /// Still to be done.
    Pending,
    /// Done, and never done again.
    Done,
    /// Can never succeed; see its reason.
    Failed,
    /// Overtaken by a later announcement before it left.
    Superseded,
}

described_words!(EffectState: Pending, Done, Failed, Superseded);

/// What an effect announces: the number-th announcement about a subject of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Announcement {
    /// The record that it is about.
    pub record: Key,
    /// What about it, such as `payment` or `refund`.
    pub subject: String,
    /// Counts the record's announcements on the subject, from 1.
    pub number: u32,
}

/// One side effect of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Derived from event, kind, record, subject and number: the same however often it is planned.
    pub id: String,
    /// What it does.
    pub kind: EffectKind,
    /// The text that is sent, or the type of what is published.
    pub template: String,
    /// What it announces.
    pub about: Announcement,
    /// How far it is.
    pub state: EffectState,
    /// Why it failed, or why it has not succeeded yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How far an effect of many steps has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// From when on it may be done, where its tenant has only so many in an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// When it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

impl Effect {
    /// What the ids of effects begin with.
    pub const PREFIX: &'static str = "ef_";

    /// A new effect of the event `event`, still to be done.
    #[must_use]
    pub fn new(event: &str, kind: EffectKind, template: &str, about: Announcement) -> Self {
        let id = format!(
            "{}{}",
            Self::PREFIX,
            digest(&[event, kind.name(), &about.record.to_string(), &about.subject, &about.number.to_string()])
        );
        let (template, state) = (template.to_owned(), EffectState::Pending);
        Self { id, kind, template, about, state, reason: None, cursor: None, not_before: None, at: None }
    }

    /// Brings the effect to its end.
    pub fn end(&mut self, state: EffectState, reason: Option<String>, at: Timestamp) {
        self.state = state;
        self.reason = reason;
        self.at = Some(at);
    }
}

/// Joins newly planned effects to those already stored: what is stored keeps its state, what failed is to be tried again.
pub fn join_planned(stored: &mut Vec<Effect>, planned: Vec<Effect>) {
    for effect in stored.iter_mut().filter(|effect| effect.state == EffectState::Failed) {
        effect.state = EffectState::Pending;
        effect.at = None;
    }
    for effect in planned {
        if !stored.iter().any(|known| known.id == effect.id) {
            stored.push(effect);
        }
    }
}
