//! Commits: one step is one conditional write, several are one transaction, which costs twice as much.

use sluice_core::{
    ports::{Commit, Committed, Condition, Document, Key, Place, PortError, Refusal, Write},
    time::Timestamp,
};

use super::{
    DynamoStore,
    condition::{self, Expression},
    item::{Item, from_item, to_item},
    spread::spread,
};

/// One step of a commit, ready to be sent.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) key: Key,
    pub(crate) condition: Expression,
    pub(crate) change: Change,
}

/// What a step does to the item.
#[derive(Clone)]
pub(crate) enum Change {
    Put(Item),
    Delete,
    Check,
    Move(Place),
}

/// A step whose condition did not hold, by position, and the item that was found.
pub(crate) type Refused = (usize, Option<Item>);

impl DynamoStore {
    pub(super) async fn apply(&self, commit: Commit) -> Result<Committed, PortError> {
        commit.well_formed()?;
        // One time for all tries of this call: a request is recognised by its token only if it is identical.
        let now = self.clock.now();
        let Commit { token, writes } = commit;
        let steps = steps(writes, now)?;
        let refused = match &steps[..] {
            [] => Vec::new(),
            // A transaction can check without writing; a single call can't.
            [step] if !matches!(step.change, Change::Check) => Box::pin(self.write_one(step)).await?,
            steps => Box::pin(self.transact(&token, now, steps)).await?,
        };
        if let Some(meter) = &self.meter {
            meter.committed(&steps, &refused);
        }
        if refused.is_empty() {
            return Ok(Committed::Applied);
        }
        let refusals = refused.into_iter().map(|(write, found)| refusal(write, found, now)).collect::<Result<_, PortError>>()?;
        Ok(Committed::Refused(refusals))
    }
}

/// The steps of a commit at the time `now`.
///
/// # Errors
/// [`PortError::Permanent`] if a document can't be an item.
pub(crate) fn steps(writes: Vec<Write>, now: Timestamp) -> Result<Vec<Step>, PortError> {
    writes.into_iter().map(|write| step(write, now)).collect()
}

fn step(write: Write, now: Timestamp) -> Result<Step, PortError> {
    Ok(match write {
        Write::Put { document, condition } => Step {
            key: document.key.clone(),
            condition: condition::of(condition, now),
            change: Change::Put(new_item(document, condition)?),
        },
        Write::Delete { key, condition } => Step { key, condition: condition::of(condition, now), change: Change::Delete },
        Write::Check { key, condition } => Step { key, condition: condition::of(condition, now), change: Change::Check },
        Write::Move { key, from, to } => {
            let (from, to) = (spread(&key, from), spread(&key, to));
            Step { key, condition: condition::stands_at(&from, now), change: Change::Move(to) }
        }
    })
}

fn new_item(document: Document, condition: Condition) -> Result<Item, PortError> {
    let version = match condition {
        Condition::Absent => 1,
        Condition::Version(version) => version.saturating_add(1),
    };
    to_item(document, version)
}

fn refusal(write: usize, found: Option<Item>, now: Timestamp) -> Result<Refusal, PortError> {
    let found = found.map(from_item).transpose()?.filter(|stored| !stored.document.has_expired(now));
    Ok(Refusal { write, found })
}
