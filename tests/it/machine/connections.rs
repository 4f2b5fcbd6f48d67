//! Clients that are slow, broken or hostile: the others are served all the same.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
};

use sluice_tests::{Booking, Event, Home, LONG, machine::Machine};

use super::dev;

fn connect(home: &Machine) -> TcpStream {
    let stream = TcpStream::connect(home.address()).expect("it listens");
    stream.set_read_timeout(Some(LONG)).expect("a limit can be set");
    stream
}

/// A signed webhook as it goes over the wire.
fn wire(home: &Machine, event: &Event) -> Vec<u8> {
    let signed = event.signed(home.secret());
    let mut text = format!("POST /webhooks/stripe HTTP/1.1\r\nhost: sluice\r\ncontent-length: {}\r\n", signed.body.len()).into_bytes();
    for (name, value) in &signed.headers {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&signed.body);
    text
}

/// All that comes until the other side closes. One that cuts the connection has closed it, too.
fn read_to_end(mut stream: &TcpStream) -> String {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the connection was left open");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[track_caller]
fn others_are_served(home: &Machine) {
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    home.process(&Event::paid(&booking));
}

#[test]
fn thousands_of_requests_share_connections() {
    const REQUESTS: usize = 3_000;
    let home = dev().start();
    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    let event = Event::paid(&booking);
    let request = wire(&home, &event);
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let mut stream = connect(&home);
                let mut answer = [0; 512];
                for _ in 0..REQUESTS / 10 {
                    stream.write_all(&request).expect("the connection is kept");
                    let length = stream.read(&mut answer).expect("an answer");
                    assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer[..length]));
                }
            });
        }
    });
    home.settled(&event);
    assert_eq!((home.booking(&booking)["version"].as_u64(), home.sent().len()), (Some(2), 1));
}

#[test]
fn slow_clients_keep_nobody_waiting() {
    let home = dev().start();
    let request = wire(&home, &Event::stripe("customer.created"));
    let slow: Vec<_> = (0..200)
        .map(|number| {
            let mut stream = connect(&home);
            // Some stop within the head, some within the body.
            let sent = if number % 2 == 0 { 20 } else { request.len() - 10 };
            stream.write_all(&request[..sent]).expect("it is read");
            stream
        })
        .collect();
    others_are_served(&home);
    drop(slow);
}

#[test]
fn a_body_that_comes_in_pieces_is_taken() {
    let home = dev().start();
    let event = Event::stripe("customer.created");
    let mut stream = connect(&home);
    for piece in wire(&home, &event).chunks(97) {
        stream.write_all(piece).expect("it is read");
        stream.flush().expect("it is read");
    }
    let mut answer = [0; 64];
    let length = stream.read(&mut answer).expect("an answer");
    assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"));
    home.settled(&event);
}

#[test]
fn clients_that_close_their_half_are_answered() {
    let home = dev().start();
    let event = Event::stripe("customer.created");
    let mut stream = connect(&home);
    stream.write_all(&wire(&home, &event)).expect("it is read");
    stream.shutdown(Shutdown::Write).expect("the other half stays open");
    let answer = read_to_end(&stream);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "answered {answer:?}");
    home.settled(&event);
}

#[test]
fn a_body_that_breaks_off_leaves_nothing() {
    let home = dev().start();
    let event = Event::stripe("customer.created");
    let request = wire(&home, &event);
    let mut stream = connect(&home);
    stream.write_all(&request[..request.len() - 1]).expect("it is read");
    stream.shutdown(Shutdown::Write).expect("the other half stays open");
    let answer = read_to_end(&stream);
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    home.client().get(&format!("/api/v1/inbound/{}", event.inbound_id())).expect(404);
}

#[test]
fn garbage_after_a_request_spoils_only_its_own_connection() {
    let home = dev().start();
    let event = Event::stripe("customer.created");
    let mut stream = connect(&home);
    stream.write_all(&[wire(&home, &event), b"\x16\x03\x01 what is this?\r\n\r\n".to_vec()].concat()).expect("it is read");
    let answer = read_to_end(&stream);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("HTTP/1.1 400"), "{answer}");
    home.settled(&event);
    for garbage in
        ["\0\0\0\0\r\n\r\n", "POST /webhooks/stripe HTTP/9.9\r\n\r\n", "POST /webhooks/stripe HTTP/1.1\r\ncontent-length: -1\r\n\r\n"]
    {
        let mut stream = connect(&home);
        stream.write_all(garbage.as_bytes()).expect("it is read");
        assert!(!read_to_end(&stream).starts_with("HTTP/1.1 2"), "{garbage:?}");
    }
    others_are_served(&home);
}

#[test]
fn huge_headers_are_refused() {
    let home = dev().start();
    let mut stream = connect(&home);
    let huge = format!("POST /webhooks/stripe HTTP/1.1\r\nhost: sluice\r\nx-huge: {}\r\n\r\n", "x".repeat(2_000_000));
    // It may be refused before all of it is written.
    let _ = stream.write_all(huge.as_bytes());
    let answer = read_to_end(&stream);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    let mut many = connect(&home);
    let head = format!("POST /webhooks/stripe HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(5_000));
    let _ = many.write_all(head.as_bytes());
    let answer = read_to_end(&many);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    others_are_served(&home);
}

#[test]
fn a_body_over_the_limit_is_told_so() {
    let home = dev().set("SLUICE_MAX_BODY", "10000").start();
    for size in [10_001, 100_000, 10_000_000] {
        let body = " ".repeat(size);
        let request = sluice_tests::sign(body, home.secret(), sluice_tests::seconds_now());
        home.client().webhook("/webhooks/stripe", &request).expect(413);
    }
    // One whose length is not said beforehand. Where nothing is signed at all, it isn't kept either.
    for (signature, status) in [("stripe-signature: t=1,v1=00\r\n", "413"), ("", "400")] {
        let mut stream = connect(&home);
        let head = format!("POST /webhooks/stripe HTTP/1.1\r\nhost: sluice\r\n{signature}transfer-encoding: chunked\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("it is read");
        for _ in 0..20 {
            stream.write_all(format!("400\r\n{}\r\n", " ".repeat(1024)).as_bytes()).expect("it is read");
        }
        let mut answer = [0; 64];
        let length = stream.read(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    others_are_served(&home);
}

#[test]
fn several_secrets_are_in_force_while_one_is_rotated() {
    let home = dev().set("STRIPE_WEBHOOK_SECRET", "whsec_new, whsec_old").start();
    for secret in ["whsec_new", "whsec_old"] {
        let event = Event::stripe("customer.created");
        home.client().webhook("/webhooks/stripe", &event.signed(secret)).expect(200);
        home.settled(&event);
    }
    for secret in ["whsec_new, whsec_old", " whsec_old", sluice_core::settings::DEV_SECRET] {
        home.client().webhook("/webhooks/stripe", &Event::stripe("customer.created").signed(secret)).expect(400);
    }
}
