//! Under which hosts `dev` answers.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use sluice_core::settings::DEV_API_KEY;
use sluice_tests::{Event, Home, LONG, machine::Machine};

use super::{dev, start::KEY};

/// The answer to a request for another host than the one that was connected to.
fn ask(home: &Machine, path: &str, host: &str, key: &str) -> String {
    let mut stream = TcpStream::connect(home.address()).expect("it listens");
    stream.set_read_timeout(Some(LONG)).expect("a limit can be set");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it is read");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn the_key_that_everybody_knows_is_good_for_this_machine_alone() {
    let home = dev().start();
    for host in ["localhost", "localhost:3000", "127.0.0.1:3000", "[::1]:3000"] {
        let answer = ask(&home, "/api/v1/bookings", host, DEV_API_KEY);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
    }
    for host in ["rebound.example", "rebound.example:3000", "localhost.rebound.example", "192.0.2.7"] {
        for path in ["/api/v1/bookings", "/api/v1/dev/outbox", "/api/v1/openapi.json", "/"] {
            let answer = ask(&home, path, host, DEV_API_KEY);
            assert!(answer.starts_with("HTTP/1.1 421 ") && answer.contains("set SLUICE_API_KEY"), "{host} {path}: {answer}");
        }
        assert!(ask(&home, "/healthz", host, DEV_API_KEY).starts_with("HTTP/1.1 200 "));
        // A tunnel has a host of its own: webhooks go on to be verified.
        assert!(ask(&home, "/webhooks/stripe", host, DEV_API_KEY).starts_with("HTTP/1.1 405 "));
    }
}

#[test]
fn a_key_of_one_s_own_is_good_under_any_host() {
    let home = dev().set("SLUICE_API_KEY", KEY).start();
    assert!(ask(&home, "/api/v1/bookings", "hooks.example.com", KEY).starts_with("HTTP/1.1 200 "));
    assert!(ask(&home, "/api/v1/bookings", "hooks.example.com", DEV_API_KEY).starts_with("HTTP/1.1 401 "));
}

#[test]
fn a_folder_that_was_moved_away_makes_it_unwell() {
    let home = dev().start();
    home.process(&Event::stripe("customer.created"));
    home.client().get("/healthz").expect(200);
    let elsewhere = home.folder().with_file_name("elsewhere");
    std::fs::rename(home.folder(), &elsewhere).expect("moved");
    let problem = home.client().get("/healthz").expect(503);
    assert!(problem.text().contains("the data is no longer where it was opened"), "{}", problem.text());
    assert!(!problem.text().contains(&home.folder().display().to_string()), "where that was is nobody's business: {}", problem.text());
    std::fs::rename(&elsewhere, home.folder()).expect("moved back");
    home.client().get("/healthz").expect(200);
}
