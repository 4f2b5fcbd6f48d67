use rusqlite::Connection;
use sluice_core::{
    ports::{Committed, Condition, Document, Key, Place, Refusal, Stored, Write},
    time::Timestamp,
};

use super::row::{self, Head};
use crate::{
    failure::Failure,
    writer::{Operation, Outcome, Work},
};

/// Applies the steps of a commit, or finds out which of them are refused.
pub(super) struct ApplyCommit {
    pub(super) writes: Vec<Write>,
}

impl Operation for ApplyCommit {
    type Answer = Committed;

    fn run(&mut self, work: &mut Work<'_>) -> Result<Outcome<Committed>, Failure> {
        let steps = Steps { connection: work.connection, now: work.clock.now() };
        // Steps are about different documents, so what one has written can't change what another finds, and the savepoint takes it all back.
        let mut refusals = Vec::new();
        for (position, write) in self.writes.iter().enumerate() {
            match steps.apply(write)? {
                Step::Applied => {}
                Step::Refused(found) => refusals.push(Refusal { write: position, found }),
            }
        }
        Ok(if refusals.is_empty() { Outcome::Keep(Committed::Applied) } else { Outcome::Undo(Committed::Refused(refusals)) })
    }
}

enum Step {
    Applied,
    Refused(Option<Stored>),
}

struct Steps<'a> {
    connection: &'a Connection,
    now: Timestamp,
}

impl Steps<'_> {
    fn apply(&self, write: &Write) -> Result<Step, Failure> {
        match write {
            Write::Put { document, condition } => self.put(document, *condition),
            Write::Delete { key, condition } => self.delete(key, *condition),
            Write::Check { key, condition } => {
                let head = row::head(self.connection, key)?;
                self.only_if(holds(*condition, head.as_ref(), self.now), key, || Ok(()))
            }
            Write::Move { key, from, to } => self.shift(key, from, to),
        }
    }

    fn only_if(&self, condition: Holds, key: &Key, apply: impl FnOnce() -> Result<(), Failure>) -> Result<Step, Failure> {
        match condition {
            Holds::Yes => apply().map(|()| Step::Applied),
            Holds::No => row::find(self.connection, key, self.now).map(Step::Refused),
        }
    }

    fn put(&self, document: &Document, condition: Condition) -> Result<Step, Failure> {
        let places = row::write_places(&document.places)?;
        if condition == Condition::Absent && self.insert(document, places.as_deref())? == Inserted::Yes {
            return Ok(Step::Applied);
        }
        let head = row::head(self.connection, &document.key)?;
        let condition = holds(condition, head.as_ref(), self.now);
        self.only_if(condition, &document.key, || match head {
            Some(head) => self.replace(&head, document, places.as_deref()),
            None => Ok(()),
        })
    }

    /// Inserts the document unless there is one, expired or not: the unique index is searched once for both.
    fn insert(&self, document: &Document, places: Option<&str>) -> Result<Inserted, Failure> {
        let inserted = self
            .connection
            .prepare_cached(
                "INSERT INTO documents (version, expires_at, places, kind, id, data, blob) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (id, kind) DO NOTHING",
            )?
            .execute((
                document.expires_at.map(Timestamp::millis),
                places,
                &document.key.kind,
                &document.key.id,
                &document.data,
                &document.blob,
            ))?;
        if inserted == 0 {
            return Ok(Inserted::No);
        }
        row::replace_places(self.connection, self.connection.last_insert_rowid(), &[], &document.places)?;
        Ok(Inserted::Yes)
    }

    fn replace(&self, head: &Head, document: &Document, places: Option<&str>) -> Result<(), Failure> {
        let version = if head.has_expired(self.now) { 1 } else { head.version.cast_signed() + 1 };
        let expires_at = document.expires_at.map(Timestamp::millis);
        // SQLite writes the index of ends anew whenever the column is named, so it is named only if it changes.
        if expires_at == head.expires_at {
            self.connection
                .prepare_cached("UPDATE documents SET version = ?2, places = ?3, data = ?4, blob = ?5 WHERE doc = ?1")?
                .execute((head.doc, version, places, &document.data, &document.blob))?;
        } else {
            self.connection
                .prepare_cached("UPDATE documents SET version = ?2, places = ?3, data = ?4, blob = ?5, expires_at = ?6 WHERE doc = ?1")?
                .execute((head.doc, version, places, &document.data, &document.blob, expires_at))?;
        }
        if head.places.as_deref() != places {
            let before = row::read_places(head.places.as_deref())?;
            row::replace_places(self.connection, head.doc, &before, &document.places)?;
        }
        Ok(())
    }

    fn delete(&self, key: &Key, condition: Condition) -> Result<Step, Failure> {
        let head = row::head(self.connection, key)?;
        let condition = holds(condition, head.as_ref(), self.now);
        self.only_if(condition, key, || head.map_or(Ok(()), |head| remove(self.connection, &head)))
    }

    fn shift(&self, key: &Key, from: &Place, to: &Place) -> Result<Step, Failure> {
        let Some(head) = row::head(self.connection, key)?.filter(|head| !head.has_expired(self.now)) else {
            return Ok(Step::Refused(None));
        };
        let before = row::read_places(head.places.as_deref())?;
        let stands_there = if before.contains(from) { Holds::Yes } else { Holds::No };
        self.only_if(stands_there, key, || {
            let after: Vec<Place> = before.iter().map(|place| if place == from { to } else { place }.clone()).collect();
            self.connection
                .prepare_cached("UPDATE documents SET places = ?2 WHERE doc = ?1")?
                .execute((head.doc, row::write_places(&after)?))?;
            row::replace_places(self.connection, head.doc, &before, &after)
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inserted {
    Yes,
    No,
}

#[derive(Clone, Copy)]
enum Holds {
    Yes,
    No,
}

fn holds(condition: Condition, head: Option<&Head>, now: Timestamp) -> Holds {
    let live = head.filter(|head| !head.has_expired(now));
    match (condition, live) {
        (Condition::Absent, None) => Holds::Yes,
        (Condition::Version(version), Some(head)) if head.version == version => Holds::Yes,
        _ => Holds::No,
    }
}

/// Removes a document's row and its places.
pub(super) fn remove(connection: &Connection, head: &Head) -> Result<(), Failure> {
    let places = row::read_places(head.places.as_deref())?;
    row::replace_places(connection, head.doc, &places, &[])?;
    connection.prepare_cached("DELETE FROM documents WHERE doc = ?1")?.execute([head.doc])?;
    Ok(())
}
