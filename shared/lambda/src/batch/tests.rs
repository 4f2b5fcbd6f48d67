use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use futures_util::future::join;
use serde_json::{Value, json};
use sluice_core::{
    outgoing::{Gates, Outgoing, People},
    plan::{FailedTexts, Policy},
    ports::NoMetrics,
    process::{Incarnation, Outcome, Turns},
    template::Templates,
    testing::{Captured, CountingIds, ManualClock, MemoryQueue, MemoryStore, stripe},
};

use super::*;

const MAX_RECEIVES: u32 = 20;

fn start() -> Timestamp {
    Timestamp::from_seconds(1_795_176_000)
}

/// The end of an invocation that has a minute.
fn in_a_minute() -> Timestamp {
    start() + Duration::from_mins(1)
}

/// Does what the message says, and tells in which order messages came and went.
#[derive(Default)]
struct Scripted {
    log: Arc<Mutex<Vec<String>>>,
}

fn note(log: &Mutex<Vec<String>>, line: String) {
    log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}

#[async_trait]
impl Handler for Scripted {
    async fn handle(&self, message: Received<'_>) -> Disposition {
        note(&self.log, format!("handle {}", message.body));
        match message.body {
            "panic" => panic!("as the message says"),
            "hang" => std::future::pending().await,
            "later" => Disposition::Later { at: start() + Duration::from_secs(40), reason: "as the message says".to_owned() },
            "next week" => Disposition::Later { at: start() + Duration::from_hours(168), reason: "as the message says".to_owned() },
            _ => Disposition::Done(Outcome::Applied),
        }
    }
}

/// Keeps what was asked.
#[derive(Default)]
struct Kept {
    log: Arc<Mutex<Vec<String>>>,
    put_off: Mutex<Vec<(String, u64)>>,
}

#[async_trait]
impl Receipts for Kept {
    async fn put_off(&self, messages: &[(String, Duration)]) {
        let messages = messages.iter().map(|(receipt, wait)| (receipt.clone(), wait.as_secs()));
        self.put_off.lock().unwrap_or_else(PoisonError::into_inner).extend(messages);
    }

    async fn remove(&self, receipts: &[String]) {
        note(&self.log, format!("remove {}", receipts.join(" ")));
    }
}

struct Stage {
    batch: Batch,
    clock: Arc<ManualClock>,
    kept: Arc<Kept>,
}

fn stage() -> Stage {
    let log = Arc::new(Mutex::default());
    let handler = Scripted { log: Arc::clone(&log) };
    stage_with(Arc::new(handler), log, Arc::new(ManualClock::at(start())))
}

fn stage_with(handler: Arc<dyn Handler>, log: Arc<Mutex<Vec<String>>>, clock: Arc<ManualClock>) -> Stage {
    let kept = Arc::new(Kept { log, put_off: Mutex::default() });
    let batch = Batch {
        handler,
        receipts: kept.clone(),
        clock: clock.clone(),
        ids: Arc::new(CountingIds::default()),
        metrics: Arc::new(NoMetrics),
        max_receives: MAX_RECEIVES,
    };
    Stage { batch, clock, kept }
}

impl Stage {
    /// The ids of the messages that come back.
    async fn handle(&self, messages: &[(&str, u32)], deadline: Timestamp) -> Vec<String> {
        let answer = self.batch.handle(event(messages), deadline).await;
        let answer = serde_json::to_value(answer).expect("JSON");
        let failures = answer["batchItemFailures"].as_array().expect("a list").iter();
        failures.map(|failure| failure["itemIdentifier"].as_str().expect("text").to_owned()).collect()
    }

