use std::sync::{Arc, mpsc};

use futures_util::{FutureExt, future::join_all};
use sluice_core::{
    ports::{Clock, PortError},
    testing::ManualClock,
    time::Timestamp,
};
use tempfile::TempDir;

use super::*;
use crate::connection;

/// A writer on a database of two tables; a row of `child` without its `parent` makes the COMMIT fail, and nothing before it.
struct Bench {
    writer: Writer,
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let file = directory.path().join("bench.db");
        let connection = connection::writer(&file).expect("a new database");
        connection
            .execute_batch(
                "PRAGMA foreign_keys = on;
                 CREATE TABLE parent (n INTEGER PRIMARY KEY, filling BLOB);
                 CREATE TABLE child (n INTEGER REFERENCES parent (n) DEFERRABLE INITIALLY DEFERRED);",
            )
            .expect("two tables");
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::MIN));
        let place = FileAt::of(&file).expect("it is there");
        let writer = Writer::start(connection, place, Flights::default(), clock, Damage::default()).expect("a thread");
        Self { writer, directory }
    }

    /// Runs the operations as one group, and returns their answers.
    async fn as_one_group(&self, operations: Vec<Run>) -> Vec<Result<i64, PortError>> {
        let (release, released) = mpsc::channel();
        let (begun, has_begun) = mpsc::channel();
        let mut gate = Box::pin(self.writer.write(Gate { begun, released }));
        assert!((&mut gate).now_or_never().is_none());
        has_begun.recv().expect("the gate is the group before");
        let mut writes: Vec<_> = operations.into_iter().map(|operation| Box::pin(self.writer.write(operation))).collect();
        for write in &mut writes {
            assert!(write.now_or_never().is_none(), "answered before its commit");
        }
        release.send(()).expect("the writer waits");
        gate.await.expect("the gate writes nothing");
        join_all(writes).await
    }

    /// Counts the commits in the log: the frames that carry the size of the database.
    fn commits(&self) -> usize {
        let log = std::fs::read(self.directory.path().join("bench.db-wal")).expect("the log");
        let page = u32::from_be_bytes(log[8..12].try_into().expect("four bytes")) as usize;
        let frames = log[32..].chunks_exact(24 + page);
        frames.filter(|frame| frame[4..8] != [0; 4]).count()
    }

    async fn parents(&self) -> i64 {
        self.writer.write(Run("SELECT count(*) FROM parent", Ending::Keep)).await.expect("readable")
    }
}

/// Holds the writer until it is released.
struct Gate {
    begun: mpsc::Sender<()>,
    released: mpsc::Receiver<()>,
}

impl Operation for Gate {
    type Answer = ();

    fn run(&mut self, _: &mut Work<'_>) -> Result<Outcome<()>, Failure> {
        self.begun.send(()).expect("the test waits");
        self.released.recv().expect("the test releases");
        Ok(Outcome::Keep(()))
    }
}

