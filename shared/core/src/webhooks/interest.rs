//! Which events anybody wants at all: what nobody subscribes to costs nothing to publish.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::pattern::Pattern;
use crate::{
    ports::{Clock, Place, PortError, Store},
    record::Record,
    time::Timestamp,
};

/// How long it may take until other processes know of a new subscription.
pub const KNOWN_WITHIN: Duration = Duration::from_secs(2);
/// The most patterns that are told apart; beyond them, everything counts as wanted.
const MOST: usize = 2_000;
/// Of so many types of events it is remembered who gets them.
const MOST_REMEMBERED: usize = 1_000;

/// How many subscriptions have each pattern. One document, changed with each subscription. Those that are switched off count, too: what they miss is
/// published, so that it can be replayed to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interest {
    patterns: BTreeMap<String, u64>,
    /// How many have a pattern that is not told apart.
    #[serde(default)]
    others: u64,
}

impl Interest {
    /// The id of the one document.
    pub const ID: &'static str = "all";

    /// One more subscription has this pattern.
    pub fn add(&mut self, pattern: &Pattern) {
        if self.patterns.len() < MOST || self.patterns.contains_key(pattern.as_str()) {
            *self.patterns.entry(pattern.as_str().to_owned()).or_default() += 1;
        } else {
            self.others += 1;
        }
    }

    /// One subscription less has this pattern. It is taken off where it is told apart first, so that none is ever forgotten too early.
    pub fn remove(&mut self, pattern: &Pattern) {
        match self.patterns.get_mut(pattern.as_str()) {
            Some(1) => drop(self.patterns.remove(pattern.as_str())),
            Some(count) => *count -= 1,
            None => self.others = self.others.saturating_sub(1),
        }
    }

    /// The patterns that cover this type and that somebody may have.
    #[must_use]
    pub fn covering(&self, event_type: &str) -> Vec<Pattern> {
        if self.patterns.is_empty() && self.others == 0 {
            return Vec::new();
        }
        Pattern::covering(event_type).filter(|pattern| self.others > 0 || self.patterns.contains_key(pattern.as_str())).collect()
    }
}

impl Record for Interest {
    const KIND: &'static str = "interest";

    fn id(&self) -> &str {
        Self::ID
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }
}

/// Whether anybody has subscribed to anything.
///
/// # Errors
/// [`PortError`] if it can't be read.
pub async fn anybody_subscribed(store: &dyn Store) -> Result<bool, PortError> {
    let found = store.get(&[Interest::key(Interest::ID)]).await?.pop().flatten();
    Ok(found.as_ref().map(Interest::from_stored).transpose()?.is_some_and(|interest| interest != Interest::default()))
}

/// Who changes subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedBy {
    /// This process alone.
    Itself,
    /// Other processes, too.
    Others,
}

/// The interest as this process knows it: read at most once in [`KNOWN_WITHIN`], and anew after this process has changed it.
pub struct InterestBoard {
    changed_by: ChangedBy,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    /// Since when it is known, and what.
    known: Option<(Timestamp, Arc<Interest>)>,
    /// Who gets the events of a tenant and a type, for as long as the interest is known.
    subscribers: HashMap<(Option<String>, String), Subscribers>,
    /// How often it was changed here: what was read before a change is not put up after it.
    changes: u64,
}

/// Who gets an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subscribers {
    /// These.
    Few(Arc<[Subscriber]>),
    /// More than are noted down in the commit that publishes.
    Many,
}

/// Somebody who gets an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscriber {
    /// The subscription.
    pub(crate) subscription: String,
    /// Whose it is.
    pub(crate) tenant: Option<String>,
}

/// Between two changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(u64);

impl InterestBoard {
    /// A board with nothing on it.
    #[must_use]
    pub fn new(changed_by: ChangedBy) -> Self {
        Self { changed_by, board: Mutex::default() }
    }

    /// The patterns that cover this type and that somebody may have; none if nobody wants it. What others have changed is seen after [`KNOWN_WITHIN`].
    ///
    /// # Errors
    /// [`PortError`] if it can't be read.
    pub async fn covering(&self, event_type: &str, store: &dyn Store, clock: &dyn Clock) -> Result<Vec<Pattern>, PortError> {
        let now = clock.now();
        let known = self.lock().known.clone();
        // A clock that was set back is no reason to go on with what was known.
        if let Some((_, interest)) = known.filter(|(since, _)| *since <= now && now.since(*since) < KNOWN_WITHIN) {
            return Ok(interest.covering(event_type));
        }
        self.read(event_type, store, clock).await
    }

    /// The same with all that was changed up to now, whoever did it: for an event that is published anyway, so that one more read is nothing.
    ///
    /// # Errors
    /// [`PortError`] if it can't be read.
    pub async fn covering_now(&self, event_type: &str, store: &dyn Store, clock: &dyn Clock) -> Result<Vec<Pattern>, PortError> {
        match self.changed_by {
            ChangedBy::Itself => self.covering(event_type, store, clock).await,
            ChangedBy::Others => self.read(event_type, store, clock).await,
        }
    }

