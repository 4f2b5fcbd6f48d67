//! How many webhooks one server delivers, and at what cost: published over HTTP, fanned out, signed, delivered over HTTP, written down.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    clock, disk,
    figures::{Aim, Machine, Row, row},
    http::Connection,
    isolation,
    latency::Latencies,
    process, records, requests,
    server::Server,
    sink::Sink,
};

/// How long the server may take for all of them.
const PATIENCE: Duration = Duration::from_secs(180);
/// The type of what is published.
const TYPE: &str = "order.created";

/// How `bench outbound` measures.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many events
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    events: u32,
    /// How many subscriptions get each of them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    subscriptions: u16,
    /// How many connections publish at the same time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// The size of an event's data, bytes
    #[arg(long, default_value_t = 384, value_parser = clap::value_parser!(u32).range(64..100_000))]
    payload: u32,
    /// Measures something else: how much longer one fast subscription waits while so many others have receivers that take everything and never answer
    #[arg(long, default_value_t = 0)]
    slow: u16,
    /// With --slow: how many events a second the fast subscription gets
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..10_000))]
    rate: u32,
    /// With --slow: for how many seconds, without the slow ones and with them
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..3_600))]
    seconds: u32,
    /// The folder to lay the data in, in a folder of its own that is removed afterwards [default: beside this program]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let parent = match &options.folder {
        Some(folder) => folder.clone(),
        None => std::env::current_exe().ok().and_then(|own| own.parent().map(Into::into)).ok_or("this program can't find itself")?,
    };
    let folder = tempfile::Builder::new().prefix("sluice-bench-").tempdir_in(&parent);
    let folder = folder.map_err(|error| format!("no folder can be made in {}: {error}", parent.display()))?;
    let machine = Machine {
        file_system: disk::file_system(folder.path())?,
        sync_time: disk::sync_time(folder.path())?,
        cores: std::thread::available_parallelism().map_or(1, Into::into),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the load can't be run: {error}"))?;
    let (server, sink) = (Server::start(folder.path())?, Sink::start()?);
    if options.slow > 0 {
        let load = isolation::Load { slow: options.slow.into(), rate: options.rate, seconds: options.seconds };
        return isolation::run(&load, &runtime, &server, &sink, &machine, options.json);
    }
    let measured = runtime.block_on(measure(options, &server, &sink))?;
    server.stop()?;
    let rows = measured.rows(options, &machine);
    if options.json {
        let mut figures = json!({
            "bench": "outbound", "events": options.events, "subscriptions": options.subscriptions, "connections": options.concurrency,
            "payload": options.payload, "cores": machine.cores, "file_system": machine.file_system,
        });
        rows.iter().for_each(|row| figures[row.key] = json!(row.value));
        println!("{figures}");
    } else {
        let Options { events, subscriptions, concurrency, payload, .. } = options;
        println!("{events} events of {payload} bytes to {subscriptions} subscriptions, published over {concurrency} connections");
        println!("load, server and receiver on {} cores, data on {}, durable before each answer\n", machine.cores, machine.file_system);
        rows.iter().for_each(|row| println!("{}", row.line()));
    }
    Ok(())
}

struct Measured {
    /// Until the last publication was answered.
    published: Duration,
    /// Until the last delivery came.
    delivered: Duration,
    /// From the sending of a publication to each of its deliveries.
    latencies: Latencies,
    server_cpu: Duration,
    peak_memory: u64,
}

