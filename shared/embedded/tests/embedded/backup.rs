//! Backups of a folder that is being written.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sluice_embedded::{BackupError, DataFolder, backup};

use crate::support::{Home, put};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_while_writing_is_whole_and_opens_as_a_data_folder() {
    let home = Home::new();
    let written = Arc::new(AtomicUsize::new(0));
    let writing = tokio::spawn({
        let (store, written) = (home.folder.store(), Arc::clone(&written));
        async move {
            for n in 0.. {
                put(&store, &n.to_string()).await.expect("the store answers");
                written.store(n + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    });
    while written.load(Ordering::SeqCst) < 100 {
        tokio::task::yield_now().await;
    }
    let copies = tempfile::tempdir().expect("a temporary folder");
    let file = copies.path().join("sluice.db");
    let before = written.load(Ordering::SeqCst);
    let (from, to) = (home.directory.path().to_owned(), file.clone());
    tokio::task::spawn_blocking(move || backup(from, to)).await.expect("no panic").expect("copied");
    writing.abort();
    assert!(writing.await.is_err(), "it wrote on while the copy was made");

    let folder = DataFolder::open(copies.path(), home.clock()).expect("a backup is a data folder's database");
    assert_eq!(folder.boot(), 2);
    let copy = Home { folder, clock: Arc::clone(&home.clock), directory: copies };
    for n in 0..before {
        assert!(copy.get(&n.to_string()).await.is_some(), "{n} of {before}");
    }
}

#[tokio::test]
async fn a_backup_overwrites_nothing() {
    let home = Home::new();
    let file = home.directory.path().join("copy");
    fs::write(&file, "mine").expect("written");
    let error = backup(home.directory.path(), &file).expect_err("refused");
    assert!(matches!(error, BackupError::Exists(_)), "{error}");
    assert_eq!(fs::read_to_string(&file).expect("still there"), "mine");
}

#[tokio::test]
async fn what_would_count_as_a_part_of_the_copy_is_not_touched() {
    let home = Home::new();
    let file = home.directory.path().join("copy");
    let journal = home.directory.path().join("copy-journal");
    fs::write(&journal, "mine").expect("written");
    let error = backup(home.directory.path(), &file).expect_err("refused");
    assert!(matches!(&error, BackupError::Exists(left) if *left == journal), "{error}");
    assert!(!file.exists());
    assert_eq!(fs::read_to_string(&journal).expect("still there"), "mine");
}

#[test]
fn a_failed_backup_leaves_no_file() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let to = empty.path().join("copy");
    let error = backup(empty.path(), &to).expect_err("nothing to copy");
    assert!(matches!(error, BackupError::NoDatabase(_)), "{error}");
    fs::write(empty.path().join("sluice.db"), vec![b'x'; 8192]).expect("written");
    let error = backup(empty.path(), &to).expect_err("no database");
    assert!(error.to_string().contains("damaged"), "{error}");
    assert!(!to.exists());
}
