use std::collections::VecDeque;

use super::cursor::{Cursor, Reached};
use crate::{
    api::Problem,
    ports::{PortError, Store},
    record::Record,
    records::{Earlier, Entries, HistoryEntry, HistoryPage},
    time::Timestamp,
};

/// What a change of another record is for the one whose history is read; `None` if it is none.
pub(super) type Retold = fn(&HistoryEntry) -> Option<HistoryEntry>;

/// Whose history a strand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The record's own.
    Own,
    /// That of what it is told under.
    Others,
    /// The same, where it is of other records of the kind as well: it is not told.
    Shared,
    /// What documents beside it tell.
    Beside,
}

/// One of the histories that are read together, newest first.
pub(super) struct Strand {
    name: String,
    whose: Whose,
    retold: Option<Retold>,
    /// What has been read and not been told, each with its number on its page.
    entries: VecDeque<(usize, Timestamp, HistoryEntry)>,
    /// The page that these are of; `None` if they lie with the record.
    page: Option<Earlier>,
    /// Where it goes on.
    earlier: Option<Earlier>,
    /// How many entries of the page where it goes on have been told.
    told: usize,
    /// The moment of the last that was read. Where clocks differed an entry may be later than the one that was noted after it: it counts as of its moment.
    moment: Timestamp,
    /// All of this moment and later ones has been told; `None` once it is known how far this strand has been.
    told_until: Option<Timestamp>,
}

impl Strand {
    /// A strand that is called so in cursors: by the key of its record, or by its first page.
    pub(super) fn new(name: String, whose: Whose, retold: Option<Retold>) -> Self {
        let entries = VecDeque::new();
        Self { name, whose, retold, entries, page: None, earlier: None, told: 0, moment: Timestamp::MAX, told_until: None }
    }

    /// Goes on where the cursor says, or else begins with what lies with the record.
    ///
    /// # Errors
    /// A problem if the cursor is none of this history.
    pub(super) fn beginning<'a>(
        mut self,
        recent: impl Iterator<Item = &'a HistoryEntry>,
        earlier: Option<Earlier>,
        cursor: &Cursor,
    ) -> Result<Self, Problem> {
        match cursor.reached(&self.name)? {
            Reached::End => {}
            Reached::Page(page, told) => {
                (self.earlier, self.told) = (Some(page), told);
                self.moment = cursor.until.unwrap_or(Timestamp::MAX);
            }
            Reached::Unsaid => {
                self.told_until = cursor.until;
                self.earlier = earlier;
                self.read(recent, 0);
            }
        }
        Ok(self)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn whose(&self) -> Whose {
        self.whose
    }

    /// The moment of what comes next, as far as it has been read.
    pub(super) fn moment(&self) -> Option<Timestamp> {
        self.entries.front().map(|(_, moment, _)| *moment)
    }

    /// What comes next, if it is of this moment.
    pub(super) fn take_of(&mut self, moment: Timestamp) -> Option<HistoryEntry> {
        self.moment().filter(|next| *next == moment)?;
        self.entries.pop_front().map(|(_, _, entry)| entry)
    }

    /// Whether it goes on with what has not been read.
    pub(super) fn is_cut_short(&self) -> bool {
        self.entries.is_empty() && self.earlier.is_some()
    }

    /// Whether all of it has been told.
    pub(super) fn is_over(&self) -> bool {
        self.entries.is_empty() && self.earlier.is_none()
    }

    /// How far it has been told.
    pub(super) fn reached(&self) -> Reached {
        match (self.entries.front(), &self.page, &self.earlier) {
            (Some((number, ..)), Some(page), _) => Reached::Page(page.clone(), *number),
            (Some(_), None, _) => Reached::Unsaid,
            (None, _, Some(page)) => Reached::Page(page.clone(), self.told),
            (None, _, None) => Reached::End,
        }
    }

    /// Reads on if all that has been read is told, in pages, each of which is taken off the budget, until there is something or the budget is spent.
    pub(super) async fn fill(&mut self, store: &dyn Store, budget: &mut usize) -> Result<(), PortError> {
        while self.entries.is_empty() && *budget > 0 {
            let Some(next) = self.earlier.take() else { return Ok(()) };
            *budget -= 1;
            let stored = store.get(&[HistoryPage::key(&next.page)]).await?.pop().flatten();
            let Some(page) = stored.as_ref().map(HistoryPage::from_stored).transpose()? else { return Ok(()) };
            let which = next.which;
            // Both must count an entry: whoever led here, and the page on the way.
            self.earlier = page.earlier().and_then(|before| Some(Earlier { which: before.which.and(which)?, ..before }));
            self.page = Some(next);
            let told = std::mem::take(&mut self.told);
            self.read(page.entries(), told);
        }
        Ok(())
    }

    /// Takes the entries, newest first, of which so many have been told.
    fn read<'a>(&mut self, entries: impl Iterator<Item = &'a HistoryEntry>, told: usize) {
        let which = self.page.as_ref().map_or(Entries::ALL, |page| page.which);
        for (number, entry) in entries.enumerate().skip(told) {
            self.moment = self.moment.min(entry.at());
            let events_alone = matches!(self.whose, Whose::Others | Whose::Shared);
            let counts = which.have(entry) && (!events_alone || Entries::EVENTS.have(entry));
            if !counts || self.told_until.is_some_and(|until| self.moment >= until) {
                continue;
            }
            let retold = self.retold.map_or_else(|| Some(entry.clone()), |retold| retold(entry));
            self.entries.extend(retold.map(|entry| (number, self.moment, entry)));
        }
    }
}