    async fn read(&self, event_type: &str, store: &dyn Store, clock: &dyn Clock) -> Result<Vec<Pattern>, PortError> {
        let (now, changes) = (clock.now(), self.lock().changes);
        let found = store.get(&[Interest::key(Interest::ID)]).await?.pop().flatten();
        let interest = Arc::new(found.as_ref().map(Interest::from_stored).transpose()?.unwrap_or_default());
        let covering = interest.covering(event_type);
        let mut board = self.lock();
        if board.changes == changes {
            board.known = Some((now, interest));
            board.subscribers.clear();
        }
        Ok(covering)
    }

    /// The present moment, to be taken before the patterns are read by which subscribers are looked for that are to be remembered.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.lock().changes)
    }

    /// Who gets an event of this tenant and type, if that is remembered: only where nobody else changes subscriptions.
    pub(crate) fn subscribers(&self, tenant: Option<&str>, event_type: &str) -> Option<Subscribers> {
        let board = self.lock();
        if board.subscribers.is_empty() {
            return None;
        }
        board.subscribers.get(&(tenant.map(str::to_owned), event_type.to_owned())).cloned()
    }

    /// Remembers who gets an event of this tenant and type, unless something was changed since `moment`.
    pub(crate) fn note(&self, moment: Moment, tenant: Option<&str>, event_type: &str, subscribers: &Subscribers) {
        let mut board = self.lock();
        let is_true = self.changed_by == ChangedBy::Itself && board.known.is_some() && board.changes == moment.0;
        if is_true && board.subscribers.len() < MOST_REMEMBERED {
            board.subscribers.insert((tenant.map(str::to_owned), event_type.to_owned()), subscribers.clone());
        }
    }

    /// It was changed: what is known counts no more.
    pub fn forget(&self) {
        let mut board = self.lock();
        board.known = None;
        board.subscribers.clear();
        board.changes += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect("a pattern")
    }

    #[test]
    fn what_nobody_wants() {
        let mut interest = Interest::default();
        assert!(interest.covering("a.b").is_empty());
        interest.add(&pattern("a.*"));
        assert_eq!((interest.covering("a.b"), interest.covering("b.a")), (vec![pattern("a.*")], vec![]));
        interest.remove(&pattern("a.*"));
        assert_eq!(interest, Interest::default());
    }

    #[test]
    fn who_gets_an_event_is_remembered_until_something_changes() {
        let few = Subscribers::Few(Arc::from([Subscriber { subscription: "sub_1".to_owned(), tenant: None }]));
        let board = InterestBoard::new(ChangedBy::Itself);
        let know = || board.lock().known = Some((Timestamp::from_seconds(0), Arc::default()));
        know();
        let before = board.moment();
        board.note(before, None, "a.b", &few);
        assert_eq!((board.subscribers(None, "a.b"), board.subscribers(Some("acme"), "a.b")), (Some(few.clone()), None));
        board.forget();
        assert_eq!(board.subscribers(None, "a.b"), None);
        know();
        board.note(before, None, "a.b", &few);
        assert_eq!(board.subscribers(None, "a.b"), None, "it was looked for before the change");
        for number in 0..MOST_REMEMBERED + 10 {
            board.note(board.moment(), None, &number.to_string(), &Subscribers::Many);
        }
        assert_eq!(board.lock().subscribers.len(), MOST_REMEMBERED);

        let shared = InterestBoard::new(ChangedBy::Others);
        shared.lock().known = Some((Timestamp::from_seconds(0), Arc::default()));
        shared.note(shared.moment(), None, "a.b", &few);
        assert_eq!(shared.subscribers(None, "a.b"), None, "others may have changed something");
    }

    proptest! {
        #[test]
        fn what_somebody_has_is_always_covered(steps in prop::collection::vec((any::<bool>(), 0_usize..2_100), 1..60)) {
            // As good as full, so that steps go over the edge and back.
            let mut interest = Interest::default();
            let mut held: Vec<usize> = (0..1_990).collect();
            held.iter().for_each(|number| interest.add(&pattern(&format!("t{number}"))));
            for (add, number) in steps {
                if add {
                    interest.add(&pattern(&format!("t{number}")));
                    held.push(number);
                } else if let Some(at) = held.iter().position(|held| *held == number) {
                    held.swap_remove(at);
                    interest.remove(&pattern(&format!("t{number}")));
                }
            }
            for number in &held {
                let name = format!("t{number}");
                prop_assert!(interest.covering(&name).contains(&pattern(&name)), "{}", name);
            }
            held.iter().for_each(|number| interest.remove(&pattern(&format!("t{number}"))));
            prop_assert_eq!(interest, Interest::default());
        }
    }
}
