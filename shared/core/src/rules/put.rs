use crate::{
    kind::Owned,
    plan::{Stop, View},
    time::Timestamp,
};

/// Plans the owner's word on a record. What events said of it meets it here.
///
/// # Errors
/// [`Stop::Need`], [`Stop::NeedLatest`], [`Stop::Failed`] or [`Stop::Refuse`], never anything else.
pub fn put<K: Owned>(id: &str, at: Timestamp, put: K::Put, view: &mut View<'_>) -> Result<(), Stop> {
    let mut record = view.read::<K>(id)?.unwrap_or_else(|| K::first_heard(id, at));
    // Later than what it replaces even where the clock stood still or went back: the owner's last word stands.
    let at = record.put_at().map_or(at, |known| at.max(Timestamp::from_millis(known.millis() + 1)));
    record.join_put(at, put);
    view.tell_put::<K>(id);
    record.settle(view)
}

/// Plans once more what follows from a record that was put. The put itself is long applied, and what it caused is told already, so that this
/// finds nothing new unless something else has changed.
pub(super) fn again<K: Owned>(id: &str, view: &mut View<'_>) -> Result<(), Stop> {
    if let Some(record) = view.read::<K>(id)? {
        record.settle(view)?;
    }
    view.summarize(format!("{} {id} was put", K::NAME));
    Ok(())
}
