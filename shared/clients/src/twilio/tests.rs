use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;

const SID: &str = "AC0123456789abcdef0123456789abcdef";
const TOKEN: &str = "a-token-nobody-may-see";

fn text() -> TextMessage {
    TextMessage {
        id: "ef_1".into(),
        message: "ms_1".into(),
        event: "in_1".into(),
        to: "+15005550006".into(),
        text: "Your booking is confirmed & paid".into(),
    }
}

fn client(address: SocketAddr) -> TwilioSms {
    let mut config = TwilioConfig::new(SID, TOKEN, "+15005550001");
    config.base_url = format!("http://{address}");
    TwilioSms::new(config).expect("right settings")
}

/// Reads one whole request: head and body.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(|length| length.parse().unwrap()))
                .expect("a length");
            if body.len() >= length {
                return text;
            }
        }
        let read = stream.read_buf(&mut request).await.unwrap();
        assert_ne!(read, 0, "the request broke off: {text}");
    }
}

/// A server that takes one request and gives one answer; returns what it was asked, and fails if a second connection comes.
async fn answering(answer: &'static str) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        request
    });
    (address, asked)
}

async fn outcome_of(answer: &'static str) -> Result<Option<String>, SendFailure> {
    let (address, _asked) = answering(answer).await;
    client(address).send(&text()).await
}

#[tokio::test]
async fn a_text_is_posted_as_twilio_wants_it() {
    let (address, asked) = answering("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}").await;
    let mut config = TwilioConfig::new(SID, TOKEN, "MG0123456789abcdef0123456789abcdef");
    config.base_url = format!("http://{address}/");
    config.status_callback = Some("https://example.com/webhooks/twilio/sms-status".into());
    TwilioSms::new(config).unwrap().send(&text()).await.unwrap();
    let asked = asked.await.unwrap();
    assert!(asked.starts_with(&format!("POST /2010-04-01/Accounts/{SID}/Messages.json HTTP/1.1\r\n")), "{asked}");
    assert!(asked.contains(&format!("authorization: Basic {}\r\n", STANDARD.encode(format!("{SID}:{TOKEN}")))), "{asked}");
    assert!(asked.contains("content-type: application/x-www-form-urlencoded\r\n"), "{asked}");
    assert!(
        asked.ends_with(
            "\r\n\r\nTo=%2B15005550006&MessagingServiceSid=MG0123456789abcdef0123456789abcdef&Body=Your+booking+is+confirmed+%26+paid\
             &StatusCallback=https%3A%2F%2Fexample.com%2Fwebhooks%2Ftwilio%2Fsms-status%3Fref%3Dms_1"
        ),
        "{asked}"
    );
}

#[tokio::test]
async fn created_counts_even_if_the_rest_of_the_answer_is_lost() {
    assert_eq!(outcome_of("HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"sid\":").await, Ok(None));
}

#[tokio::test]
async fn the_answer_tells_the_text_s_id() {
    let sid = "SM0123456789abcdef0123456789ABCDEF";
    let told = outcome_of(
        "HTTP/1.1 201 Created\r\nContent-Length: 65\r\n\r\n{\"status\":\"queued\",\"sid\":\"SM0123456789abcdef0123456789ABCDEF\"}   ",
    );
    assert_eq!(told.await, Ok(Some(sid.to_owned())));
    let strange = "HTTP/1.1 201 Created\r\nContent-Length: 22\r\n\r\n{\"sid\":\"SM1?ref=ms_1\"}";
    assert_eq!(outcome_of(strange).await, Ok(None));
}

#[tokio::test]
async fn a_number_is_refused() {
    let outcome = outcome_of("HTTP/1.1 400 Bad Request\r\nContent-Length: 37\r\n\r\n{\"code\":21610,\"message\":\"opted out\"} ").await;
    let reason = "Twilio answered 400 with error 21610: opted out".into();
    assert_eq!(outcome, Err(SendFailure::TextRefused { code: "21610".into(), reason }));
}

#[tokio::test]
async fn credentials_are_refused() {
    let outcome =
        outcome_of("HTTP/1.1 401 Unauthorized\r\nContent-Length: 41\r\n\r\n{\"code\":20003,\"message\":\"Authenticate\"}   ").await;
    let Err(SendFailure::NotTaken(why)) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("20003: Authenticate; check TWILIO_ACCOUNT_SID"), "{why}");
    assert!(!why.contains(TOKEN), "{why}");
}

#[tokio::test]
async fn throttled() {
    let outcome = outcome_of("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n").await;
    assert!(matches!(outcome, Err(SendFailure::NotTaken(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_server_error_leaves_it_open() {
    let outcome = outcome_of("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    assert!(matches!(outcome, Err(SendFailure::Unknown(_))), "{outcome:?}");
}

/// What becomes of a text whose answer begins with `head` and never ends.
async fn outcome_of_endless(head: &'static str) -> Result<Option<String>, SendFailure> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    client(address).send(&text()).await
}

#[tokio::test]
async fn an_endless_answer_costs_only_what_it_tells() {
    let refused = outcome_of_endless("HTTP/1.1 403 Forbidden\r\n\r\n").await;
    assert_eq!(refused, Err(SendFailure::NotTaken("Twilio answered 403: no reason given".into())));
    assert_eq!(outcome_of_endless("HTTP/1.1 201 Created\r\n\r\n").await, Ok(None));
}

#[tokio::test]
async fn nonsense_leaves_it_open() {
    let outcome = outcome_of("220 smtp.example.com ESMTP\r\n\r\n").await;
    assert!(matches!(outcome, Err(SendFailure::Unknown(_))), "{outcome:?}");
}

#[tokio::test]
async fn closed_before_the_answer_leaves_it_open_and_is_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sms = client(address);
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
    };
    let text = text();
    let (outcome, ()) = tokio::join!(sms.send(&text), server);
    assert!(matches!(outcome, Err(SendFailure::Unknown(_))), "{outcome:?}");
    let again = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(again.is_err(), "a second connection came");
}

/// Lets the deadline of the call pass at once.
async fn deadline() {
    tokio::time::pause();
    tokio::time::advance(TwilioConfig::TIMEOUT).await;
}

#[tokio::test]
async fn no_answer_leaves_it_open() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sms = client(listener.local_addr().unwrap());
    let text = text();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        deadline().await;
        stream
    };
    let (outcome, _still_open) = tokio::join!(sms.send(&text), server);
    assert_eq!(outcome, Err(SendFailure::Unknown("no answer from Twilio within 10s".into())));
}

#[tokio::test]
async fn a_tls_handshake_that_never_ends_took_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = TwilioConfig::new(SID, TOKEN, "+15005550001");
    config.base_url = format!("https://{}", listener.local_addr().unwrap());
    let sms = TwilioSms::new(config).unwrap();
    let text = text();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_ne!(stream.read_buf(&mut Vec::with_capacity(4096)).await.unwrap(), 0, "the client's part of the handshake");
        deadline().await;
        stream
    };
    let (outcome, _still_open) = tokio::join!(sms.send(&text), server);
    assert_eq!(outcome, Err(SendFailure::NotTaken("no answer from Twilio within 10s".into())));
}

#[tokio::test]
async fn connection_refused_took_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let outcome = client(address).send(&text()).await;
    let Err(SendFailure::NotTaken(why)) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("refused"), "{why}");
}
