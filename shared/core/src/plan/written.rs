use std::{any::Any, sync::Arc};

use crate::{
    news::{News, news},
    ports::{Document, PortError, Stored},
    record::Record,
    records::HistoryEntry,
    time::Timestamp,
};

/// A record that a plan writes, as its own type, so that a rule can read it back.
pub(super) trait Written: Send {
    /// The record.
    fn record(&self) -> &dyn Any;

    /// What comes of it, in comparison with the record as it was `before`.
    ///
    /// # Errors
    /// [`PortError::Permanent`] if the record as it was can't be read.
    fn noted(&self, before: Option<&Stored>, step: Step<'_>, hears: Hears) -> Result<Noted, PortError>;
}

/// What a history says of a plan.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    /// The record of the event that is planned, if there will be one.
    pub(super) event: Option<&'a str>,
    /// What happened.
    pub(super) kind: &'a str,
    /// The time of the plan.
    pub(super) now: Timestamp,
}

/// What the event says of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hears {
    /// Something, whether or not that was known.
    Something,
    /// Nothing, or nothing that it has not said before. What it says of others may change the record.
    Nothing,
}

/// What comes of a written record.
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once; a box for every record that changes costs more")]
pub(super) enum Noted {
    /// It is as it was.
    Unchanged,
    /// It is to be put.
    Changed {
        /// The record, with the change in its history.
        document: Document,
        /// The page of its history that has become full by that.
        page: Option<Document>,
        /// Whether it is named among those of the event, and has it in its history. Records that are nobody's but the rules' own, such as alternate keys, are not.
        shown: bool,
        /// What it tells those who subscribed.
        told: Vec<News>,
    },
}

impl<R: Record> Written for R {
    fn record(&self) -> &dyn Any {
        self
    }

    fn noted(&self, before: Option<&Stored>, Step { event, kind, now }: Step<'_>, hears: Hears) -> Result<Noted, PortError> {
        let known = before.map(|before| &*before.document);
        let before = before.map(R::from_stored).transpose()?;
        let same = before.as_ref() == Some(self);
        if same && hears == Hears::Nothing {
            return Ok(Noted::Unchanged);
        }
        let mut noted = self.clone();
        if noted.history_mut().is_none() {
            let changed = || Noted::Changed { document: self.document(), page: None, shown: false, told: Vec::new() };
            return Ok(if same { Noted::Unchanged } else { changed() });
        }
        // However often it was written, an event is noted once, with all that it changed.
        let state = before.map(|before| before.state()).unwrap_or_default();
        let after = Arc::new(noted.state());
        let entry = HistoryEntry::new(event, kind, now).changing(&state, &after, R::STATES);
        // Facts that others keep with it, and that change nothing which is shown, are nobody's concern.
        let shown = hears == Hears::Something || !entry.changes_nothing();
        let history = noted.history_mut().filter(|_| shown);
        let page = history.and_then(|history| history.note(&R::key(self.id()), entry)).map(|page| page.document());
        let document = noted.document();
        let told = news(known.map(|known| (known, &state)), (&document, &after), now);
        Ok(Noted::Changed { document, page, shown, told })
    }
}

/// The record of another event. It says itself what changes it.
impl Written for Document {
    fn record(&self) -> &dyn Any {
        self
    }

    fn noted(&self, before: Option<&Stored>, _: Step<'_>, _: Hears) -> Result<Noted, PortError> {
        let changed = before.is_none_or(|before| *before.document != *self);
        Ok(if changed { Noted::Changed { document: self.clone(), page: None, shown: false, told: Vec::new() } } else { Noted::Unchanged })
    }
}
