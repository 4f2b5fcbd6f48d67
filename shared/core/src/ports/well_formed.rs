use super::{Commit, Document, Place, PortError, Write};
use crate::time::Timestamp;

/// The most steps that one commit may have.
pub const MAX_WRITES: usize = 100;

impl Document {
    /// Whether the document counts as absent at `now`.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

impl Commit {
    /// Whether the commit keeps the port's rules, which no adapter can apply it without: at most [`MAX_WRITES`] steps, each about another document,
    /// at most one place for each index, a move that stays within its index. Every adapter asks this first, so that all refuse the same.
    ///
    /// # Errors
    /// [`PortError::Permanent`] names the rule that is broken.
    pub fn well_formed(&self) -> Result<(), PortError> {
        if self.writes.len() > MAX_WRITES {
            return Err(broken(format!("{} steps; at most {MAX_WRITES} go into one commit", self.writes.len())));
        }
        for (position, write) in self.writes.iter().enumerate() {
            // Quadratic, and cheaper than a set for the few steps that commits have.
            if self.writes[..position].iter().any(|earlier| earlier.key() == write.key()) {
                return Err(broken(format!("two steps about {}; make one of them", write.key())));
            }
            match write {
                Write::Put { document, .. } if repeats_an_index(&document.places) => {
                    return Err(broken(format!("{} has two places in one index", document.key)));
                }
                Write::Move { key, from, to } if from.index != to.index => {
                    return Err(broken(format!("{key} would move from one index to another")));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn repeats_an_index(places: &[Place]) -> bool {
    places.iter().enumerate().any(|(position, place)| places[..position].iter().any(|earlier| earlier.index == place.index))
}

fn broken(what: String) -> PortError {
    PortError::Permanent(format!("a commit that can't be applied: {what}"))
}
