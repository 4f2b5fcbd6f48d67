//! How a kind of business record plugs in.
//!
//! A kind is one file in [`crate::records`] with its facts, its joins, the state derived from them and its places in the indexes. It says here
//! what the API shows of it and, if its owner puts it, how a put is read and what follows from it. Reading, putting, listing and history are
//! the same for all kinds, in `api/records.rs`; a kind that is declared is served with one line there.

use serde::Serialize;

use crate::{
    form::Form,
    plan::{Stop, View},
    ports::{Index, Key, Place, PortError, Stored},
    record::{Record, group, place},
    records::{History, HistoryEntry},
    schema::Described,
    state::State,
    time::Timestamp,
};

/// By what a list of a kind can be filtered.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// The parameter, and the field of what is shown that must equal it.
    pub name: &'static str,
    /// The values that it can have; empty if any text can be one.
    pub one_of: &'static [&'static str],
    /// How the records that fit are found.
    pub by: By,
}

/// How the records that fit a filter are found.
#[derive(Clone, Copy, Debug)]
pub enum By {
    /// The list is read and looked through. For words of which there are few, so that many records have each.
    State,
    /// They stand together in this index, under [`group`]. Each such filter of a kind has an index of its own.
    Group(Index),
    /// The record that the value names knows them.
    Holder(Holder),
}

/// A record that knows others.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    /// Its key, by its id.
    pub key: fn(&str) -> Key,
    /// The ids of those that it knows. More of them may be named than there are, or than fit.
    pub ids: fn(&Stored) -> Result<Vec<String>, PortError>,
}

impl Filter {
    /// A filter by a state, which the list is looked through for.
    #[must_use]
    pub const fn state(name: &'static str, one_of: &'static [&'static str]) -> Self {
        Self { name, one_of, by: By::State }
    }

    /// A filter by what a record belongs to, as [`Served::group`] says, in an index that no other filter of the kind has.
    #[must_use]
    pub const fn group(name: &'static str, index: Index) -> Self {
        Self { name, one_of: &[], by: By::Group(index) }
    }

    /// A filter by the id of a record of kind `H`, which knows those that fit.
    #[must_use]
    pub const fn held_by<H: Record>(name: &'static str, ids: fn(&Stored) -> Result<Vec<String>, PortError>) -> Self {
        Self { name, one_of: &[], by: By::Holder(Holder { key: H::key, ids }) }
    }
}

/// A kind of record that the API serves.
pub trait Served: Record {
    /// What one is called in messages, such as `booking`.
    const NAME: &'static str;
    /// The list of all that are served, in [`crate::ports::Index::List`].
    const LIST: &'static str;
    /// The list of those that are known from events alone and belong to nothing yet, in [`crate::ports::Index::Flag`].
    const UNMATCHED: &'static str;
    /// By what its list can be filtered.
    const FILTERS: &'static [Filter];
    /// What the API shows of it.
    type Shown: Serialize + Described;

    /// What the API shows of it now. Its version is added to it.
    fn shown(&self) -> Self::Shown;

    /// Says in what is shown that the record lies in the space of a tenant, where the kind says whose its records are: so also one that is known from events
    /// alone says it.
    fn lies_in_space_of(_shown: &mut Self::Shown, _tenant: &str) {}

    /// What is shown in a field that its list is filtered by with [`By::Group`]; `None` in all others.
    fn group(&self, _field: &str) -> Option<&str> {
        None
    }

    /// The documents beside it that complete what is shown: what is known of its number and address.
    fn beside(&self) -> Vec<Key> {
        Vec::new()
    }

    /// Those of them that have a say outside of all spaces, too, where the record lies in one: what was said to the number that all texts come from.
    fn beside_outside(&self) -> Vec<Key> {
        Vec::new()
    }

    /// Completes what is shown by those of them that are there: beside it, and outside of the space that it lies in.
    ///
    /// # Errors
    /// [`PortError::Permanent`] if one can't be read.
    fn complete(_shown: &mut Self::Shown, _beside: &[&Stored], _outside: &[&Stored]) -> Result<(), PortError> {
        Ok(())
    }

    /// What those of them that are there tell of its history: which events changed what completes it.
    ///
    /// # Errors
    /// [`PortError::Permanent`] if one can't be read.
    fn history_beside(_beside: &[Stored]) -> Result<Vec<HistoryEntry>, PortError> {
        Ok(Vec::new())
    }

    /// The records that hold what events said of it under another id: what changed those is part of its history. They are read when that is asked for, so that
    /// it is whole whatever came first, and follows when it is another one.
    fn told_under(&self) -> Vec<Key> {
        Vec::new()
    }

