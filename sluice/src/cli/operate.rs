//! The operator's commands: they ask a running Sluice over its API.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};
use sluice_core::settings::DEV_API_KEY;

use super::{
    Error, Exit, Surroundings,
    client::{ApiAnswer, Client, own_address},
    usage,
};

/// Where Sluice is, and as whom to speak to it.
#[derive(Debug, Args)]
pub struct Target {
    /// Where Sluice runs [default: at SLUICE_LISTEN, else http://127.0.0.1:3000]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
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
        let client = match &self.to {
            Some(to) => Client::new(to)?,
            None => Client::new(&own_address(surroundings)?)?,
        };
        let key = self.key.clone().or_else(set).or_else(|| client.is_loopback().then(|| DEV_API_KEY.to_owned()));
        Ok(client.with_key(key.ok_or_else(|| usage("no API key: give --key, or set SLUICE_API_KEY"))?))
    }
}

/// What to replay.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The ids of the events (`in_…`), as `GET /api/v1/inbound` shows them
    ids: Vec<String>,
    /// Replay every parked event
    #[arg(long, conflicts_with = "ids")]
    parked: bool,
    /// Replay every event that waits for Stripe's API, now that its key is right or it answers again
    #[arg(long, conflicts_with_all = ["ids", "parked"])]
    waiting: bool,
    #[command(flatten)]
    target: Target,
}

/// What to dismiss.
#[derive(Debug, Args)]
pub struct DismissArgs {
    /// The ids of parked events (`in_…`), as `GET /api/v1/inbound?status=parked` shows them
    #[arg(required = true)]
    ids: Vec<String>,
    /// Why, for whoever looks at them later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
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
    if args.ids.is_empty() && !args.parked && !args.waiting {
        return Err(usage(
            "name the events to replay (`in_…`), or give --parked for all that are parked, or --waiting for all that wait for a key",
        ));
    }
    let client = args.target.client(surroundings)?;
    let ids = match (args.parked, args.waiting) {
        (true, _) => listed(&client, "parked")?,
        (_, true) => listed(&client, "waiting")?,
        _ => args.ids.clone(),
    };
    if ids.is_empty() {
        writeln!(surroundings.output, "{}", if args.waiting { "nothing waits" } else { "nothing is parked" })?;
    }
    let ask = |id: &str| client.post(&format!("/api/v1/inbound/{id}/replay"));
    of_each(&ids, ask, "is queued to be replayed", args.target.json, surroundings)
}

/// Says of parked events that nothing is to come of them.
pub(super) fn dismiss(args: &DismissArgs, surroundings: &mut Surroundings<'_>) -> Result<Exit, Error> {
    let client = args.target.client(surroundings)?;
    let body = args.reason.as_ref().map(|reason| json!({ "reason": reason }));
    let ask = |id: &str| client.send(Method::POST, &format!("/api/v1/inbound/{id}/dismiss"), body.as_ref(), None);
    of_each(&args.ids, ask, "is dismissed", args.target.json, surroundings)
}

/// Asks for each event, and prints what came of it.
fn of_each(
    ids: &[String],
    ask: impl Fn(&str) -> Result<ApiAnswer, Error>,
    done: &str,
    json: bool,
    surroundings: &mut Surroundings<'_>,
) -> Result<Exit, Error> {
    let mut exit = Exit::Success;
    for id in ids {
        let answer = ask(id)?;
        if json {
            writeln!(surroundings.output, "{}", answer.json)?;
        } else if answer.is_success() {
            writeln!(surroundings.output, "{id} {done}")?;
        } else {
            writeln!(surroundings.output, "{id}: {}", answer.problem())?;
        }
        if !answer.is_success() {
            exit = Exit::Failure;
        }
    }
    Ok(exit)
}

/// The ids of all events with a status.
fn listed(client: &Client, status: &str) -> Result<Vec<String>, Error> {
    let mut ids = Vec::new();
    let mut path = format!("/api/v1/inbound?status={status}&limit=1000");
    loop {
        let page = client.get(&path)?.expect_success()?;
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        ids.extend(items.iter().filter_map(|item| item["id"].as_str()).map(str::to_owned));
        let Some(next) = page["next"].as_str() else { return Ok(ids) };
        path = format!("/api/v1/inbound?status={status}&limit=1000&cursor={next}");
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
