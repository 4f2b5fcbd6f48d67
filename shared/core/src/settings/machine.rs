use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use sluice_signature::Secret;

use super::{
    DEV_API_KEY, IngestSettings, LogSettings, Mode, OutgoingSettings, Problem, Reader, RuleSettings, StripeApiSettings, WebhookSettings,
};

/// All settings of one machine, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that holds the data.
    pub data: PathBuf,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The API keys with all rights.
    pub api_keys: Vec<Secret>,
    /// What takes webhooks in.
    pub ingest: IngestSettings,
    /// What decides something.
    pub rules: RuleSettings,
    /// What goes out to people.
    pub outgoing: OutgoingSettings,
    /// How Stripe's API is asked.
    pub stripe_api: StripeApiSettings,
    /// How webhooks go out to subscribers.
    pub webhooks: WebhookSettings,
    /// What is logged.
    pub log: LogSettings,
    /// What is set and not read, in words: what does nothing here, and what looks like a setting and is none.
    pub unread: Vec<String>,
}

impl Settings {
    /// Reads the settings out of the environment, given as a whole.
    ///
    /// # Errors
    /// Every mistake: what is missing, half configured, contradictory, malformed or unknown.
    pub fn read(mode: Mode, environment: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        Self::read_and_check(mode, environment, |_| Vec::new())
    }

    /// Reads the settings, and has them checked by who knows more of them. What `check` finds is told together with the other mistakes; it begins with the
    /// setting's name and a colon. Where a setting is known to be wrong, nothing more is said of it.
    ///
    /// # Errors
    /// Every mistake.
    pub fn read_and_check(
        mode: Mode,
        environment: &BTreeMap<String, String>,
        check: impl FnOnce(&Self) -> Vec<String>,
    ) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(environment);
        reader.refuse_unknown();
        let listen =
            reader.parsed("SLUICE_LISTEN", "127.0.0.1:3000".parse().expect("an address"), "an address and port, such as 127.0.0.1:3000");
        reader.idle_on_one_machine();
        let ingest = IngestSettings::read(&mut reader, mode, listen);
        let settings = Self {
            data: reader.text("SLUICE_DATA").unwrap_or("sluice-data").into(),
            listen,
            api_keys: read_api_keys(&mut reader, mode),
            webhooks: WebhookSettings::read(&mut reader, mode, ingest.public_url.reveal()),
            ingest,
            rules: RuleSettings::read(&mut reader, mode),
            outgoing: OutgoingSettings::read(&mut reader, mode),
            stripe_api: StripeApiSettings::read(&mut reader, mode),
            log: LogSettings::read(&mut reader, mode),
            unread: reader.doubts(),
        };
        let known = reader.wrong();
        for found in check(&settings) {
            let (setting, problem) = found.split_once(": ").unwrap_or(("settings", &found));
            if !known.contains(setting) {
                reader.problem(setting, problem);
            }
        }
        reader.finish(settings)
    }
}

/// Reads the keys of the API.
pub fn read_api_keys(reader: &mut Reader<'_>, mode: Mode) -> Vec<Secret> {
    let mut keys: Vec<String> = reader.list("SLUICE_API_KEY");
    if keys.is_empty() && mode == Mode::Dev {
        keys.push(DEV_API_KEY.to_owned());
    }
    if mode != Mode::Dev {
        if keys.iter().any(|key| key == DEV_API_KEY) {
            reader.problem("SLUICE_API_KEY", "is the key of dev, which everybody knows; draw one with: openssl rand -hex 24");
        } else if keys.iter().any(|key| key.len() < 24) {
            reader.problem("SLUICE_API_KEY", "is shorter than 24 characters, which can be guessed; draw one with: openssl rand -hex 24");
        }
    }
    keys.into_iter().map(Secret::new).collect()
}
