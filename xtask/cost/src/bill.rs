use std::{collections::BTreeMap, time::Duration};

use sluice_aws::capacity::{Operation, Used};

use crate::prices::{self, Price};

/// One line of a bill.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What is paid for.
    pub what: String,
    /// How much of it a million events take, in its own unit.
    pub quantity: f64,
    /// The unit.
    pub unit: &'static str,
    /// Dollars for a million events.
    pub dollars: f64,
}

/// What a million events cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bill {
    /// What is paid once for each event.
    pub lines: Vec<Line>,
    /// What is paid for keeping what it leaves behind.
    pub kept: Vec<Line>,
}

impl Bill {
    /// Dollars for a million events, without what is paid for keeping what they leave behind.
    #[must_use]
    pub fn dollars(&self) -> f64 {
        self.lines.iter().map(|line| line.dollars).sum()
    }
}

/// How long functions take, which the bench does not measure: it runs without a network.
///
/// An ingest function verifies, packs and sends one message: 10 ms, and in one invocation of a hundred a cold start of 100 ms. The consumer handles a
/// batch side by side, each message one call after the other: 5 ms for a read or a single write, 15 ms for a transaction (AWS's usual figures within a
/// region), 100 ms for a mail, 2 ms for itself, and the messages of a batch wait for the processor one after the other: 1 ms each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) single: u64,
    pub(crate) transactions: u64,
    pub(crate) mails: u64,
}

const INGEST: Duration = Duration::from_millis(11);

impl Calls {
    /// How long the consumer takes for a batch of messages that each make these calls, of which there were `messages`.
    fn consumer_seconds(self, messages: f64) -> f64 {
        let one = 0.005 * self.single as f64 + 0.015 * self.transactions as f64 + 0.100 * self.mails as f64;
        0.002 + 0.001 * crate::BATCH as f64 + one / messages
    }
}

/// What was counted while events were run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    /// The memory of an ingest function and of the consumer, gigabytes.
    pub(crate) memory: (f64, f64),
    /// Webhooks that came in.
    pub(crate) events: u64,
    /// Requests that API Gateway bills.
    pub(crate) http_requests: u64,
    /// Requests that SQS bills for sending.
    pub(crate) sends: u64,
    /// Batches that the consumer was handed.
    pub(crate) batches: u64,
    /// Requests that SQS bills for receiving.
    pub(crate) receives: u64,
    /// What the store was asked for.
    pub(crate) used: Vec<Used>,
    pub(crate) calls: Calls,
    /// Bytes of log by who writes it.
    pub(crate) logged: BTreeMap<&'static str, usize>,
    /// Bytes that lie in the table and its indexes afterwards and did not before, for 35 days and for good.
    pub(crate) expiring: usize,
    pub(crate) lasting: usize,
}

/// How long an event record is kept, in months of billing.
const RETENTION: f64 = 35.0 / 30.4;

impl Counted {
    /// The bill for a million of them.
    pub(crate) fn bill(&self) -> Bill {
        let events = self.events as f64;
        let line = |what: &str, counted: f64, unit: &'static str, price: Price| {
            let quantity = counted / events * 1e6;
            Line { what: what.to_owned(), quantity, unit, dollars: quantity * price.dollars }
        };
        let mut lines = vec![
            line("HTTP API", self.http_requests as f64, "requests", prices::HTTP_REQUEST),
            line("Lambda, ingest, invocations", events, "requests", prices::INVOCATION),
            line("Lambda, ingest, time", events * INGEST.as_secs_f64() * self.memory.0, "GB s", prices::GIGABYTE_SECOND),
            line("SQS, send", self.sends as f64, "requests", prices::QUEUE_REQUEST),
            line("SQS, receive and delete", (self.receives + self.batches) as f64, "requests", prices::QUEUE_REQUEST),
            line("Lambda, consumer, invocations", self.batches as f64, "requests", prices::INVOCATION),
            line(
                "Lambda, consumer, time",
                self.batches as f64 * self.calls.consumer_seconds(events) * self.memory.1,
                "GB s",
                prices::GIGABYTE_SECOND,
            ),
        ];
        let mut operations: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for used in &self.used {
            if used.units.writes > 0 {
                operations.entry(format!("DynamoDB, {}", name(used))).or_default().0 += used.units.writes;
            }
            if used.units.index_writes > 0 {
                operations.entry(format!("DynamoDB, indexes of {}", kind(used))).or_default().0 += used.units.index_writes;
            }
            operations.entry(format!("DynamoDB, {}", name(used))).or_default().1 += used.units.read_halves;
        }
        for (what, (writes, read_halves)) in operations {
            if writes > 0 {
                lines.push(line(&what, writes as f64, "write units", prices::WRITE_UNIT));
            }
            if read_halves > 0 {
                lines.push(line(&what, read_halves as f64 / 2.0, "read units", prices::READ_UNIT));
            }
        }
        for (who, bytes) in &self.logged {
            lines.push(line(&format!("Logs, {who}"), *bytes as f64, "bytes", prices::LOG_BYTE));
        }
        let kept = vec![
            line("Table and backup, 35 days", self.expiring as f64 * RETENTION, "byte months", prices::STORED_BYTE_MONTH),
            line("Table and backup, each month", self.lasting as f64, "byte months", prices::STORED_BYTE_MONTH),
        ];
        Bill { lines, kept }
    }
}

fn kind(used: &Used) -> &str {
    used.kind.as_deref().unwrap_or("all")
}

fn name(used: &Used) -> String {
    let kind = kind(used);
    match used.operation {
        Operation::Put => format!("put {kind}"),
        Operation::Delete => format!("delete {kind}"),
        Operation::Check => format!("check {kind}"),
        Operation::Move => format!("move {kind}"),
        Operation::Refused => format!("refused {kind}"),
        Operation::Read => format!("read {kind}"),
        Operation::Query(index) => format!("query {index:?}"),
    }
}
