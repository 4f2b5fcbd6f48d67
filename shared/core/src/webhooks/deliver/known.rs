//! What every attempt of a subscription, or of an event, needs: worked out once, and not for each attempt.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::{
    ports::{Document, PortError, Stored},
    record::Record,
    time::Timestamp,
    webhooks::{
        Published, Signers, Subscription,
        sealed::{CannotOpen, Keyring},
    },
};

/// Of so many subscriptions and so many events it is remembered, at most.
const MOST: usize = 256;
/// The largest body of an event that is remembered, bytes: all of them together take up 4 MiB at most.
const LARGEST: usize = 16 << 10;

/// What is remembered of the subscriptions and events of the last attempts.
#[derive(Default)]
pub struct Known {
    subscriptions: Remembered<Served>,
    events: Remembered<Told>,
}

/// A subscription, and what signs its webhooks.
pub(super) struct Served {
    pub(super) subscription: Arc<Subscription>,
    pub(super) signers: Result<Signers, CannotOpen>,
    /// What its owner has sent along.
    pub(super) own_headers: Result<BTreeMap<String, String>, CannotOpen>,
    /// When one of its secrets ends.
    until: Option<Timestamp>,
}

/// An event, and what its subscribers are sent.
pub(super) struct Told {
    pub(super) event: Published,
    /// If its data lies with it, and nothing else has a say in it.
    pub(super) body: Option<Bytes>,
}

impl Known {
    /// The subscription of a document, with the secrets that sign at `now`.
    pub(super) fn subscription(&self, stored: &Stored, keyring: &Keyring, now: Timestamp) -> Result<Arc<Served>, PortError> {
        let good = |served: &Served| served.until.is_none_or(|until| now < until);
        self.subscriptions.of(stored, good, || {
            let subscription = Subscription::from_stored(stored)?;
            let signers = subscription.signing(keyring, now).map(Signers::new);
            let (own_headers, until) = (subscription.own_headers(keyring), subscription.signing_until(now));
            Ok(Served { subscription: Arc::new(subscription), signers, own_headers, until })
        })
    }

    /// The event of a document.
    pub(super) fn event(&self, stored: &Stored) -> Result<Arc<Told>, PortError> {
        let small = |told: &Told| told.body.as_ref().is_none_or(|body| body.len() <= LARGEST);
        self.events.of(stored, small, || {
            let event = Published::from_stored(stored)?;
            // What can't be read is found, and told, by whoever needs it.
            let body = event.own_body().ok().flatten().map(Bytes::from);
            Ok(Told { event, body })
        })
    }
}

/// A document with what was worked out of it.
type Slot<T> = Option<(Arc<Document>, Arc<T>)>;

/// What was worked out of documents. It counts for the very document that it was worked out of: one that has changed is worked out anew.
struct Remembered<T> {
    slots: Mutex<Box<[Slot<T>]>>,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self { slots: Mutex::new((0..MOST).map(|_| None).collect()) }
    }
}

impl<T> Remembered<T> {
    /// What is worked out of the document. `good`: whether it is still so, and may be remembered.
    fn of(&self, stored: &Stored, good: impl Fn(&T) -> bool, work_out: impl FnOnce() -> Result<T, PortError>) -> Result<Arc<T>, PortError> {
        // Each key has its one slot, so that nothing has to be pushed out.
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(&stored.document.key.id);
        let slot = usize::try_from(hash % MOST as u64).unwrap_or_default();
        if let Some((document, known)) = &self.slots()[slot]
            && (Arc::ptr_eq(document, &stored.document) || **document == *stored.document)
            && good(known)
        {
            return Ok(Arc::clone(known));
        }
        let known = Arc::new(work_out()?);
        let remembered = good(&known).then(|| (Arc::clone(&stored.document), Arc::clone(&known)));
        self.slots()[slot] = remembered;
        Ok(known)
    }

    fn slots(&self) -> MutexGuard<'_, Box<[Slot<T>]>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::ports::Key;

    fn stored(id: &str, data: &str) -> Stored {
        let data = data.as_bytes().to_vec();
        Stored::new(Document { key: Key::new("test", id), data, blob: None, places: Vec::new(), expires_at: None }, 1)
    }

    #[test]
    fn it_is_worked_out_once_for_each_state_of_a_document() {
        let (remembered, times) = (Remembered::<String>::default(), Cell::new(0));
        let of = |stored: &Stored| {
            let work_out = || {
                times.set(times.get() + 1);
                Ok(String::from_utf8_lossy(&stored.document.data).into_owned())
            };
            remembered.of(stored, |_| true, work_out).expect("it can be worked out").to_string()
        };
        for (data, worked_out) in [("1", 1), ("1", 1), ("2", 2), ("2", 2), ("1", 3)] {
            // Of the same version, as after a removal: the bytes decide.
            assert_eq!((of(&stored("a", data)).as_str(), times.get()), (data, worked_out));
        }
        // More than there is room for, and each its own.
        for number in 0..4 * MOST {
            let text = number.to_string();
            assert_eq!(of(&stored(&text, &text)), text);
        }
    }

    #[test]
    fn what_is_good_no_longer_and_what_failed_is_worked_out_anew() {
        let (remembered, document) = (Remembered::<u32>::default(), stored("a", "1"));
        remembered.of(&document, |_| true, || Err(PortError::Permanent("damaged".to_owned()))).expect_err("it is damaged");
        assert_eq!(*remembered.of(&document, |_| true, || Ok(1)).expect("1"), 1);
        assert_eq!(*remembered.of(&document, |known| *known > 1, || Ok(2)).expect("2"), 2);
        assert_eq!(*remembered.of(&document, |known| *known > 1, || Ok(3)).expect("2 is good"), 2);
    }

    #[test]
    fn a_large_event_is_not_remembered() {
        let known = Known::default();
        let of = |length: usize| {
            let data = format!("\"{}\"", "x".repeat(length));
            let event = Published::with_data("in_1", "order.created", None, Timestamp::MIN, Timestamp::MIN, data.as_bytes());
            let stored = Stored::new(event.document(), 1);
            let once = known.event(&stored).expect("an event");
            Arc::ptr_eq(&once, &known.event(&stored).expect("an event"))
        };
        assert!(of(100) && of(LARGEST / 2) && !of(LARGEST));
    }
}
