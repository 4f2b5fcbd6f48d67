//! How many webhooks one server takes in and processes, and at what cost.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{
    disk,
    figures::{Figures, Machine},
    load::{self, Pace},
    process,
    records::{self, Done},
    requests,
    server::Server,
};

/// How `bench inbound` measures.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many events
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    events: u32,
    /// How many connections send at the same time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// Send so many a second, instead of as fast as they are answered
    #[arg(long, value_name = "EVENTS_PER_SECOND", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// What the events are
    #[arg(long, value_enum, default_value_t = Kind::Payment)]
    kind: Kind,
    /// The folder to lay the data in, in a folder of its own that is removed afterwards [default: beside this program]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// What the events are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Successful payments, each of a booking that was put before: two records change, and a message goes out
    Payment,
    /// A type that no rule is for: it is recorded, and nothing else
    Recorded,
}

impl Kind {
    /// The sample under `events/stripe/`.
    pub(crate) fn sample(self) -> &'static str {
        match self {
            Self::Payment => "payment_intent.succeeded",
            Self::Recorded => "customer.created",
        }
    }

    fn expected(self, events: usize) -> Done {
        match self {
            Self::Payment => Done { events, effects: events, captured: events },
            Self::Recorded => Done { events, effects: 0, captured: 0 },
        }
    }
}

/// Measures and prints.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let folder = disk::fresh_folder(options.folder.as_deref())?;
    let machine = Machine {
        file_system: disk::file_system(folder.path())?,
        sync_time: disk::sync_time(folder.path())?,
        cores: std::thread::available_parallelism().map_or(1, Into::into),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the load can't be run: {error}"))?;
    let server = Server::start(folder.path())?;
    let figures = runtime.block_on(measure(options, &server, machine))?;
    server.stop()?;
    println!("{}", if options.json { figures.json() } else { figures.table() });
    Ok(())
}

async fn measure(options: &Options, server: &Server, machine: Machine) -> Result<Figures, String> {
    let (events, connections) = (options.events as usize, usize::from(options.concurrency));
    if options.kind == Kind::Payment {
        load::send(server.address, requests::bookings(events), connections, Pace::AsFastAsAnswered).await?;
        records::wait_until_processed(&server.database())?;
    }
    let requests = requests::events(options.kind, events)?;
    let pace = options.rate.map_or(Pace::AsFastAsAnswered, |rate| Pace::Rate(f64::from(rate)));

    let (server_before, own_before) = (process::cpu(&server.pid())?, process::cpu("self")?);
    let answered = load::send(server.address, requests, connections, pace).await?;
    let own_cpu = process::cpu("self")? - own_before;
    records::wait_until_processed(&server.database())?;
    let processed = answered.start.elapsed();
    let server_cpu = process::cpu(&server.pid())? - server_before;
    let peak_memory = process::peak_memory(&server.pid())?;

    let (done, expected) = (records::done(server.address).await?, options.kind.expected(events));
    if done != expected {
        return Err(format!("the server has lost or added something: {done:?} instead of {expected:?}"));
    }
    Ok(Figures {
        sample: options.kind.sample(),
        events,
        connections,
        rate: options.rate,
        accepted: answered.time,
        processed,
        latencies: answered.latencies,
        server_cpu,
        own_cpu,
        peak_memory,
        machine,
    })
}
