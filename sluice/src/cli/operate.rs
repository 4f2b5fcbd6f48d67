//! The operator's commands: they ask a running Sluice over its API.

use clap::{Args, Subcommand};
use serde_json::Value;
use sluice_core::settings::DEV_API_KEY;

use super::{Error, Exit, Surroundings, client::Client, usage};

/// Where Sluice is, and as whom to speak to it.
#[derive(Debug, Args)]
pub struct Target {
    /// Where Sluice runs
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    to: String,
    /// The API key; by default the first of SLUICE_API_KEY, or dev's own on this machine
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Print JSON, for programs
    #[arg(long)]
    pub(super) json: bool,
}

impl Target {
    pub(super) fn client(&self, surroundings: &Surroundings<'_>) -> Result<Client, Error> {
        let set = || (surroundings.setting)("SLUICE_API_KEY").and_then(|keys| keys.split(',').next().map(|key| key.trim().to_owned()));
        let client = Client::new(&self.to)?;
        let key = self.key.clone().or_else(set).or_else(|| client.is_loopback().then(|| DEV_API_KEY.to_owned()));
        Ok(client.with_key(key.ok_or_else(|| usage("no API key: give --key, or set SLUICE_API_KEY"))?))
    }
}

/// What to replay.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The ids of the events (`in_…`), as `GET /api/v1/inbound` shows them
    #[arg(required_unless_present = "parked")]
    ids: Vec<String>,
    /// Replay every parked event
    #[arg(long, conflicts_with = "ids")]
    parked: bool,
    #[command(flatten)]
    target: Target,
}

/// What to do with the dead letters.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// Show the messages that killed or outlived every try to handle them
    List {
        /// Show at most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Of which queue: inbound, or outbound, where deliveries to subscribers wait
        #[arg(long, default_value = "inbound", value_parser = ["inbound", "outbound"])]
        queue: String,
        #[command(flatten)]
        target: Target,
    },
    /// Send them all back to be handled again
    Redrive {
        /// Of which queue: inbound, or outbound, where deliveries to subscribers wait
        #[arg(long, default_value = "inbound", value_parser = ["inbound", "outbound"])]
        queue: String,
        #[command(flatten)]
        target: Target,
    },
}

/// Has events planned again from their stored bodies.
pub(super) fn replay(args: &ReplayArgs, surroundings: &mut Surroundings<'_>) -> Result<Exit, Error> {
    let client = args.target.client(surroundings)?;
    let ids = if args.parked { parked(&client)? } else { args.ids.clone() };
    if ids.is_empty() {
        writeln!(surroundings.output, "nothing is parked")?;
    }
    let mut exit = Exit::Success;
    for id in ids {
        let answer = client.post(&format!("/api/v1/inbound/{id}/replay"))?;
        if args.target.json {
            writeln!(surroundings.output, "{}", answer.json)?;
        } else if answer.is_success() {
            writeln!(surroundings.output, "{id} is queued to be replayed")?;
        } else {
            writeln!(surroundings.output, "{id}: {}", answer.problem())?;
        }
        if !answer.is_success() {
            exit = Exit::Failure;
        }
    }
    Ok(exit)
}

fn parked(client: &Client) -> Result<Vec<String>, Error> {
    let mut ids = Vec::new();
    let mut path = "/api/v1/inbound?status=parked&limit=1000".to_owned();
    loop {
        let page = client.get(&path)?.expect_success()?;
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        ids.extend(items.iter().filter_map(|item| item["id"].as_str()).map(str::to_owned));
        let Some(next) = page["next"].as_str() else { return Ok(ids) };
        path = format!("/api/v1/inbound?status=parked&limit=1000&cursor={next}");
    }
}

/// Shows or redrives the dead letters.
pub(super) fn dlq(command: &DlqCommand, surroundings: &mut Surroundings<'_>) -> Result<Exit, Error> {
    match command {
        DlqCommand::List { limit, queue, target } => {
            let path = format!("/api/v1/dead-letters?limit={limit}&queue={queue}");
            let page = target.client(surroundings)?.get(&path)?.expect_success()?;
            if target.json {
                writeln!(surroundings.output, "{page}")?;
                return Ok(Exit::Success);
            }
            let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            for item in items {
                writeln!(
                    surroundings.output,
                    "{}  received {} times, queued {}",
                    text(&item["id"]),
                    item["receives"],
                    text(&item["sent_at"])
                )?;
                writeln!(surroundings.output, "    {}", shortened(&text(&item["body"]), 160))?;
            }
            writeln!(surroundings.output, "{} of {} dead letters", items.len(), page["total"])?;
        }
        DlqCommand::Redrive { queue, target } => {
            let answer = target.client(surroundings)?.post(&format!("/api/v1/dead-letters/redrive?queue={queue}"))?.expect_success()?;
            match target.json {
                true => writeln!(surroundings.output, "{answer}")?,
                false => writeln!(surroundings.output, "{} dead letters are queued again", answer["redriven"])?,
            }
        }
    }
    Ok(Exit::Success)
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { format!("{}…", text.chars().take(most).collect::<String>()) }
}
