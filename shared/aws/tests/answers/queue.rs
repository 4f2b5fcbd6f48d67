use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use sluice_aws::{Clients, QueueUrls, SqsQueue};
use sluice_core::{
    ports::{Message, PortError, Queue, QueueName, SendError},
    testing::ManualClock,
    time::Timestamp,
};

use crate::fake::{Answer, Fake, nobody, patience};

async fn send(clients: &Clients, count: usize) -> Result<(), SendError> {
    let urls = QueueUrls { queue: "http://127.0.0.1/1/queue".to_owned(), dead_letters: None };
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_795_000_000)));
    let queue = SqsQueue::new(clients.sqs(), BTreeMap::from([(QueueName::Inbound, urls)]), clock, patience());
    let messages = (0..count).map(|number| Message { body: format!("{number}"), group: None }).collect();
    queue.send(QueueName::Inbound, messages, None).await
}

/// Confirms and refuses messages of a batch by their ids.
fn partly(confirmed: &[usize], refused: &[(usize, &str, bool)]) -> Answer {
    let confirmed: Vec<Value> =
        confirmed.iter().map(|id| json!({ "Id": id.to_string(), "MessageId": "m", "MD5OfMessageBody": "x" })).collect();
    let refused: Vec<Value> =
        refused.iter().map(|(id, code, sender)| json!({ "Id": id.to_string(), "Code": code, "SenderFault": sender })).collect();
    Answer::json(200, &json!({ "Successful": confirmed, "Failed": refused }))
}

fn ids(request: &str) -> Vec<String> {
    let request: Value = serde_json::from_str(request).expect("JSON");
    let entries = request["Entries"].as_array().expect("entries").iter();
    entries.map(|entry| entry["Id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn only_what_was_not_confirmed_is_sent_again() {
    let fake = Fake::answering([partly(&[0, 2], &[(1, "InternalError", false)]), partly(&[1], &[])]).await;
    send(&fake.clients(), 3).await.expect("queued in the end");
    assert_eq!(fake.requests().iter().map(|request| ids(request)).collect::<Vec<_>>(), [vec!["0", "1", "2"], vec!["1"]]);
}

#[tokio::test]
async fn what_the_answer_does_not_name_is_not_taken_for_queued() {
    let fake = Fake::answering([partly(&[0], &[]), partly(&[1], &[])]).await;
    send(&fake.clients(), 2).await.expect("queued in the end");
    assert_eq!(fake.requests().iter().map(|request| ids(request)).collect::<Vec<_>>(), [vec!["0", "1"], vec!["1"]]);
}

#[tokio::test]
async fn what_is_refused_for_good_is_named_and_holds_up_nothing() {
    let refused = [(1, "InvalidMessageContents", true)];
    let mixed = [(1, "InvalidMessageContents", true), (2, "InternalError", false)];
    let fake = Fake::answering([partly(&[0], &mixed), partly(&[2], &refused)]).await;
    let error = send(&fake.clients(), 3).await.expect_err("one was refused");
    assert_eq!(error.failed, [1]);
    assert!(matches!(error.cause, PortError::Permanent(_)), "{error}");
}

#[tokio::test]
async fn what_was_never_confirmed_is_named() {
    let fake = Fake::answering([partly(&[0], &[(1, "InternalError", false)]), partly(&[], &[(1, "InternalError", false)])]).await;
    let error = send(&fake.clients(), 2).await.expect_err("one was not confirmed");
    assert_eq!(error.failed, [1]);
    assert!(matches!(error.cause, PortError::Temporary(_)), "{error}");
    assert!(fake.requests().len() > 2);
}

#[tokio::test]
async fn a_send_in_doubt_is_repeated() {
    for answer in [Answer::Hangup, Answer::Silence, Answer::error(500, "InternalFailure"), Answer::error(400, "RequestThrottled")] {
        let fake = Fake::answering([answer, partly(&[0], &[])]).await;
        send(&fake.clients(), 1).await.expect("queued in the end");
    }
}

#[tokio::test]
async fn a_service_that_never_answers_confirms_nothing() {
    let fake = Fake::answering([Answer::Silence]).await;
    let error = send(&fake.clients(), 12).await.expect_err("no answer");
    assert_eq!(error.failed, (0..12).collect::<Vec<_>>());
    assert!(matches!(error.cause, PortError::Temporary(_)), "{error}");
    let error = send(&nobody().await, 1).await.expect_err("nobody there");
    assert!(error.to_string().contains("can't be reached"), "{error}");
}
