use std::sync::Arc;

use rusqlite::Connection;
use sluice_core::{
    ports::{Committed, Condition, Document, Key, Place, Refusal, Stored, Write},
    time::Timestamp,
};

use super::{
    Recent,
    row::{self, Head},
};
use crate::{
    failure::Failure,
    queue::SendMessages,
    writer::{Ended, Operation, Outcome, Work},
};

/// Applies the steps of a commit, or finds out which of them are refused.
pub(super) struct ApplyCommit {
    steps: Vec<Step>,
    /// The versions that its puts made, by position; empty as long as nothing is applied.
    versions: Vec<u64>,
    recent: Arc<Recent>,
}

/// A step with what can be worked out before the writer's thread has it.
struct Step {
    write: Write,
    /// Of a put: its document's places as its row keeps them.
    places: Option<String>,
}

impl ApplyCommit {
    pub(super) fn new(writes: Vec<Write>, recent: Arc<Recent>) -> Result<Self, Failure> {
        let steps = writes.into_iter().map(|write| {
            let places = match &write {
                Write::Put { document, .. } => row::write_places(&document.places)?,
                Write::Delete { .. } | Write::Check { .. } | Write::Move { .. } => None,
            };
            Ok(Step { write, places })
        });
        Ok(Self { steps: steps.collect::<Result<_, Failure>>()?, versions: Vec::new(), recent })
    }
}

impl Operation for ApplyCommit {
    type Answer = Committed;

    fn run(&mut self, work: &mut Work<'_>) -> Result<Outcome<Committed>, Failure> {
        let rows = Rows { connection: work.connection, now: work.clock.now() };
        // All is looked at before anything is written, so that a commit that is refused leaves nothing to undo.
        let mut heads = Vec::with_capacity(self.steps.len());
        let mut refusals = Vec::new();
        self.versions.clear();
        for (position, Step { write, .. }) in self.steps.iter().enumerate() {
            let head = row::head(rows.connection, write.key())?;
            if !rows.allow(write, head.as_ref())? {
                refusals.push(Refusal { write: position, found: rows.live(write.key())? });
            }
            heads.push(head);
        }
        if !refusals.is_empty() {
            return Ok(Outcome::Undo(Committed::Refused(refusals)));
        }
        // Steps are about different documents, so what one writes can't change what another has found.
        for (step, head) in self.steps.iter().zip(heads) {
            self.versions.push(rows.next_version(head.as_ref()));
            rows.apply(step, head)?;
        }
        Ok(Outcome::Keep(Committed::Applied))
    }

    fn ended(self, ended: Ended) {
        let is_applied = ended == Ended::Committed && self.versions.len() == self.steps.len();
        let mut versions = self.versions.into_iter();
        for step in self.steps {
            match (step.write, versions.next().filter(|_| is_applied)) {
                (Write::Put { document, .. }, Some(version)) => self.recent.keep(document, version),
                (Write::Check { .. }, _) => {}
                (write, _) => self.recent.forget(write.key()),
            }
        }
    }
}

/// Applies a commit, and queues messages if it is not refused.
pub(super) struct ApplyAndSend {
    pub(super) apply: ApplyCommit,
    pub(super) send: SendMessages,
}

impl Operation for ApplyAndSend {
    type Answer = Committed;

    fn run(&mut self, work: &mut Work<'_>) -> Result<Outcome<Committed>, Failure> {
        self.send.begin_anew();
        let applied = self.apply.run(work)?;
        if matches!(applied, Outcome::Keep(Committed::Applied)) {
            self.send.run(work)?;
        }
        Ok(applied)
    }

    fn ended(self, ended: Ended) {
        self.apply.ended(ended);
        self.send.ended(ended);
    }
}

struct Rows<'a> {
    connection: &'a Connection,
    now: Timestamp,
}

impl Rows<'_> {
    fn live(&self, key: &Key) -> Result<Option<Stored>, Failure> {
        Ok(row::find(self.connection, key)?.filter(|stored| !stored.document.has_expired(self.now)))
    }

    /// The version that a put gives the document.
    fn next_version(&self, head: Option<&Head>) -> u64 {
        head.filter(|head| !head.has_expired(self.now)).map_or(1, |head| head.version + 1)
    }

    /// Whether what is stored lets the step apply.
    fn allow(&self, write: &Write, head: Option<&Head>) -> Result<bool, Failure> {
        let live = head.filter(|head| !head.has_expired(self.now));
        Ok(match write {
            Write::Put { condition, .. } | Write::Delete { condition, .. } | Write::Check { condition, .. } => match condition {
                Condition::Absent => live.is_none(),
                Condition::Version(version) => live.is_some_and(|head| head.version == *version),
            },
            Write::Move { from, .. } => match live {
                Some(head) => row::read_places(head.places.as_deref())?.contains(from),
                None => false,
            },
        })
    }

    fn apply(&self, step: &Step, head: Option<Head>) -> Result<(), Failure> {
        match (&step.write, head) {
            (Write::Put { document, .. }, None) => self.insert(document, step.places.as_deref()),
            (Write::Put { document, .. }, Some(head)) => self.replace(&head, document, step.places.as_deref()),
            (Write::Delete { .. }, Some(head)) => remove(self.connection, &head),
            (Write::Move { from, to, .. }, Some(head)) => self.shift(&head, from, to),
            (Write::Check { .. }, _) | (Write::Delete { .. } | Write::Move { .. }, None) => Ok(()),
        }
    }

    fn insert(&self, document: &Document, places: Option<&str>) -> Result<(), Failure> {
        self.connection
            .prepare_cached("INSERT INTO documents (version, expires_at, places, kind, id, data, blob) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute((
                document.expires_at.map(Timestamp::millis),
                places,
                &document.key.kind,
                &document.key.id,
                &document.data,
                &document.blob,
            ))?;
        row::replace_places(self.connection, self.connection.last_insert_rowid(), &[], &document.places)
    }

    fn replace(&self, head: &Head, document: &Document, places: Option<&str>) -> Result<(), Failure> {
        let version = self.next_version(Some(head)).cast_signed();
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

    fn shift(&self, head: &Head, from: &Place, to: &Place) -> Result<(), Failure> {
        let before = row::read_places(head.places.as_deref())?;
        let after: Vec<Place> = before.iter().map(|place| if place == from { to } else { place }.clone()).collect();
        self.connection
            .prepare_cached("UPDATE documents SET places = ?2 WHERE doc = ?1")?
            .execute((head.doc, row::write_places(&after)?))?;
        row::replace_places(self.connection, head.doc, &before, &after)
    }
}

/// Removes a document's row and its places.
pub(super) fn remove(connection: &Connection, head: &Head) -> Result<(), Failure> {
    let places = row::read_places(head.places.as_deref())?;
    row::replace_places(connection, head.doc, &places, &[])?;
    connection.prepare_cached("DELETE FROM documents WHERE doc = ?1")?.execute([head.doc])?;
    Ok(())
}