    fn log(&self) -> Vec<String> {
        self.kept.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put_off(&self) -> Vec<(String, u64)> {
        self.kept.put_off.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Bodies with how often they were received; the ids are `m0`, `m1` and so on, the receipts `r0`, `r1`.
fn event(messages: &[(&str, u32)]) -> SqsEvent {
    let record = |(position, (body, receives)): (usize, &(&str, u32))| {
        json!({
            "messageId": format!("m{position}"),
            "receiptHandle": format!("r{position}"),
            "body": body,
            "attributes": { "ApproximateReceiveCount": receives.to_string(), "SentTimestamp": start().millis().to_string() },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
        })
    };
    let records: Vec<Value> = messages.iter().enumerate().map(record).collect();
    serde_json::from_value(json!({ "Records": records })).expect("an event")
}

#[tokio::test]
async fn each_message_comes_back_for_itself() {
    let stage = stage();
    let back = stage.handle(&[("done", 1), ("later", 1), ("panic", 2), ("next week", 1), ("done", 2)], in_a_minute()).await;
    assert_eq!(back, ["m1", "m2", "m3"]);
    // What panicked comes back after the queue's own timeout.
    assert_eq!(stage.put_off(), [("r1".to_owned(), 40), ("r3".to_owned(), 604_800)]);
}

#[tokio::test]
async fn all_done_is_an_empty_list() {
    let answer = stage().batch.handle(event(&[("done", 1)]), in_a_minute()).await;
    assert_eq!(serde_json::to_string(&answer).expect("JSON"), r#"{"batchItemFailures":[]}"#);
}

#[tokio::test]
async fn nothing_is_begun_when_time_is_short() {
    let stage = stage();
    let back = stage.handle(&[("done", 1), ("done", 2)], start() + MARGIN + ENOUGH - Duration::from_millis(1)).await;
    assert_eq!(back, ["m0", "m1"]);
    assert_eq!(stage.log(), [""; 0]);
    assert_eq!(stage.put_off(), [("r0".to_owned(), 0), ("r1".to_owned(), 0)], "somebody else may have them at once");
    assert_eq!(stage.handle(&[("done", 1)], start() + MARGIN + ENOUGH).await, [""; 0]);
}

/// Each that is tried takes long: what gets no turn waits as long as what was tried, and not until it is a dead letter within minutes.
#[tokio::test]
async fn a_suspect_that_gets_no_turn_waits_as_long_as_one_that_was_tried() {
    let stage = stage();
    let back = stage.handle(&[("done", 3), ("done", 5), ("done", 19)], start() + MARGIN + ENOUGH - Duration::from_millis(1)).await;
    assert_eq!(back, ["m0", "m1", "m2"]);
    assert_eq!(stage.log(), [""; 0]);
    let waits: Vec<u64> = stage.put_off().into_iter().map(|(_, wait)| wait).collect();
    let [third, fifth, last] = waits[..] else { panic!("{waits:?}") };
    assert!((18..=20).contains(&third) && (72..=80).contains(&fifth) && (3_240..=3_600).contains(&last), "{waits:?}");
}

#[tokio::test]
async fn what_does_not_end_in_time_is_dropped_and_the_others_are_answered() {
    let stage = stage();
    let messages = [("hang", 1), ("done", 1)];
    let (back, ()) = join(stage.handle(&messages, in_a_minute()), async {
        while stage.log().len() < messages.len() {
            tokio::task::yield_now().await;
        }
        stage.clock.advance(Duration::from_mins(1) - MARGIN);
    })
    .await;
    assert_eq!(back, ["m0"]);
    assert!(stage.put_off().is_empty());
}

#[tokio::test]
async fn suspects_come_last_and_one_by_one_after_what_was_handled_is_removed() {
    let stage = stage();
    let back = stage.handle(&[("b", 7), ("a", 3), ("done", 1), ("panic", 4), ("done", 2)], in_a_minute()).await;
    assert_eq!(back, ["m3"]);
    assert_eq!(
        stage.log(),
        ["handle done", "handle done", "remove r2 r4", "handle a", "remove r1", "handle panic", "handle b"],
        "the least suspect first, and nothing is in hand while a suspect is handled"
    );
}

#[tokio::test]
async fn none_is_behind_the_same_suspect_every_time() {
    for (receives, order) in
        [(3, ["handle a", "remove r0", "handle panic", "handle b"]), (4, ["handle b", "remove r2", "handle panic", "handle a"])]
    {
        let stage = stage();
        stage.handle(&[("a", receives), ("panic", receives), ("b", receives)], in_a_minute()).await;
        assert_eq!(stage.log(), order);
    }
}

/// A processor on ports in memory.
fn processor(clock: &Arc<ManualClock>, store: &Arc<MemoryStore>, sent: &Arc<Captured>) -> Processor {
    let people = People {
        business_name: "Harbour Boats".to_owned(),
        support_email: "support@example.com".to_owned(),
        alert_email: "alerts@example.com".to_owned(),
        pay_url: None,
    };
    let templates = Arc::new(Templates::new(BTreeMap::new()).expect("the built-in templates are whole"));
    Processor {
        store: store.clone(),
        clock: clock.clone(),
        ids: Arc::new(CountingIds::default()),
        metrics: Arc::new(NoMetrics),
        outgoing: Arc::new(Outgoing { mailer: Some(sent.clone()), sms: None, templates, people, gates: Gates::default() }),
        stripe: None,
        interest: None,
        queue: Arc::new(MemoryQueue::new(clock.clone(), 20)),
        policy: Policy {
            hold: Duration::from_hours(2),
            stripe_test_mode: false,
            mail: true,
            sms: false,
            messages_of_a_tenant: None,
            failed_texts: FailedTexts::All,
        },
        incarnation: Incarnation::OneOfMany,
        turns: Turns::default(),
    }
}

#[tokio::test]
async fn duplicates_in_one_batch_are_applied_once_and_garbage_comes_back() {
    let clock = Arc::new(ManualClock::at(start()));
    let (store, sent) = (Arc::new(MemoryStore::new(clock.clone())), Arc::new(Captured::default()));
    let stage = stage_with(Arc::new(processor(&clock, &store, &sent)), Arc::default(), clock);
    let customer = stripe("evt_1", "customer.created", start(), start(), &json!({ "id": "cus_1" })).to_text();
    let refund = stripe("evt_2", "charge.refunded", start(), start(), &json!({ "id": 5 })).to_text();
    let back = stage.handle(&[(&customer, 1), (&customer, 1), ("{}", 1), (&refund, 1)], in_a_minute()).await;
    assert_eq!(back, ["m2"]);
    let [(receipt, wait)] = &stage.put_off()[..] else { panic!("{:?}", stage.put_off()) };
    assert_eq!(receipt, "r2");
    assert!((4..=5).contains(wait), "the first wait of the backoff, {wait} s");
    let events = store.documents().into_iter().filter(|stored| stored.document.key.kind == "event");
    assert_eq!(events.count(), 2);
    let subjects: Vec<_> = sent.sent().iter().map(|sent| sent.headline().to_owned()).collect();
    assert_eq!(subjects.len(), 1, "the payload that is wrong is parked, and the operator told: {subjects:?}");
}
