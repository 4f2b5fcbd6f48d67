//! The one thread that writes, and the group commit.

mod copier;

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;
use sluice_core::ports::{Clock, PortError};
use tokio::sync::oneshot;

use self::copier::Copier;
use crate::{
    failure::{Damage, Failure},
    place::FileAt,
    queue::Flights,
};

/// The most operations that share a COMMIT. Larger groups cost a little less for each, but whoever is to write next waits for all of a group: with several
/// groups' worth of callers some prepare what they write while others' is committed.
const MAX_GROUP: usize = 96;

/// A group of so many operations shows that many callers write at once; if the next one is not half full, it waits for [`LINGER`] before it begins, because
/// the pages and the fsync that a larger group shares are most of what an operation costs. A lone caller never waits.
const BUSY_GROUP: usize = 8;

/// How long a group waits for more.
const LINGER: Duration = Duration::from_micros(400);

/// Something to write, on the writer's thread. What it writes stays whole or not at all, whatever becomes of the others in its group.
pub(crate) trait Operation: Send + 'static {
    /// What the caller learns.
    type Answer: Send + 'static;

    /// Does it. An error undoes whatever was done, like [`Outcome::Undo`]. It may be run again after all that it did was undone.
    fn run(&mut self, work: &mut Work<'_>) -> Result<Outcome<Self::Answer>, Failure>;

    /// Called when it is known what became of what it did, before the caller learns it.
    fn ended(self, _: Ended)
    where
        Self: Sized,
    {
    }
}

/// What became of a group of operations.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What was kept is durable.
    Committed,
    /// Nothing of it is to be relied on.
    Failed,
}

/// Whether an operation's writes stay.
pub(crate) enum Outcome<A> {
    /// They become part of the group's commit.
    Keep(A),
    /// They are undone; the answer is given all the same.
    Undo(A),
}

/// What operations work on.
pub(crate) struct Work<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) flights: &'a mut Flights,
    pub(crate) clock: &'a dyn Clock,
    damage: &'a Damage,
}

