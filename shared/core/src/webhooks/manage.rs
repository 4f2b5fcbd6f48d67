//! Making, changing and removing subscriptions, together with what finds them.

use std::time::Duration;

use crate::{
    ids::fresh,
    ports::{Clock, Commit, Committed, Condition, Ids, Key, PortError, Store, Stored, Write},
    record::Record,
    webhooks::{Entry, Interest, InterestBoard, Subscription},
};

/// How often a change is tried: for about five seconds, since all changes of subscriptions write the one document of the interest.
const ROUNDS: u32 = 20;
/// The longest wait after the first round; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest wait between rounds.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// What a change makes of a subscription.
pub enum Made<T> {
    /// It is to be stored like this, with further writes.
    Store(Box<Subscription>, Vec<Write>, T),
    /// It is to be removed, with further writes.
    Remove(Vec<Write>, T),
    /// Nothing changes.
    Nothing(T),
}

/// Changes the subscription `id` as `make` says, which is asked again if somebody else was first. `further` names records that `make` looks at and
/// may write. A subscription's tenant never changes, so that its entries are only made and removed.
///
/// # Errors
/// [`PortError`] if it is not known to be stored.
pub async fn change_subscription<T>(
    (store, clock, ids, board): (&dyn Store, &dyn Clock, &dyn Ids, &InterestBoard),
    id: &str,
    further: &[Key],
    mut make: impl FnMut(Option<&Subscription>, &[Option<Stored>]) -> Result<Made<T>, PortError>,
) -> Result<T, PortError> {
    let mut lost: Option<Lost<T>> = None;
    for round in 0..ROUNDS {
        if round > 0 {
            clock.sleep(pause(round, ids)).await;
        }
        let mut keys = vec![Subscription::key(id), Interest::key(Interest::ID)];
        keys.extend_from_slice(further);
        let mut found = store.get(&keys).await?;
        let others = found.split_off(2);
        let (interest, stored) = (found.pop().flatten(), found.pop().flatten());
        if let Some(lost) = lost.take() {
            let written_since = stored.as_ref().map(|stored| stored.version) != lost.version;
            if written_since && stored.as_ref().map(|stored| &stored.document.data) == lost.written.as_ref() {
                board.forget();
                return Ok(lost.told);
            }
            if written_since {
                // Made again, it might undo what somebody else changed meanwhile: only the caller can decide.
                return Err(lost.error);
            }
        }
        let before = stored.as_ref().map(Subscription::from_stored).transpose()?;
        let (mut after, mut writes, told) = match make(before.as_ref(), &others)? {
            Made::Nothing(told) => return Ok(told),
            Made::Store(after, writes, told) => (Some(after), writes, told),
            Made::Remove(writes, told) => (None, writes, told),
        };
        // From now on it does, if it did not: see `entries`.
        if let Some(disabled) = after.as_mut().and_then(|after| after.disabled.as_mut()) {
            disabled.counts = true;
        }
        let condition = Condition::unchanged(stored.as_ref());
        let document = after.as_ref().map(|after| after.document());
        let written = document.as_ref().map(|document| document.data.clone());
        writes.push(match document {
            Some(document) => Write::Put { document, condition },
            None => Write::Delete { key: Subscription::key(id), condition },
        });
        writes.extend(entries(before.as_ref(), after.as_deref(), interest.as_ref())?);
        match store.commit(Commit { token: fresh("", ids), writes }).await {
            Ok(Committed::Applied) => {
                board.forget();
                return Ok(told);
            }
            Ok(Committed::Refused(_)) => {}
            Err(error @ PortError::Permanent(_)) => return Err(error),
            Err(error) => lost = Some(Lost { error, written, version: stored.map(|stored| stored.version), told }),
        }
    }
    Err(lost.map_or_else(|| PortError::Temporary(format!("the subscription {id} kept changing")), |lost| lost.error))
}

/// The wait before a round: from half of its length to all of it at random, so that those who got in each other's way don't meet again.
fn pause(round: u32, ids: &dyn Ids) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << round.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
    let permille = u32::try_from(ids.random() % 501).unwrap_or(0);
    longest * (500 + permille) / 1_000
}

/// A commit whose answer was lost.
struct Lost<T> {
    error: PortError,
    written: Option<Vec<u8>>,
    version: Option<u64>,
    told: T,
}

/// What changes of the entries by which the subscription is found, and of the interest.
fn entries(before: Option<&Subscription>, after: Option<&Subscription>, stored: Option<&Stored>) -> Result<Vec<Write>, PortError> {
    let mut interest = stored.map(Interest::from_stored).transpose()?.unwrap_or_default();
    let known = interest.clone();
    let wanted = |subscription: Option<&Subscription>| subscription.map(|it| it.event_types.clone()).unwrap_or_default();
    wanted(before.filter(|before| before.counts())).iter().for_each(|pattern| interest.remove(pattern));
    wanted(after).iter().for_each(|pattern| interest.add(pattern));

    let of = |subscription: Option<&Subscription>| subscription.map(Entry::of).unwrap_or_default();
    let (before, after) = (of(before), of(after));
    let gone = before.iter().filter(|entry| !after.contains(entry));
    let new = after.iter().filter(|entry| !before.contains(entry));
    let mut writes: Vec<_> = gone.map(|entry| Write::Delete { key: Entry::key(&entry.id), condition: Condition::Version(1) }).collect();
    writes.extend(new.map(|entry| Write::Put { document: entry.document(), condition: Condition::Absent }));
    if interest != known {
        writes.push(Write::Put { document: interest.document(), condition: Condition::unchanged(stored) });
    }
    Ok(writes)
}
