use std::{sync::Arc, time::Duration};

use serde_json::json;
use sluice_aws::DynamoStore;
use sluice_core::{
    ports::{Commit, Committed, Condition, Document, Key, PortError, Store, Write},
    testing::ManualClock,
    time::Timestamp,
};

use crate::fake::{Answer, Fake, nobody, patience};

fn store(clients: &sluice_aws::Clients) -> DynamoStore {
    DynamoStore::new(clients.dynamo(), "table", Arc::new(ManualClock::at(Timestamp::from_seconds(1_795_000_000))), patience())
}

fn put(id: &str) -> Write {
    let document = Document { key: Key::new("test", id), data: b"{}".to_vec(), blob: None, places: Vec::new(), expires_at: None };
    Write::Put { document, condition: Condition::Absent }
}

fn commit(ids: &[&str]) -> Commit {
    Commit { token: "token".to_owned(), writes: ids.iter().map(|id| put(id)).collect() }
}

fn cancelled(codes: &[&str]) -> Answer {
    let reason = |code: &&str| json!({ "Code": code });
    let reasons: Vec<_> = codes.iter().map(reason).collect();
    Answer::json(400, &json!({ "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "CancellationReasons": reasons }))
}

fn done() -> Answer {
    Answer::json(200, &json!({}))
}

#[tokio::test]
async fn what_surely_was_not_taken_is_tried_again() {
    for code in ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "TransactionConflictException"] {
        let fake = Fake::answering([Answer::error(400, code), Answer::error(400, code), done()]).await;
        let answer = store(&fake.clients()).commit(commit(&["a"])).await;
        assert_eq!(answer.expect(code), Committed::Applied);
        assert_eq!(fake.requests().len(), 3, "{code}");
    }
}

#[tokio::test]
async fn a_single_write_in_doubt_is_not_repeated() {
    for answer in [Answer::error(500, "InternalServerError"), Answer::Hangup, Answer::Silence] {
        let fake = Fake::answering([answer.clone(), done()]).await;
        let outcome = store(&fake.clients()).commit(commit(&["a"])).await;
        assert!(matches!(outcome, Err(PortError::Temporary(_))), "{answer:?}: {outcome:?}");
        assert_eq!(fake.requests().len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_transaction_in_doubt_is_repeated_word_for_word() {
    for answer in
        [Answer::error(500, "InternalServerError"), Answer::Hangup, Answer::Silence, Answer::error(400, "TransactionInProgressException")]
    {
        let fake = Fake::answering([answer.clone(), done()]).await;
        let outcome = store(&fake.clients()).commit(commit(&["a", "b"])).await;
        assert_eq!(outcome.expect("applied in the end"), Committed::Applied, "{answer:?}");
        let requests = fake.requests();
        assert_eq!(requests.len(), 2, "{answer:?}");
        let read = |request: &str| serde_json::from_str::<serde_json::Value>(request).expect("JSON");
        assert_eq!(read(&requests[0]), read(&requests[1]));
        assert!(read(&requests[0])["ClientRequestToken"].as_str().is_some_and(|token| !token.is_empty()));
    }
}

/// The service refuses a token that it has seen with another request, and the time of the call stands in every condition.
#[tokio::test]
async fn a_commit_that_is_tried_again_later_is_a_request_of_its_own() {
    let fake = Fake::answering([done(), cancelled(&["ConditionalCheckFailed", "ConditionalCheckFailed"])]).await;
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_795_000_000)));
    let store = DynamoStore::new(fake.clients().dynamo(), "table", clock.clone(), patience());
    assert_eq!(store.commit(commit(&["a", "b"])).await.expect("applied"), Committed::Applied);
    clock.advance(Duration::from_secs(8));
    let again = store.commit(commit(&["a", "b"])).await.expect("judged by its conditions");
    assert!(matches!(again, Committed::Refused(refusals) if refusals.len() == 2));

    let requests: Vec<serde_json::Value> = fake.requests().iter().map(|request| serde_json::from_str(request).expect("JSON")).collect();
    let [first, second] = &requests[..] else { panic!("{requests:?}") };
    assert_ne!(first["TransactItems"], second["TransactItems"]);
    assert_ne!(first["ClientRequestToken"], second["ClientRequestToken"]);
}

#[tokio::test]
async fn a_conflict_hides_no_refusal() {
    let conflict = || cancelled(&["ConditionalCheckFailed", "TransactionConflict"]);
    let fake = Fake::answering([conflict(), conflict(), cancelled(&["ConditionalCheckFailed", "ConditionalCheckFailed"])]).await;
    let refused = |answer| match answer {
        Ok(Committed::Refused(refusals)) => refusals.into_iter().map(|refusal| refusal.write).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(store(&fake.clients()).commit(commit(&["a", "b"])).await), [0, 1], "asked until all was judged");

    let fake = Fake::answering([conflict()]).await;
    assert_eq!(refused(store(&fake.clients()).commit(commit(&["a", "b"])).await), [0], "what is known is told when time runs out");
    assert!(fake.requests().len() > 1);

    let fake = Fake::answering([cancelled(&["None", "TransactionConflict"])]).await;
    let answer = store(&fake.clients()).commit(commit(&["a", "b"])).await;
    assert!(matches!(answer, Err(PortError::Temporary(_))), "{answer:?}");
}

#[tokio::test]
async fn what_the_data_causes_is_permanent_at_once() {
    for (answer, ids) in [
        (Answer::error(400, "ValidationException"), &["a"][..]),
        (Answer::error(400, "ValidationException"), &["a", "b"]),
        (cancelled(&["ValidationError", "TransactionConflict"]), &["a", "b"]),
    ] {
        let fake = Fake::answering([answer]).await;
        let outcome = store(&fake.clients()).commit(commit(ids)).await;
        assert!(matches!(outcome, Err(PortError::Permanent(_))), "{outcome:?}");
        assert_eq!(fake.requests().len(), 1);
    }
}

#[tokio::test]
async fn reads_are_repeated_whatever_happened() {
    for answer in [Answer::error(500, "InternalServerError"), Answer::Hangup, Answer::Silence, Answer::error(400, "ThrottlingException")] {
        let fake = Fake::answering([answer, done()]).await;
        assert_eq!(store(&fake.clients()).get(&[Key::new("test", "a")]).await.expect("read in the end"), [None]);
    }
}

#[tokio::test]
async fn unprocessed_keys_are_asked_for_again() {
    let item = |id: &str| json!({ "k": { "S": format!("test/{id}") }, "d": { "S": "{}" }, "v": { "N": "1" } });
    let left = |id: &str| json!({ "table": { "Keys": [{ "k": { "S": format!("test/{id}") } }], "ConsistentRead": true } });
    let fake = Fake::answering([
        Answer::json(200, &json!({ "Responses": { "table": [item("a")] }, "UnprocessedKeys": left("b") })),
        Answer::json(200, &json!({ "Responses": { "table": [] }, "UnprocessedKeys": left("b") })),
        Answer::json(200, &json!({ "Responses": { "table": [item("b")] } })),
    ])
    .await;
    let found = store(&fake.clients()).get(&[Key::new("test", "a"), Key::new("test", "b")]).await.expect("read in the end");
    assert_eq!(found.iter().flatten().count(), 2);
    let requests = fake.requests();
    assert!(requests[0].contains("test/a") && !requests[1].contains("test/a") && requests[2].contains("test/b"), "{requests:?}");
}

#[tokio::test]
async fn an_unreachable_service_is_temporary() {
    let answer = store(&nobody().await).commit(commit(&["a"])).await;
    assert!(matches!(&answer, Err(PortError::Temporary(text)) if text.contains("can't be reached")), "{answer:?}");
}
