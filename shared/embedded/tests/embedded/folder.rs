//! Opening, locking, migrating, and coming back after a crash.

use std::{fs, ops::Bound, sync::Arc, time::Duration};

use rusqlite::Connection;
use sluice_core::{
    ports::{Key, Message, Order, PortError, Query, Queue, QueueName, Store},
    testing::ManualClock,
    time::Timestamp,
};
use sluice_embedded::{DataFolder, OpenError};

use crate::support::{Home, START, clock_of, document, put, put_document};

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_has_ended() {
    let home = Home::new();
    let path = home.directory.path().to_owned();
    match DataFolder::open(&path, home.clock()) {
        Err(error @ OpenError::InUse(_)) => assert!(error.to_string().contains(path.to_str().expect("UTF-8")), "{error}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("opened twice"),
    }
    home.put("a").await;
    assert!(home.restarted().get("a").await.is_some());
}

#[tokio::test]
async fn the_lock_is_held_while_a_store_is() {
    let home = Home::new();
    let (path, clock, store) = (home.directory.path().to_owned(), home.clock(), home.folder.store());
    let Home { folder, .. } = &home;
    assert_eq!(folder.boot(), 1);
    let (directory, folder) = (home.directory, home.folder);
    drop(folder);
    assert!(matches!(DataFolder::open(&path, Arc::clone(&clock)), Err(OpenError::InUse(_))));
    drop(store);
    DataFolder::open(&path, clock).expect("free again");
    drop(directory);
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_is_moved_or_loses_its_lock_is_noticed() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    let (here, there) = (home.directory.path().join("here"), home.directory.path().join("there"));
    let folder = DataFolder::open(&here, home.clock()).expect("made");
    folder.check_place().expect("it is where it was opened");
    assert_eq!(fs::metadata(here.join("lock")).expect("there").permissions().mode() & 0o777, 0o600);
    fs::rename(&here, &there).expect("moved");
    let gone = folder.check_place().expect_err("it is gone").to_string();
    assert!(gone.contains(here.to_str().expect("UTF-8")), "{gone}");
    let second = DataFolder::open(&here, home.clock()).expect("another one at its place");
    assert!(folder.check_place().is_err(), "that one is another");
    drop(second);
    fs::remove_dir_all(&here).expect("removed");
    fs::rename(&there, &here).expect("moved back");
    folder.check_place().expect("it is there again");
    fs::remove_file(here.join("lock")).expect("removed");
    assert!(folder.check_place().is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_written_to_a_folder_that_is_not_there_and_all_goes_on_once_it_is() {
    let home = Home::new();
    let (here, there) = (home.directory.path().join("here"), home.directory.path().join("there"));
    let folder = DataFolder::open(&here, home.clock()).expect("made");
    let store = folder.store();
    put(&store, "before").await.expect("written");
    fs::rename(&here, &there).expect("moved");
    let refused = put(&store, "moved").await.expect_err("it would be written elsewhere");
    assert!(matches!(&refused, PortError::Temporary(reason) if reason.contains("moved or removed")), "{refused}");
    let message = Message { body: "a".to_owned(), group: None };
    folder.queue().send(QueueName::Inbound, vec![message], None).await.expect_err("nor is it queued");
    // Another one at its place is another.
    let second = DataFolder::open(&here, home.clock()).expect("made");
    put(&store, "beside").await.expect_err("that one is not written to either");
    drop(second);
    fs::remove_dir_all(&here).expect("removed");
    fs::rename(&there, &here).expect("moved back");
    put(&store, "after").await.expect("written");
    let keys = ["before", "moved", "beside", "after"].map(|id| Key::new("test", id));
    let found = store.get(&keys).await.expect("the store answers");
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false, true]);
    fs::remove_dir_all(&here).expect("removed");
    put(&store, "gone").await.expect_err("it would be lost");
}

#[tokio::test]
async fn every_start_counts() {
    let mut home = Home::new();
    for boot in 1..4 {
        assert_eq!(home.folder.boot(), boot);
        home = home.restarted();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_folder_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    let inner = home.directory.path().join("new").join("data");
    let _folder = DataFolder::open(&inner, home.clock()).expect("made with its parents");
    let mode = fs::metadata(&inner).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn an_older_database_is_migrated_and_keeps_its_documents() {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let old = Connection::open(directory.path().join("sluice.db")).expect("a new file");
    old.execute_batch(include_str!("version_1.sql")).expect("the old schema");
    drop(old);

    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
    let folder = DataFolder::open(directory.path(), clock_of(&clock)).expect("migrated");
    let home = Home { folder, clock, directory };
    let found = home.get("old").await.expect("kept");
    assert_eq!(found.version, 3);
    assert_eq!(found.document.data, br#"{"old":1}"#);
    assert_eq!(found.document.blob.as_deref(), Some(&[0, 255][..]));
    let spread = home.get("spread").await.expect("kept");
    let partitions: Vec<&str> = spread.document.places.iter().map(|place| &*place.partition).collect();
    assert_eq!(partitions, ["due", "of/5"], "only lists and the due index were spread");
    for (document, place) in [(&found, 0), (&spread, 0), (&spread, 1)] {
        let place = document.document.places[place].clone();
        let query = Query {
            index: place.index,
            partition: place.partition.clone(),
            from: Bound::Unbounded,
            to: Bound::Unbounded,
            order: Order::Ascending,
            limit: 10,
        };
        let page = home.folder.store().query(&query).await.expect("the store answers");
        assert_eq!(page.items, [(place, document.clone())]);
    }
    home.send("the queues are there").await;
}

#[tokio::test]
async fn a_newer_database_is_left_alone() {
    let directory = tempfile::tempdir().expect("a temporary folder");
    let file = directory.path().join("sluice.db");
    let newer = Connection::open(&file).expect("a new file");
    newer.pragma_update(None, "user_version", 999).expect("marked");
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
    match DataFolder::open(directory.path(), clock_of(&clock)) {
        Err(error @ OpenError::Newer { found: 999, .. }) => assert!(error.to_string().contains("install the newer"), "{error}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("opened"),
    }
    let tables: i64 = newer.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).expect("readable");
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn a_damaged_database_is_named_so() {
    let directory = tempfile::tempdir().expect("a temporary folder");
    fs::write(directory.path().join("sluice.db"), vec![b'x'; 8192]).expect("written");
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
    match DataFolder::open(directory.path(), clock_of(&clock)) {
        Err(OpenError::Database { cause: PortError::Permanent(text), .. }) => {
            assert!(text.contains("damaged") && text.contains("backup"), "{text}")
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("opened"),
    }
}

#[tokio::test]
async fn what_was_answered_survives_a_crash() {
    let home = Home::new();
    for n in 0..50 {
        home.put(&format!("document {n}")).await;
        home.send(&format!("message {n}")).await;
    }
    let in_hand = home.queue().receive(QueueName::Inbound, 10, Duration::from_secs(3600)).await.expect("received");
    assert_eq!(in_hand.messages.len(), 10);

    // The files as they lie there at this moment, log and all, while the process still has them open: what a crash would leave.
    let crashed = tempfile::tempdir().expect("a temporary folder");
    for name in ["sluice.db", "sluice.db-wal"] {
        fs::copy(home.directory.path().join(name), crashed.path().join(name)).expect("copied");
    }
    let folder = DataFolder::open(crashed.path(), home.clock()).expect("recovered");
    assert_eq!(folder.boot(), 2);
    let recovered = Home { folder, clock: Arc::clone(&home.clock), directory: crashed };
    for n in 0..50 {
        assert!(recovered.get(&format!("document {n}")).await.is_some(), "{n}");
    }
    let all = recovered.queue().receive(QueueName::Inbound, 100, Duration::from_secs(60)).await.expect("received");
    assert_eq!(all.messages.len(), 50, "those in hand are visible at once");
    let twice = all.messages.iter().filter(|(_, message)| message.receives == 2).count();
    assert_eq!(twice, 10, "their receives are counted");
}

#[tokio::test]
async fn expired_documents_are_removed_and_no_others() {
    let home = Home::new();
    let store = home.folder.store();
    let end = Timestamp::from_seconds(START + 60);
    for n in 0..5 {
        let mut ending = document(&format!("ending {n}"));
        ending.expires_at = Some(end + Duration::from_secs(u64::from(n == 4)));
        put_document(&store, ending).await.expect("the store answers");
    }
    home.put("staying").await;
    assert_eq!(home.folder.remove_expired(10).await.expect("removed"), 0);
    home.clock.set(end);
    assert_eq!(home.folder.remove_expired(3).await.expect("removed"), 3);
    assert_eq!(home.folder.remove_expired(3).await.expect("removed"), 1);
    home.clock.set(Timestamp::from_seconds(START));
    assert!(home.get("ending 0").await.is_none(), "gone, not only hidden");
    assert!(home.get("ending 4").await.is_some());
    assert!(home.get("staying").await.is_some());
}

#[tokio::test]
async fn damage_that_shows_while_it_runs_ends_all_reading_and_writing() {
    let home = Home::new();
    for n in 0..300 {
        home.put(&format!("document {n}")).await;
    }
    let home = home.restarted();
    let file = home.directory.path().join("sluice.db");
    let mut bytes = fs::read(&file).expect("the database");
    // All but its head, which is enough to open it.
    bytes[8192..].fill(0xaa);
    fs::write(&file, bytes).expect("damaged");
    let damaged = |error: PortError| match error {
        PortError::Permanent(text) => assert!(text.contains("damaged") && text.contains("backup"), "{text}"),
        other @ PortError::Temporary(_) => panic!("{other}"),
    };
    let store = home.folder.store();
    damaged(store.get(&[Key::new("test", "document 7")]).await.expect_err("it can't be read"));
    damaged(put_document(&store, document("another")).await.expect_err("nothing is written"));
    let message = Message { body: "hello".to_owned(), group: None };
    damaged(home.queue().send(QueueName::Inbound, vec![message], None).await.expect_err("nothing is taken").cause);
}
