//! What a cold start costs: makes the clients, puts one document and sends one message, and prints the CPU time of the process so far.
//!
//! Reads the `AWS_…` variables, `TABLE` and `QUEUE_URL`.

use std::{collections::BTreeMap, process::ExitCode, sync::Arc};

use sluice_aws::{AwsEnvironment, Clients, DynamoStore, Patience, QueueUrls, SqsQueue, Timeouts};
use sluice_core::ports::{Commit, Condition, Document, Ids, Key, Message, Queue, QueueName, Store, Write};
use sluice_system::{SystemClock, SystemIds};

#[tokio::main(flavor = "current_thread")]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "an example talks to the terminal and reads its environment"
)]
async fn main() -> ExitCode {
    let variables: BTreeMap<String, String> = std::env::vars().collect();
    let Ok(environment) =
        AwsEnvironment::read(&variables).inspect_err(|problems| problems.iter().for_each(|problem| eprintln!("{problem}")))
    else {
        return ExitCode::FAILURE;
    };
    let Ok(clients) = Clients::new(&environment, Timeouts::default()).inspect_err(|problem| eprintln!("{problem}")) else {
        return ExitCode::FAILURE;
    };
    let variable = |name: &str| variables.get(name).cloned().unwrap_or_default();
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
    let patience = Arc::new(Patience::new(clock.clone(), ids.clone(), Patience::LONGEST));
    let store = DynamoStore::new(clients.dynamo(), variable("TABLE"), clock.clone(), Arc::clone(&patience));
    let urls = QueueUrls { queue: variable("QUEUE_URL"), dead_letters: None };
    let queue = SqsQueue::new(clients.sqs(), BTreeMap::from([(QueueName::Inbound, urls)]), clock, patience);
    println!("clients made after {} of CPU", cpu());
    let key = Key::new("example", format!("{:032x}", ids.random()));
    let document = Document { key, data: b"{}".to_vec(), blob: None, places: Vec::new(), expires_at: None };
    let put = Write::Put { document, condition: Condition::Absent };
    let put = store.commit(Commit { token: "example".to_owned(), writes: vec![put] }).await;
    println!("{put:?} after {} of CPU", cpu());
    let message = Message { body: "{}".to_owned(), group: None };
    let sent = queue.send(QueueName::Inbound, vec![message], None).await;
    println!("{sent:?} after {} of CPU", cpu());
    if put.is_ok() && sent.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// CPU time of this process, user and system, as the scheduler counts it.
fn cpu() -> String {
    let nanoseconds = std::fs::read_to_string("/proc/self/schedstat").ok().and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    nanoseconds.map_or_else(|| "an unknown amount".to_owned(), |nanoseconds| format!("{:.1} ms", nanoseconds as f64 / 1e6))
}
