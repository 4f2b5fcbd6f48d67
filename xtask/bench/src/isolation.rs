//! How much longer a fast subscription waits while hundreds of others have receivers that take everything and never answer.
//!
//! The fast one is published to at a steady rate, first alone, and then while every slow one has an attempt that hangs and gets more to deliver all the time.
//! Times count from when a publication was due, so that those which had to wait for their turn are not left out.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    clock,
    figures::{Aim, Machine, Row, row},
    http::Connection,
    latency::Latencies,
    process, requests,
    server::Server,
    sink::{HANGING, Sink},
};

/// How much later the fast one may get its events at p99.
const ALLOWED: Duration = Duration::from_millis(50);
/// How long all slow attempts may take to begin, and the last fast delivery to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often there is something new for every slow one.
const SLOW_EVERY: Duration = Duration::from_secs(1);
/// Over how many connections is published.
const CONNECTIONS: u32 = 8;
const FAST: &str = "fast.one";
const SLOW: &str = "slow.one";

/// How much there is to do.
pub(crate) struct Load {
    /// How many slow subscriptions there are.
    pub(crate) slow: usize,
    /// How many events a second the fast one gets.
    pub(crate) rate: u32,
    /// For how many seconds, alone and beside them.
    pub(crate) seconds: u32,
}

struct Measured {
    alone: Latencies,
    beside: Latencies,
    /// How many attempts were begun that hang.
    hung: usize,
    /// The CPU time of the server beside the slow ones.
    server_cpu: Duration,
    peak_memory: u64,
}

/// Measures and prints.
///
/// # Errors
/// If the fast one is delayed by more than is promised.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) fn run(load: &Load, runtime: &Runtime, server: &Server, sink: &Sink, machine: &Machine, json: bool) -> Result<(), String> {
    let measured = runtime.block_on(measure(load, server, sink))?;
    let rows = measured.rows(load, machine);
    let Load { slow, rate, seconds } = load;
    if json {
        let mut figures = json!({
            "bench": "isolation", "slow": slow, "rate": rate, "seconds": seconds, "cores": machine.cores, "file_system": machine.file_system,
        });
        rows.iter().for_each(|row| figures[row.key] = json!(row.value));
        println!("{figures}");
    } else {
        println!("{rate} events a second to one subscription for {seconds} s, alone and beside {slow} whose receivers never answer");
        println!("load, server and receiver on {} cores, data on {}, durable before each answer\n", machine.cores, machine.file_system);
        rows.iter().for_each(|row| println!("{}", row.line()));
    }
    let delay = measured.delay();
    if delay <= ALLOWED { Ok(()) } else { Err(format!("{slow} slow endpoints delay a fast one by {delay:?} at p99")) }
}

impl Measured {
    fn delay(&self) -> Duration {
        self.beside.percentile(99).saturating_sub(self.alone.percentile(99))
    }

    fn rows(&self, load: &Load, machine: &Machine) -> Vec<Row> {
        let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
        let (alone, beside) = (|percent| millis(self.alone.percentile(percent)), |percent| millis(self.beside.percentile(percent)));
        let cpu = self.server_cpu.as_secs_f64() / f64::from(load.seconds);
        vec![
            row("alone_p50_ms", "alone, p50", alone(50), "ms", 1, Aim::Open),
            row("alone_p99_ms", "alone, p99", alone(99), "ms", 1, Aim::Open),
            row("alone_max_ms", "alone, slowest", alone(100), "ms", 1, Aim::Open),
            row("beside_p50_ms", "beside slow ones, p50", beside(50), "ms", 1, Aim::Open),
            row("beside_p99_ms", "beside slow ones, p99", beside(99), "ms", 1, Aim::Open),
            row("beside_max_ms", "beside, slowest", beside(100), "ms", 1, Aim::Open),
            row("delay_p99_ms", "later at p99", millis(self.delay()), "ms", 1, Aim::AtMost(millis(ALLOWED))),
            row("hung_attempts", "attempts that hang", self.hung as f64, "", 0, Aim::Open),
            row("cpu_seconds_per_second", "server's CPU beside them", cpu, "s/s", 2, Aim::Open),
            row("peak_memory_mb", "server's peak memory", self.peak_memory as f64 / 1e6, "MB", 0, Aim::Open),
            row("fdatasync_ms", "fdatasync of 8 KB, p50", millis(machine.sync_time), "ms", 2, Aim::Open),
        ]
    }
}

