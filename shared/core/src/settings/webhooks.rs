use sluice_guard::{Host, Loopback, Range, Rules};
use sluice_signature::Secret;

use super::{Mode, Reader};
use crate::{
    time::parse_length,
    webhooks::{schedule::RetrySchedule, sealed::SHORTEST_KEY},
};

/// The master key of `dev`, unless told otherwise.
const DEV_MASTER_KEY: &str = "sluice_dev_master_key_only_for_this_machine";

/// How webhooks go out to subscribers.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// The keys under which signing secrets are kept; the first one seals. Empty: webhooks out are off.
    pub master_keys: Vec<Secret>,
    /// Where webhooks may go.
    pub rules: Rules,
    /// When a delivery that failed is tried again, unless its subscription says otherwise.
    pub retry_schedule: RetrySchedule,
}

impl WebhookSettings {
    /// Reads them. `public_url` is the address of Sluice itself.
    pub fn read(reader: &mut Reader<'_>, mode: Mode, public_url: &str) -> Self {
        let mut keys = reader.list("SLUICE_MASTER_KEY");
        if keys.is_empty() && mode == Mode::Dev {
            keys.push(DEV_MASTER_KEY.to_owned());
        }
        if mode != Mode::Dev && keys.iter().any(|key| key == DEV_MASTER_KEY) {
            reader.problem("SLUICE_MASTER_KEY", "is the key of dev, which everybody knows; draw one with: openssl rand -hex 32");
        } else if keys.iter().any(|key| key.len() < SHORTEST_KEY) {
            reader.problem("SLUICE_MASTER_KEY", "is shorter than 32 characters, which can be guessed; draw one with: openssl rand -hex 32");
        }
        Self {
            master_keys: keys.into_iter().map(Secret::new).collect(),
            rules: read_rules(reader, mode, public_url),
            retry_schedule: reader.read("SLUICE_WEBHOOK_RETRIES", read_schedule).unwrap_or_default(),
        }
    }
}

fn read_rules(reader: &mut Reader<'_>, mode: Mode, public_url: &str) -> Rules {
    let mut ports = Vec::new();
    for text in reader.list("SLUICE_WEBHOOK_PORTS") {
        match text.parse() {
            Ok(port) if port != 0 => ports.push(port),
            _ => reader.problem("SLUICE_WEBHOOK_PORTS", format!("{text} is no port; write them such as 8443,9443")),
        }
    }
    let mut refused: Vec<Range> = Vec::new();
    for text in reader.list("SLUICE_WEBHOOK_REFUSE") {
        match text.parse() {
            Ok(range) => refused.push(range),
            Err(bad) => reader.problem("SLUICE_WEBHOOK_REFUSE", format!("{text} is {bad}")),
        }
    }
    // In dev one may have Sluice send to itself, to see what that looks like.
    let own = own_place(public_url).filter(|_| mode != Mode::Dev).into_iter().collect();
    let loopback = if reader.switch("SLUICE_WEBHOOK_LOOPBACK", mode == Mode::Dev) { Loopback::Named } else { Loopback::Refused };
    Rules { ports, refused, own, loopback }
}

/// The host and port of a public URL.
fn own_place(public_url: &str) -> Option<(Host, u16)> {
    let uri: http::Uri = public_url.parse().ok()?;
    let usual = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    Some((Host::parse(uri.host()?)?, uri.port_u16().unwrap_or(usual)))
}

fn read_schedule(text: &str) -> Result<RetrySchedule, String> {
    let waits = text.split(',').map(|wait| parse_length(wait.trim()).ok().map(|wait| wait.as_secs()));
    let waits = waits.collect::<Option<Vec<_>>>().and_then(RetrySchedule::new);
    waits.ok_or_else(|| "must be at most 20 waits of 1s to 72h, such as 1m,5m,25m,2h,10h".to_owned())
}