/// The way to the writer's thread. When it is dropped the thread ends, after what was submitted before.
pub(crate) struct Writer {
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(
        connection: Connection,
        place: FileAt,
        flights: Flights,
        clock: Arc<dyn Clock>,
        damage: Damage,
    ) -> std::io::Result<Self> {
        // Unbounded: whoever submits waits for the answer, so that there are never more jobs than callers.
        let mut connection = connection;
        let copier = Copier::start(&mut connection).map_err(std::io::Error::other)?;
        let (jobs, waiting) = channel();
        let thread = std::thread::Builder::new().name("sluice-writer".to_owned()).spawn(move || {
            let state = State { copier, connection, place, flights, clock, damage };
            state.write_until_closed(&waiting);
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `operation` in the next group, and answers once that is durable. Dropping the future does not take the operation back.
    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Answer, PortError> {
        let (reply, answer) = oneshot::channel();
        let task = Task { operation, outcome: None, reply };
        let jobs = self.jobs.as_ref().expect("taken only when the writer is dropped");
        if jobs.send(Box::new(task)).is_err() {
            return Err(stopped());
        }
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> PortError {
    PortError::Temporary("the database's writer has stopped: restart Sluice, and report the panic in its log".to_owned())
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported, and its callers were told.
            let _ = thread.join();
        }
    }
}

/// An operation together with whoever waits for it, whatever its answer is.
trait Job: Send {
    /// Runs the operation and says whether its writes stay.
    fn run(&mut self, work: &mut Work<'_>) -> Kept;
    /// Gives the answer; `committed` is what became of the group.
    fn answer(self: Box<Self>, committed: Result<(), Failure>);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

struct Task<O: Operation> {
    operation: O,
    outcome: Option<Result<O::Answer, Failure>>,
    reply: oneshot::Sender<Result<O::Answer, PortError>>,
}

impl<O: Operation> Job for Task<O> {
    fn run(&mut self, work: &mut Work<'_>) -> Kept {
        let (outcome, kept) = match work.damage.heed(self.operation.run(work)) {
            Ok(Outcome::Keep(answer)) => (Ok(answer), Kept::Yes),
            Ok(Outcome::Undo(answer)) => (Ok(answer), Kept::No),
            Err(failure) => (Err(failure), Kept::No),
        };
        self.outcome = Some(outcome);
        kept
    }

    fn answer(self: Box<Self>, committed: Result<(), Failure>) {
        let Self { operation, outcome, reply } = *self;
        operation.ended(if committed.is_ok() { Ended::Committed } else { Ended::Failed });
        let answer = match (committed, outcome) {
            (Err(failure), _) | (Ok(()), Some(Err(failure))) => Err(failure.into()),
            (Ok(()), Some(Ok(answer))) => Ok(answer),
            (Ok(()), None) => Err(stopped()),
        };
        // Whoever has stopped waiting does not need the answer.
        let _ = reply.send(answer);
    }
}

/// Whether a group went through without savepoints.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Together {
    All,
    Not,
}

/// What the thread owns.
struct State {
    copier: Copier,
    connection: Connection,
    place: FileAt,
    flights: Flights,
    clock: Arc<dyn Clock>,
    damage: Damage,
}

impl State {
    fn write_until_closed(mut self, waiting: &Receiver<Box<dyn Job>>) {
        let mut group: Vec<Box<dyn Job>> = Vec::new();
        let mut last_group = 0;
        while let Ok(first) = waiting.recv() {
            group.push(first);
            group.extend(waiting.try_iter().take(MAX_GROUP - 1));
            if last_group >= BUSY_GROUP && group.len() < MAX_GROUP / 2 {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "waiting on the channel would wake this thread for every operation that comes"
                )]
                std::thread::sleep(LINGER);
                group.extend(waiting.try_iter().take(MAX_GROUP - group.len()));
            }
            last_group = group.len();
            let committed = self.damage.check().and_then(|()| self.place.check()).and_then(|()| self.write(&mut group));
            let committed = self.damage.heed(committed);
            if let Err(failure) = &committed {
                self.take_back(failure);
            }
            for job in group.drain(..) {
                job.answer(committed.clone());
            }
            self.copier.look(&self.connection);
        }
    }

    /// Writes a group: all of its operations share the COMMIT.
    fn write(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        if self.write_together(group)? == Together::Not {
            self.write_apart(group)?;
        }
        self.execute("COMMIT")?;
        self.flights.keep();
        Ok(())
    }

    /// Runs the operations without a savepoint, which is most of what a small operation would cost. If one has something to undo, all are undone.
    fn write_together(&mut self, group: &mut [Box<dyn Job>]) -> Result<Together, Failure> {
        self.execute("BEGIN IMMEDIATE")?;
        for job in group {
            let (changes, mark) = (self.connection.total_changes(), self.flights.mark());
            if self.run(job)? == Kept::Yes {
                continue;
            }
            self.flights.undo_to(mark);
            if self.connection.total_changes() != changes {
                self.execute("ROLLBACK")?;
                self.flights.undo_all();
                return Ok(Together::Not);
            }
        }
        Ok(Together::All)
    }

    /// Runs each operation in a savepoint of its own.
    fn write_apart(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        self.execute("BEGIN IMMEDIATE")?;
        for job in group {
            self.execute("SAVEPOINT operation")?;
            let mark = self.flights.mark();
            if self.run(job)? == Kept::No {
                self.execute("ROLLBACK TO operation")?;
                self.flights.undo_to(mark);
            }
            self.execute("RELEASE operation")?;
        }
        Ok(())
    }

    fn run(&mut self, job: &mut Box<dyn Job>) -> Result<Kept, Failure> {
        let mut work = Work { connection: &self.connection, flights: &mut self.flights, clock: &*self.clock, damage: &self.damage };
        let kept = job.run(&mut work);
        if self.connection.is_autocommit() {
            // A disk that is full may cost the whole transaction.
            return Err(Failure::Temporary(
                "the group of writes was rolled back: check the space on the data folder's disk, Sluice goes on by itself".to_owned(),
            ));
        }
        Ok(kept)
    }

    fn take_back(&mut self, failure: &Failure) {
        tracing::error!(?failure, "a group of writes failed; every one of them is answered as failed");
        self.flights.undo_all();
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "the failed group could not be rolled back");
        }
    }

    fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