async fn measure(load: &Load, server: &Server, sink: &Sink) -> Result<Measured, String> {
    let mut connection = Connection::open(server.address).await?;
    subscribe(&mut connection, &format!("http://{}/fast", sink.address), FAST).await?;
    // Whatever is opened and read for the first time is no part of either.
    let warm = publish_steadily(load, 0..load.rate, server).await?;
    arrived(sink, warm.len())?;
    let first = load.rate..load.rate * (load.seconds + 1);
    let due = publish_steadily(load, first.clone(), server).await?;
    let mut count = warm.len() + due.len();
    arrived(sink, count)?;
    let alone = latencies(sink, &due)?;

    for number in 0..load.slow {
        subscribe(&mut connection, &format!("http://{}{HANGING}{number}", sink.address), SLOW).await?;
    }
    let event = requests::post("/api/v1/events", &json!({ "type": SLOW, "data": { "number": 0 } }).to_string());
    connection.call(&event).await?.success()?;
    let all = clock::wait_for(PATIENCE, || Ok((sink.hung() >= load.slow).then_some(())))?;
    all.ok_or_else(|| format!("after {PATIENCE:?} {} of {} slow attempts have begun", sink.hung(), load.slow))?;

    let before = process::cpu(&server.pid())?;
    let more = tokio::spawn(async move {
        let start = clock::now();
        for round in 1_u32.. {
            clock::until(start + SLOW_EVERY * round).await;
            connection.call(&event).await?.success()?;
        }
        Ok::<_, String>(())
    });
    let due = publish_steadily(load, first.end..first.end + load.rate * load.seconds, server).await?;
    if more.is_finished() {
        return Err(format!("nothing more came for the slow ones: {:?}", more.await));
    }
    more.abort();
    count += due.len();
    arrived(sink, count)?;
    let server_cpu = process::cpu(&server.pid())? - before;
    Ok(Measured { alone, beside: latencies(sink, &due)?, hung: sink.hung(), server_cpu, peak_memory: process::peak_memory(&server.pid())? })
}

async fn subscribe(connection: &mut Connection, url: &str, kind: &str) -> Result<(), String> {
    let body = json!({ "url": url, "event_types": [kind] });
    connection.call(&requests::post("/api/v1/subscriptions", &body.to_string())).await?.success()?;
    Ok(())
}

/// Publishes the events of these numbers to the fast one, and returns when each was due.
async fn publish_steadily(load: &Load, numbers: std::ops::Range<u32>, server: &Server) -> Result<BTreeMap<usize, Instant>, String> {
    let (start, rate, first) = (clock::now(), load.rate, numbers.start);
    let due = move |number: u32| start + Duration::from_secs(1) * (number - first) / rate;
    let mut publishers = JoinSet::new();
    for offset in 0..CONNECTIONS {
        let mut connection = Connection::open(server.address).await?;
        let own = (numbers.start + offset..numbers.end).step_by(CONNECTIONS as usize);
        publishers.spawn(async move {
            for number in own {
                let event = json!({ "type": FAST, "data": { "number": number, "text": "x".repeat(300) } });
                let request = requests::post("/api/v1/events", &event.to_string());
                clock::until(due(number)).await;
                connection.call(&request).await?.success()?;
            }
            Ok::<_, String>(())
        });
    }
    while let Some(ended) = publishers.join_next().await {
        ended.map_err(|error| format!("a publisher has failed: {error}"))??;
    }
    Ok(numbers.map(|number| (number as usize, due(number))).collect())
}

/// Waits until so many have come to the fast one.
fn arrived(sink: &Sink, count: usize) -> Result<(), String> {
    let all = clock::wait_for(PATIENCE, || Ok((sink.count() >= count).then_some(())))?;
    all.ok_or_else(|| format!("after {PATIENCE:?} {} of {count} deliveries have come to the fast one", sink.count()))
}

/// From when each was due to its first arrival.
fn latencies(sink: &Sink, due: &BTreeMap<usize, Instant>) -> Result<Latencies, String> {
    let mut first: BTreeMap<usize, Instant> = BTreeMap::new();
    for (number, at) in sink.arrivals() {
        first.entry(number).and_modify(|known| *known = at.min(*known)).or_insert(at);
    }
    let took = due.iter().map(|(number, due)| {
        let came = first.get(number).ok_or_else(|| format!("the event {number} has not come"))?;
        Ok(came.saturating_duration_since(*due))
    });
    Ok(Latencies::new(took.collect::<Result<_, String>>()?))
}