impl Measured {
    fn rows(&self, options: &Options, machine: &Machine) -> Vec<Row> {
        let events = f64::from(options.events);
        let deliveries = events * f64::from(options.subscriptions);
        // What is aimed at for one and for five.
        let (rate, cpu) = match options.subscriptions {
            1 => (Aim::AtLeast(2_500.0), Aim::AtMost(0.30)),
            5 => (Aim::AtLeast(8_000.0), Aim::AtMost(0.12)),
            _ => (Aim::Open, Aim::Open),
        };
        let millis = |percent| self.latencies.percentile(percent).as_secs_f64() * 1_000.0;
        vec![
            row("published_per_second", "published", events / self.published.as_secs_f64(), "/s", 0, Aim::Open),
            row("delivered_per_second", "delivered", deliveries / self.delivered.as_secs_f64(), "/s", 0, rate),
            row("cpu_seconds_per_1000", "server's CPU for 1,000", self.server_cpu.as_secs_f64() * 1_000.0 / deliveries, "s", 3, cpu),
            row("end_to_end_p50_ms", "end to end, p50", millis(50), "ms", 1, Aim::AtMost(15.0)),
            row("end_to_end_p99_ms", "end to end, p99", millis(99), "ms", 1, Aim::Open),
            row("peak_memory_mb", "server's peak memory", self.peak_memory as f64 / 1e6, "MB", 0, Aim::Open),
            row("fdatasync_ms", "fdatasync of 8 KB, p50", machine.sync_time.as_secs_f64() * 1_000.0, "ms", 2, Aim::Open),
        ]
    }
}

async fn measure(options: &Options, server: &Server, sink: &Sink) -> Result<Measured, String> {
    let (events, subscriptions) = (options.events as usize, usize::from(options.subscriptions));
    let mut connection = Connection::open(server.address).await?;
    for number in 0..subscriptions {
        let body = json!({ "url": format!("http://{}/{number}", sink.address), "event_types": [TYPE] });
        connection.call(&requests::post("/api/v1/subscriptions", &body.to_string())).await?.success()?;
    }
    let filling = "x".repeat(options.payload as usize - 40);
    let publication = |number: usize| {
        let body = json!({ "type": TYPE, "data": { "number": number, "text": filling } });
        requests::post("/api/v1/events", &body.to_string())
    };
    let prepared: Arc<[Vec<u8>]> = (0..events).map(publication).collect();

    let before = process::cpu(&server.pid())?;
    let start = clock::now();
    let sent = publish(server, prepared, usize::from(options.concurrency)).await?;
    let published = start.elapsed();
    let all = clock::wait_for(PATIENCE, || Ok((sink.count() >= events * subscriptions).then_some(())))?;
    all.ok_or_else(|| format!("after {PATIENCE:?} {} of {} deliveries have come", sink.count(), events * subscriptions))?;
    // Each is written down, too.
    records::wait_until_processed(&server.database())?;
    let server_cpu = process::cpu(&server.pid())? - before;

    let arrivals = sink.arrivals();
    if arrivals.len() != events * subscriptions {
        return Err(format!("{} deliveries came in place of {}", arrivals.len(), events * subscriptions));
    }
    let last = arrivals.iter().map(|(_, at)| *at).max().unwrap_or(start);
    let latencies = arrivals.iter().map(|(number, at)| at.duration_since(sent[*number])).collect();
    Ok(Measured {
        published,
        delivered: last.duration_since(start),
        latencies: Latencies::new(latencies),
        server_cpu,
        peak_memory: process::peak_memory(&server.pid())?,
    })
}

/// Publishes all, and returns when each was sent.
async fn publish(server: &Server, prepared: Arc<[Vec<u8>]>, connections: usize) -> Result<Vec<Instant>, String> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut publishers = JoinSet::new();
    for _ in 0..connections {
        let (mut connection, next, prepared) = (Connection::open(server.address).await?, Arc::clone(&next), Arc::clone(&prepared));
        publishers.spawn(async move {
            let mut sent = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = prepared.get(number) else { return Ok::<_, String>(sent) };
                sent.push((number, clock::now()));
                connection.call(request).await?.success()?;
            }
        });
    }
    let mut sent = vec![clock::now(); prepared.len()];
    while let Some(ended) = publishers.join_next().await {
        for (number, at) in ended.map_err(|error| format!("a publisher has failed: {error}"))?? {
            sent[number] = at;
        }
    }
    Ok(sent)
}
