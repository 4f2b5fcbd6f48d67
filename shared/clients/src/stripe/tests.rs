use std::net::SocketAddr;

use sluice_core::{ports::StripeObject, testing::ManualClock, time::Timestamp};
use sluice_signature::Secret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;

const LIVE: &str = "rk_live_nobody_may_see";
const WITHIN: Duration = Duration::from_secs(10);

struct Server {
    address: SocketAddr,
    asked: JoinHandle<Vec<String>>,
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return None;
        }
    }
    Some(String::from_utf8(request).expect("text"))
}

fn json(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn error(status: &str, code: &str) -> String {
    json(status, &format!(r#"{{"error":{{"code":"{code}","message":"why","type":"x"}}}}"#))
}

/// A server that gives these answers one by one, over as many connections as it takes; an empty one closes the connection without an answer.
async fn answering(answers: Vec<String>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let asked = tokio::spawn(async move {
        let mut asked = Vec::new();
        let mut answers = answers.into_iter().peekable();
        while answers.peek().is_some() {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            while let Some(answer) = answers.peek() {
                let Some(head) = read_head(&mut stream).await else { break };
                asked.push(head);
                let closes = answer.is_empty();
                stream.write_all(answer.as_bytes()).await.expect("is taken");
                answers.next();
                if closes {
                    break;
                }
            }
        }
        asked
    });
    Server { address, asked }
}

fn settings(address: SocketAddr, keys: &[&str]) -> StripeApiSettings {
    let keys = keys.iter().map(|key| Secret::new(*key)).collect();
    StripeApiSettings { keys: [("default".to_owned(), keys)].into(), base_url: Some(format!("http://{address}/")) }
}

/// A client whose pauses pass at once.
fn client(address: SocketAddr, keys: &[&str]) -> StripeClient {
    let clock = Arc::new(ManualClock::auto_advancing(Timestamp::from_seconds(1_800_000_000)));
    StripeClient::from_settings(&settings(address, keys), clock).expect("right settings").expect("has keys")
}

fn charge() -> StripeLookup {
    StripeLookup { source: "default".into(), account: None, livemode: true, object: StripeObject::Charge("ch_1".into()) }
}

async fn outcome_of(answers: Vec<String>) -> (Result<StripeAnswer, LookupError>, usize) {
    let server = answering(answers).await;
    let outcome = client(server.address, &[LIVE]).look_up(&charge(), WITHIN).await;
    (outcome, server.asked.await.expect("no panic").len())
}

fn found(body: &str) -> Result<StripeAnswer, LookupError> {
    Ok(StripeAnswer::Found(body.as_bytes().to_vec()))
}

#[tokio::test]
async fn an_object_is_read_as_stripe_wants_it() {
    let server = answering(vec![json("200 OK", r#"{"id":"ch_1"}"#)]).await;
    let lookup = StripeLookup { account: Some("acct_1".into()), ..charge() };
    assert_eq!(client(server.address, &[LIVE]).look_up(&lookup, WITHIN).await, found(r#"{"id":"ch_1"}"#));
    let asked = server.asked.await.unwrap().concat();
    assert!(asked.starts_with("GET /v1/charges/ch_1 HTTP/1.1\r\n"), "{asked}");
    for header in [&format!("authorization: Bearer {LIVE}"), "stripe-version: 2026-10-28.endive", "stripe-account: acct_1"] {
        assert!(asked.contains(&format!("{header}\r\n")), "{asked}");
    }
}

#[tokio::test]
async fn a_connection_serves_several_questions() {
    let server = answering(vec![json("200 OK", "{}"), json("200 OK", "[]")]).await;
    let client = client(server.address, &[LIVE]);
    assert_eq!(client.look_up(&charge(), WITHIN).await, found("{}"));
    assert_eq!(client.look_up(&charge(), WITHIN).await, found("[]"));
}

#[test]
fn contexts_go_by_another_header() {
    let name = |url: &str, account: &str| account_header(url, account).map(|(name, _)| name.to_string());
    assert_eq!(name("https://api.stripe.com/v1/charges/ch_1", "acct_1").as_deref(), Some("stripe-account"));
    assert_eq!(name("https://api.stripe.com/v2/core/accounts/acct_1", "acct_1").as_deref(), Some("stripe-context"));
    assert_eq!(name("https://api.stripe.com/v1/charges/ch_1", "wksp_1/acct_1").as_deref(), Some("stripe-context"));
}

#[tokio::test]
async fn what_is_not_there_is_an_answer() {
    assert_eq!(outcome_of(vec![error("404 Not Found", "resource_missing")]).await, (Ok(StripeAnswer::NotThere), 1));
}

#[tokio::test]
async fn an_id_that_leads_elsewhere_asks_nobody() {
    let lookup = StripeLookup { object: StripeObject::Charge("../balance".into()), ..charge() };
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    assert_eq!(client(nowhere, &[LIVE]).look_up(&lookup, WITHIN).await, Ok(StripeAnswer::NotThere));
}

#[tokio::test]
async fn without_a_key_for_account_and_mode_nobody_is_asked() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let client = client(nowhere, &["rk_test_1"]);
    assert_eq!(client.look_up(&charge(), WITHIN).await, Ok(StripeAnswer::NotKnown));
    let other = StripeLookup { source: "acme".into(), livemode: false, ..charge() };
    assert_eq!(client.look_up(&other, WITHIN).await, Ok(StripeAnswer::NotKnown));
}

#[tokio::test]
async fn each_mode_has_its_own_key() {
    let server = answering(vec![json("200 OK", "{}")]).await;
    let lookup = StripeLookup { livemode: false, ..charge() };
    assert_eq!(client(server.address, &[LIVE, "rk_test_1"]).look_up(&lookup, WITHIN).await, found("{}"));
    assert!(server.asked.await.unwrap()[0].contains("Bearer rk_test_1\r\n"));
}

#[tokio::test]
async fn trouble_in_passing_is_tried_again() {
    let throttled = error("429 Too Many Requests", "rate_limit");
    let down = json("503 Service Unavailable", "<html>");
    assert_eq!(outcome_of(vec![throttled, down, String::new(), json("200 OK", "{}")]).await, (found("{}"), 4));
}

#[tokio::test]
async fn trouble_that_lasts_is_told() {
    let (outcome, asked) = outcome_of(vec![json("503 Service Unavailable", ""); 5]).await;
    // After 0.5, 1, 2 and 4 seconds; the next pause would end too late.
    assert_eq!(outcome, Err(LookupError::Temporary("Stripe answered 503: no reason given".into())));
    assert_eq!(asked, 5);
}

#[tokio::test]
async fn stripes_own_wish_to_wait_is_heeded() {
    let later = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n".to_owned();
    let (outcome, asked) = outcome_of(vec![later]).await;
    assert!(matches!(outcome, Err(LookupError::Temporary(_))), "{outcome:?}");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_refused_key_is_told_without_showing_it() {
    let (outcome, _) = outcome_of(vec![error("401 Unauthorized", "")]).await;
    let Err(LookupError::Refused(why)) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("check STRIPE_SECRET_KEY") && !why.contains(LIVE), "{why}");
}

#[tokio::test]
async fn while_a_key_is_rotated_both_are_tried() {
    let server = answering(vec![error("401 Unauthorized", ""), json("200 OK", "{}")]).await;
    assert_eq!(client(server.address, &[LIVE, "rk_live_new"]).look_up(&charge(), WITHIN).await, found("{}"));
    assert!(server.asked.await.unwrap()[1].contains("Bearer rk_live_new\r\n"));
}

#[tokio::test]
async fn a_server_that_says_nothing_uses_up_one_try_only() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap(), &[LIVE]);
    let lookup = charge();
    let server = async {
        let (mut silent, _) = listener.accept().await.unwrap();
        read_head(&mut silent).await.expect("a request");
        tokio::time::pause();
        tokio::time::advance(TRY).await;
        tokio::time::resume();
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await.expect("a request");
        stream.write_all(json("200 OK", "{}").as_bytes()).await.unwrap();
        (silent, stream)
    };
    let (outcome, _open) = tokio::join!(client.look_up(&lookup, WITHIN), server);
    assert_eq!(outcome, found("{}"));
}

#[test]
fn an_address_that_is_not_safe_is_refused() {
    let mut settings = settings(SocketAddr::from(([127, 0, 0, 1], 1)), &[LIVE]);
    settings.base_url = Some("http://api.stripe.com".into());
    let clock = Arc::new(ManualClock::auto_advancing(Timestamp::MIN));
    assert!(StripeClient::from_settings(&settings, clock).err().unwrap()[0].starts_with("SLUICE_STRIPE_API_URL: "));
}
