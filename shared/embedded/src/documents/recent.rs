use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sluice_core::ports::{Document, Key, Stored};

/// How much a document may take up to be kept here, bytes: larger ones would push out many that are read more often.
const LARGEST: usize = 4 * 1024;

/// How much one generation keeps, bytes; there are two.
const GENERATION: usize = 512 * 1024;

/// What a key and its place in a map take up beside the document, bytes, about.
const ENTRY: usize = 192;

/// Documents that were written or read last, as they are stored now; of a key that was looked for in vain, that there is none.
///
/// An event reads records that were written shortly before, and SQLite empties a reader's page cache at every commit. What was written gets in here when its
/// commit is durable and before anybody is told of it, and out as soon as that is no longer so. What was read gets in only if nothing was written between the
/// reading and this: see [`Recent::moment`].
#[derive(Default)]
pub(crate) struct Recent {
    generations: Mutex<Generations>,
}

/// Between two writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(u64);

/// What got in since the last change of generations, and what was here before it.
#[derive(Default)]
struct Generations {
    young: HashMap<Key, Option<Stored>>,
    old: HashMap<Key, Option<Stored>>,
    young_bytes: usize,
    /// How often anything was written.
    writes: u64,
}

impl Recent {
    /// The present moment, to be taken before a read whose findings are to get in.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.lock().writes)
    }

    /// What is known of the key: `None` if nothing is, `Some(None)` if there is no such document.
    pub(super) fn find(&self, key: &Key) -> Option<Option<Stored>> {
        let mut generations = self.lock();
        if let Some(known) = generations.young.get(key) {
            return Some(known.clone());
        }
        // What is asked for again stays.
        let known = generations.old.remove(key)?;
        let found = known.clone();
        generations.insert(key.clone(), known);
        Some(found)
    }

    /// Takes in what was read, if nothing was written since the `moment` before the read.
    pub(super) fn note(&self, moment: Moment, key: &Key, found: Option<&Stored>) {
        let mut generations = self.lock();
        if generations.writes == moment.0 && found.is_none_or(|stored| is_kept(&stored.document)) {
            generations.insert(key.clone(), found.cloned());
        }
    }

    /// Keeps a document as it is stored now.
    pub(super) fn keep(&self, document: Document, version: u64) {
        let mut generations = self.lock();
        generations.writes += 1;
        if is_kept(&document) {
            generations.insert(document.key.clone(), Some(Stored::new(document, version)));
        } else {
            generations.remove(&document.key);
        }
    }

    /// Forgets a document, because it is stored otherwise now, or because that is not known.
    pub(super) fn forget(&self, key: &Key) {
        let mut generations = self.lock();
        generations.writes += 1;
        generations.remove(key);
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        let mut generations = self.lock();
        *generations = Generations { writes: generations.writes + 1, ..Generations::default() };
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn insert(&mut self, key: Key, known: Option<Stored>) {
        self.old.remove(&key);
        self.young_bytes += ENTRY + key.id.len() + known.as_ref().map_or(0, |stored| size(&stored.document));
        self.young.insert(key, known);
        if self.young_bytes > GENERATION {
            self.young_bytes = 0;
            self.old = mem::take(&mut self.young);
        }
    }

    fn remove(&mut self, key: &Key) {
        // What it took up still counts until the generations change, which only comes a little sooner.
        self.young.remove(key);
        self.old.remove(key);
    }
}

/// Whether a document gets in: one with a blob is hardly read again.
fn is_kept(document: &Document) -> bool {
    document.blob.is_none() && size(document) <= LARGEST
}

/// What a document takes up, bytes, about.
fn size(document: &Document) -> usize {
    let places: usize = document.places.iter().map(|place| place.partition.len() + place.sort.len() + 64).sum();
    document.data.len() + places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(id: &str, length: usize) -> Document {
        Document { key: Key::new("test", id), data: vec![b' '; length], blob: None, places: Vec::new(), expires_at: None }
    }

    fn stored(id: &str, length: usize, version: u64) -> Stored {
        Stored::new(document(id, length), version)
    }

    #[test]
    fn the_last_version_is_found_until_it_is_forgotten() {
        let recent = Recent::default();
        let key = Key::new("test", "a");
        assert_eq!(recent.find(&key), None);
        recent.keep(document("a", 1), 1);
        recent.keep(document("a", 2), 2);
        assert_eq!(recent.find(&key), Some(Some(stored("a", 2, 2))));
        recent.forget(&key);
        assert_eq!(recent.find(&key), None);
        recent.keep(document("a", 3), 1);
        recent.clear();
        assert_eq!(recent.find(&key), None);
    }

    #[test]
    fn what_was_read_gets_in_unless_something_was_written_meanwhile() {
        let recent = Recent::default();
        let (key, other) = (Key::new("test", "a"), Key::new("test", "b"));
        let moment = recent.moment();
        recent.note(moment, &key, None);
        recent.note(moment, &other, Some(&stored("b", 1, 7)));
        assert_eq!((recent.find(&key), recent.find(&other)), (Some(None), Some(Some(stored("b", 1, 7)))));

        let before = recent.moment();
        recent.keep(document("a", 1), 1);
        recent.note(before, &key, None);
        assert_eq!(recent.find(&key), Some(Some(stored("a", 1, 1))));

        for write in [|recent: &Recent, key: &Key| recent.forget(key), |recent: &Recent, _: &Key| recent.clear()] {
            let before = recent.moment();
            write(&recent, &key);
            recent.note(before, &key, Some(&stored("a", 1, 1)));
            assert_eq!(recent.find(&key), None);
        }
    }

    #[test]
    fn one_that_grew_too_large_is_not_found_as_it_was() {
        let recent = Recent::default();
        recent.keep(document("a", 1), 1);
        recent.keep(document("a", LARGEST + 1), 2);
        assert_eq!(recent.find(&Key::new("test", "a")), None);
        recent.note(recent.moment(), &Key::new("test", "a"), Some(&stored("a", LARGEST + 1, 2)));
        assert_eq!(recent.find(&Key::new("test", "a")), None);
    }

    #[test]
    fn it_stays_small_never_shows_an_older_version_and_keeps_what_is_asked_for() {
        let recent = Recent::default();
        recent.keep(document("first", 1), 1);
        recent.keep(document("asked for", 1), 1);
        for number in 0..4 * GENERATION / 1024 {
            recent.keep(document(&number.to_string(), 1024), 1);
            if number == GENERATION / 1024 {
                // By now it is in the old generation, or gone.
                recent.keep(document("first", 1), 2);
            }
            assert!(recent.find(&Key::new("test", "asked for")).is_some());
            if number % 100 == 0 {
                let found = recent.find(&Key::new("test", "first")).flatten().map(|stored| stored.version);
                assert!(found.is_none_or(|version| version == if number < GENERATION / 1024 { 1 } else { 2 }));
            }
        }
        let generations = recent.lock();
        let kept = generations.young.values().chain(generations.old.values());
        let bytes: usize = kept.flatten().map(|stored| size(&stored.document)).sum();
        assert!(bytes <= 2 * GENERATION + LARGEST, "{bytes}");
    }
}