/// Runs a statement that returns one number.
#[derive(Clone, Copy)]
struct Run(&'static str, Ending);

#[derive(Clone, Copy)]
enum Ending {
    Keep,
    Undo,
}

impl Operation for Run {
    type Answer = i64;

    fn run(&mut self, work: &mut Work<'_>) -> Result<Outcome<i64>, Failure> {
        let answer = work.connection.query_row(self.0, [], |row| row.get(0))?;
        Ok(match self.1 {
            Ending::Keep => Outcome::Keep(answer),
            Ending::Undo => Outcome::Undo(answer),
        })
    }
}

const INSERT: &str = "INSERT INTO parent VALUES (NULL, NULL) RETURNING n";
const INSERT_LARGE: &str = "INSERT INTO parent VALUES (NULL, randomblob(400000)) RETURNING length(filling)";
const INSERT_ORPHAN: &str = "INSERT INTO child VALUES (99) RETURNING n";

#[tokio::test]
async fn a_group_shares_one_commit() {
    let bench = Bench::new();
    let before = bench.commits();
    let answers = bench.as_one_group(vec![Run(INSERT, Ending::Keep); MAX_GROUP]).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(bench.commits(), before + 1);
    assert_eq!(bench.parents().await, MAX_GROUP as i64);
}

#[tokio::test]
async fn an_undone_or_broken_operation_disturbs_no_other() {
    let bench = Bench::new();
    let group = vec![
        Run(INSERT, Ending::Keep),
        Run(INSERT, Ending::Undo),
        Run("INSERT INTO parent VALUES (1, NULL) RETURNING n", Ending::Keep),
        Run(INSERT, Ending::Keep),
    ];
    let answers = bench.as_one_group(group).await;
    assert!(answers[0].is_ok() && answers[1].is_ok() && answers[3].is_ok(), "{answers:?}");
    assert!(answers[2].is_err(), "a second row of one key");
    assert_eq!(bench.parents().await, 2);
}

#[tokio::test]
async fn a_failed_commit_fails_the_whole_group_and_only_that() {
    let bench = Bench::new();
    let group = vec![Run(INSERT, Ending::Keep), Run(INSERT_ORPHAN, Ending::Keep), Run(INSERT, Ending::Undo)];
    let answers = bench.as_one_group(group).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(PortError::Temporary(_)))), "{answers:?}");
    assert_eq!(bench.parents().await, 0);
    assert_eq!(bench.writer.write(Run(INSERT, Ending::Keep)).await.expect("the writer goes on"), 1);
}

#[tokio::test]
async fn a_full_disk_is_temporary_and_what_was_answered_stays() {
    let bench = Bench::new();
    let limit = Run("PRAGMA max_page_count = 20", Ending::Keep);
    bench.writer.write(limit).await.expect("a small disk");
    let group = vec![Run(INSERT, Ending::Keep), Run(INSERT_LARGE, Ending::Keep), Run(INSERT, Ending::Keep)];
    let answers = bench.as_one_group(group).await;
    match &answers[1] {
        Err(PortError::Temporary(text)) => assert!(text.contains("space"), "{text}"),
        other => panic!("{other:?}"),
    }
    let confirmed = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(bench.parents().await, i64::try_from(confirmed).expect("few"));

    bench.writer.write(Run("PRAGMA max_page_count = 100000", Ending::Keep)).await.expect("a larger disk");
    assert_eq!(bench.writer.write(Run(INSERT_LARGE, Ending::Keep)).await.expect("there is space"), 400_000);
}

#[tokio::test]
async fn what_was_submitted_is_written_before_the_writer_ends() {
    let Bench { writer, directory } = Bench::new();
    let mut write = Box::pin(writer.write(Run(INSERT, Ending::Keep)));
    // Answered or not yet: it was submitted, and its future goes away.
    let _ = (&mut write).now_or_never();
    drop(write);
    drop(writer);
    let connection = connection::reader(&directory.path().join("bench.db")).expect("closed well");
    let count: i64 = connection.query_row("SELECT count(*) FROM parent", [], |row| row.get(0)).expect("readable");
    assert_eq!(count, 1);
}

#[tokio::test]
async fn the_log_is_copied_and_begins_anew() {
    let bench = Bench::new();
    let log = || std::fs::metadata(bench.directory.path().join("bench.db-wal")).expect("the log").len();
    let mut largest = 0;
    // 100 pages each, and so many times what the log may hold.
    for _ in 0..250 {
        bench.writer.write(Run(INSERT_LARGE, Ending::Keep)).await.expect("written");
        largest = largest.max(log());
    }
    let all = 250 * 400_000;
    assert!(largest < all * 3 / 4, "the log has grown to {largest} bytes");
    assert!(largest > 4_000_000, "and yet was not copied after every group");
    assert_eq!(bench.parents().await, 250);
}
