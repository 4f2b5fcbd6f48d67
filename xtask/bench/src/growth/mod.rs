//! What a million records do to the time of the usual calls and events.
//!
//! Two servers run side by side, one on few records and one on many, and are asked the same in turn. The few come out of puts and webhooks; the many are
//! those and copies of them under other names, written through the store's own commits.

mod call;
mod copies;
mod customer;
mod measured;
mod webhook;

use std::{fs, path::PathBuf};

use clap::Args;

use self::measured::Measured;
use crate::{disk, http::Connection, load, load::Pace, records::wait_until_processed, server::Server};

/// How many customers the server with few records has, each with all that belongs to it.
const FEW: u32 = 1_000;
/// How many connections send when the few are made.
const CONNECTIONS: usize = 64;
/// By how much a time may grow.
const LIMIT: f64 = 2.0;

/// How `bench records` measures.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many records the larger store has, those of events not counted
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(50_000..=100_000_000))]
    records: u32,
    /// The folder to lay the data in, about 3 GB for a million records, in a folder of its own that is removed afterwards [default: beside this program]
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// Measures and prints. An error if anything takes more than twice as long.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let folder = disk::fresh_folder(options.folder.as_deref())?;
    let file_system = disk::file_system(folder.path())?;
    let sync_time = disk::sync_time(folder.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the load can't be run: {error}"))?;
    let [few, many] = ["few", "many"].map(|name| folder.path().join(name));
    for folder in [&few, &many] {
        fs::create_dir(folder).map_err(|error| format!("{} can't be made: {error}", folder.display()))?;
    }

    let server = Server::start(&few)?;
    runtime.block_on(make_few(&server))?;
    server.stop()?;
    let made = runtime.block_on(copies::make(&few.join("data"), &many.join("data"), FEW, options.records))?;
    println!(
        "{} records of {FEW} customers beside {} of {}; {file_system}, fdatasync {sync_time:.1?}",
        made.few, made.many, made.customers
    );

    let servers = [(Server::start(&few)?, FEW), (Server::start(&many)?, made.customers)];
    let measured = runtime.block_on(measure(&servers))?;
    for (server, _) in servers {
        server.stop()?;
    }
    println!("{}", measured.table());
    let grown = measured.grown(LIMIT);
    if grown.is_empty() { Ok(()) } else { Err(format!("more than {LIMIT} times as long with many records: {}", grown.join(", "))) }
}

/// Puts the customers and what belongs to them, and sends what happens to them.
async fn make_few(server: &Server) -> Result<(), String> {
    for phase in customer::phases() {
        let requests = (0..FEW).map(|number| phase(&customer::tag(number), server.address)).collect::<Result<Vec<_>, _>>()?;
        load::send(server.address, requests.into_iter().flatten().collect(), CONNECTIONS, Pace::AsFastAsAnswered).await?;
        wait_until_processed(&server.database())?;
    }
    Ok(())
}

async fn measure(servers: &[(Server, u32); 2]) -> Result<Measured, String> {
    let mut connections = Vec::new();
    for (server, _) in servers {
        connections.push(Connection::open(server.address).await?);
    }
    let mut measured = Measured::default();
    let mut number = 0;
    for round in 0..measured::ROUNDS {
        for call in call::ALL {
            for turn in 0..call.turns {
                // Whoever is asked first finds the processor as the other left it, so they take turns at that, too.
                for which in [turn % 2, (turn + 1) % 2] {
                    let (server, customers) = &servers[which];
                    number += 1;
                    let asked = call::Asked { number, tag: customer::tag(scrambled(number) % customers), address: server.address };
                    let took =
                        call::time(call, &asked, &mut connections[which]).await.map_err(|problem| format!("{}: {problem}", call.name))?;
                    measured.add(call.name, round, which, took);
                }
            }
        }
    }
    Ok(measured)
}

/// Another number for each, in no order.
fn scrambled(number: u32) -> u32 {
    number.wrapping_mul(2_246_822_519) ^ (number >> 7)
}
