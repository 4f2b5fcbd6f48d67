//! A disk that is full.

use std::process::Command;

use sluice_tests::{Booking, Event, Home};

use super::{binary, dev};

#[test]
fn a_full_disk_costs_nothing_that_was_acknowledged() {
    let home = dev().start();
    let bookings: Vec<_> = (0..20).map(|_| Booking::fresh()).collect();
    let events: Vec<_> = bookings.iter().map(Event::paid).collect();
    for event in &events {
        home.deliver(event).expect(200);
    }
    home.limit_files(Some(0));
    let while_full = Event::paid(&bookings[0]);
    let answer = home.deliver(&while_full).expect(500);
    assert_eq!(answer.text(), "Temporarily unavailable; send it again.\n");
    let problem = home.put(&bookings[0]).expect(503);
    assert_eq!(problem.header("content-type"), "application/problem+json");
    home.client().get("/api/v1/bookings").expect(200);
    home.limit_files(None);

    home.deliver(&while_full).expect(200);
    for (booking, event) in bookings.iter().zip(&events) {
        home.put(booking).expect(201);
        assert_eq!(home.settled(event)["status"], "done");
        assert_eq!(home.booking(booking)["status"], "confirmed");
    }
    home.settled(&while_full);
}

#[test]
fn a_backup_that_cannot_be_written_names_its_own_disk_and_leaves_nothing() {
    let home = dev().start();
    home.process(&Event::stripe("customer.created"));
    let copies = tempfile::tempdir().expect("a folder");
    let file = copies.path().join("copy.db");
    // A few blocks, as on a disk that is nearly full.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"trap "" XFSZ; ulimit -f 16; exec "$0" "$@""#]).arg(binary()).arg("backup").arg(&file);
    let output = command.arg("--data").arg(home.folder()).env_clear().output().expect("it runs");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains(&format!("the backup {} can't be written", file.display())), "{told}");
    let left: Vec<_> = copies.path().read_dir().expect("there").collect();
    assert!(left.is_empty(), "{left:?}");
}