    /// The records that hold what events said of one of them under yet another id.
    ///
    /// # Errors
    /// [`PortError::Permanent`] if it can't be read.
    fn told_under_of(&self, _other: &Stored) -> Result<Vec<Key>, PortError> {
        Ok(Vec::new())
    }

    /// The history of one of them; `None` if that is not this record's any more.
    ///
    /// # Errors
    /// [`PortError::Permanent`] if it can't be read.
    fn history_under(&self, _other: &Stored) -> Result<Option<History>, PortError> {
        Ok(None)
    }

    /// Whether some of the history of one of them is of other records of this kind, by all that were `read`. Then none of it is told, and of the record's own
    /// what was told there, too, only as far as it changed what is shown: of the rest nobody can tell whose it is.
    ///
    /// # Errors
    /// [`PortError::Permanent`] if one can't be read.
    fn shares(&self, _other: &Stored, _read: &[Stored]) -> Result<bool, PortError> {
        Ok(false)
    }

    /// What a change of one of them is for this kind; `None` if it is none.
    fn retold(entry: &HistoryEntry) -> Option<HistoryEntry> {
        Some(entry.clone())
    }

    /// The same, by the kind of record that was changed.
    fn retold_of(_kind: &str) -> fn(&HistoryEntry) -> Option<HistoryEntry> {
        Self::retold
    }

    /// Whether an event in its own history is its in any case, and not only if it changed one of [`told_under`](Self::told_under), too. One that is not leaves
    /// the history when the record turns out to be told under another id, wherever it was noted and whatever came first.
    fn keeps(&self, _entry: &HistoryEntry) -> bool {
        true
    }

    /// Whether it is served by its id. If not, it waits to be put, or to be matched.
    fn is_served(&self) -> bool;

    /// Whether it is shown among those that wait, where it stands there.
    fn waits(&self) -> bool {
        true
    }
}

/// A kind that its owner puts.
pub trait Owned: Served {
    /// The owner's word.
    type Put: Clone + Send + Sync;
    /// The fields that can be put.
    const FIELDS: &'static [&'static str];

    /// Reads the owner's word; every field that is wrong is noted in the form.
    fn read_put(form: &mut Form<'_>, now: Timestamp) -> Self::Put;

    /// Of the record `id` something is heard for the first time.
    fn first_heard(id: &str, at: Timestamp) -> Self;

    /// When it was put last; `None` if it never was.
    fn put_at(&self) -> Option<Timestamp>;

    /// Joins the owner's word.
    fn join_put(&mut self, at: Timestamp, put: Self::Put);

    /// Does what follows from the facts that were joined: alternate keys, matches, announcements; and writes the record.
    ///
    /// # Errors
    /// [`Stop::Need`], [`Stop::Failed`], or [`Stop::Refuse`] if it names something that is another's.
    fn settle(self, view: &mut View<'_>) -> Result<(), Stop>;
}

/// What is the same in `impl Record` of every kind that the API serves: it has an id and a history, which compares what is shown.
macro_rules! served_record {
    () => {
        fn id(&self) -> &str {
            &self.id
        }

        fn state(&self) -> crate::state::State {
            crate::kind::state_of(self)
        }

        fn history_mut(&mut self) -> Option<&mut crate::records::History> {
            Some(&mut self.history)
        }
    };
}

/// What is the same in `impl Owned` of every kind: it begins with what is first heard of it, and knows when it was put.
macro_rules! put_record {
    () => {
        fn first_heard(id: &str, at: crate::time::Timestamp) -> Self {
            Self::first_heard(id, at)
        }

        fn put_at(&self) -> Option<crate::time::Timestamp> {
            self.put.as_ref().map(|put| put.at)
        }
    };
}

pub(crate) use {put_record, served_record};

/// Where a record that is served stands among those that have the same values as it, by all filters of its kind that have a group.
pub(crate) fn group_places<K: Served>(record: &K, at: Timestamp) -> impl Iterator<Item = Place> {
    let filters = if record.is_served() { K::FILTERS } else { &[] };
    filters.iter().filter_map(move |filter| match filter.by {
        By::Group(index) => record.group(filter.name).map(|value| place(index, &group(K::KIND, filter.name, value), at, record.id())),
        By::State | By::Holder(_) => None,
    })
}

/// What history compares: the fields that the API shows.
pub(crate) fn state_of<K: Served>(record: &K) -> State {
    State::of(&record.shown())
}

/// The type of the event that a put makes.
#[must_use]
pub(crate) fn put_event<K: Record>() -> String {
    format!("{}.put", K::KIND)
}
