//! Settings: environment variables, read once at start through a lookup that is handed in, all mistakes reported together.

mod reader;
mod table;

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

pub use table::{Setting, TABLE};

use self::reader::Reader;
use crate::{
    ids::is_source,
    ingest::MAX_BODY,
    pay_url::PayUrl,
    provider,
    secrets::{DEFAULT_SOURCE, FixedSecrets},
};
use sluice_signature::Secret;

/// What Sluice runs as. It decides the defaults, and what may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// On a developer's machine: everything has a default, mails and texts are captured.
    Dev,
    /// In production: settings only.
    Serve,
}

/// The signing secret that `dev` and `send` use unless told otherwise.
pub const DEV_SECRET: &str = "whsec_dev_stripe_only_for_this_machine";
/// The API key that `dev` uses unless told otherwise.
pub const DEV_API_KEY: &str = "sluice_dev_key_only_for_this_machine";

/// A mistake in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting.
    pub setting: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

/// How mail goes out.
#[derive(Clone, Debug)]
pub enum MailSettings {
    /// Kept, to be looked at.
    Captured,
    /// Not at all, by the operator's word.
    Off,
    /// Over SMTP.
    Smtp {
        /// The server, with user and password. A secret.
        url: Secret,
        /// The sender.
        from: String,
        /// Where answers go, if not to the sender.
        reply_to: Option<String>,
    },
}

/// How text messages go out.
#[derive(Clone, Debug)]
pub enum SmsSettings {
    /// Kept, to be looked at.
    Captured,
    /// Not at all.
    Off,
    /// Over Twilio's REST API.
    Twilio {
        /// The account.
        account_sid: String,
        /// Its token.
        auth_token: Secret,
        /// The sending number or messaging service.
        from: String,
        /// Where the API is; Twilio's own unless set.
        base_url: Option<String>,
    },
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that holds the data.
    pub data: PathBuf,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address under which the outside reaches Sluice, without a path or a slash at its end.
    pub public_url: String,
    /// The largest raw body that is taken, bytes.
    pub max_body: usize,
    /// The API keys with all rights.
    pub api_keys: Vec<Secret>,
    /// The signing secrets of each provider's sources.
    pub secrets: FixedSecrets,
    /// Whether Stripe's test-mode events change records.
    pub stripe_test_mode: bool,
    /// How mail goes out.
    pub mail: MailSettings,
    /// How text messages go out.
    pub sms: SmsSettings,
    /// The business, as customers know it.
    pub business_name: String,
    /// Where support reads its mail.
    pub support_email: String,
    /// Where the operator is alerted.
    pub alert_email: String,
    /// Where customers pay.
    pub pay_url: Option<PayUrl>,
    /// A folder with templates that replace the default ones.
    pub templates: Option<PathBuf>,
    /// How long a booking is held after its first failed payment.
    pub hold: Duration,
    /// The least important level that is logged: `error`, `warn`, `info` or `debug`.
    pub log: tracing::Level,
    /// How it is logged.
    pub log_format: LogFormat,
}

impl Settings {
    /// Reads the settings out of the environment, given as a whole.
    ///
    /// # Errors
    /// Every mistake: what is missing, half configured, contradictory, malformed or unknown.
    pub fn read(mode: Mode, environment: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(environment);
        reader.refuse_unknown();
        let dev = mode == Mode::Dev;
        let listen =
            reader.parsed("SLUICE_LISTEN", "127.0.0.1:3000".parse().expect("an address"), "an address and port, such as 127.0.0.1:3000");
        let mail = read_mail(&mut reader, mode);
        let needs_people = !dev && reader.text("SLUICE_MAIL") != Some("off");
        let support_email = reader.required_if(needs_people, "SLUICE_SUPPORT_EMAIL", "support@example.com", "where support reads its mail");
        let settings = Self {
            data: reader.text("SLUICE_DATA").unwrap_or("sluice-data").into(),
            listen,
            public_url: read_public_url(&mut reader, listen),
            max_body: reader.parsed("SLUICE_MAX_BODY", MAX_BODY, "a number of bytes, such as 4000000"),
            api_keys: read_api_keys(&mut reader, mode),
            secrets: read_secrets(&mut reader, mode),
            stripe_test_mode: reader.switch("SLUICE_STRIPE_TEST_MODE", dev),
            sms: read_sms(&mut reader, mode),
            business_name: reader.required_if(needs_people, "SLUICE_BUSINESS_NAME", "Example Bookings", "the name that customers know"),
            alert_email: reader.text("SLUICE_ALERT_EMAIL").map_or_else(|| support_email.clone(), str::to_owned),
            support_email,
            pay_url: reader.read("SLUICE_PAY_URL", |text| PayUrl::parse(text).map_err(|error| error.to_string())),
            templates: reader.text("SLUICE_TEMPLATES").map(Into::into),
            hold: reader.length("SLUICE_HOLD", Duration::from_hours(2)),
            log: reader.parsed("SLUICE_LOG", tracing::Level::INFO, "error, warn, info or debug"),
            log_format: reader.choice("SLUICE_LOG_FORMAT", &[("text", LogFormat::Text), ("json", LogFormat::Json)]).unwrap_or(if dev {
                LogFormat::Text
            } else {
                LogFormat::Json
            }),
            mail,
        };
        if settings.max_body == 0 || settings.max_body > 100_000_000 {
            reader.problem("SLUICE_MAX_BODY", "must be between 1 and 100000000 bytes");
        }
        for setting in ["SLUICE_SUPPORT_EMAIL", "SLUICE_ALERT_EMAIL"] {
            if reader.text(setting).is_some_and(|address| !address.contains('@')) {
                reader.problem(setting, "is no mail address");
            }
        }
        reader.finish(settings)
    }
}

fn read_mail(reader: &mut Reader<'_>, mode: Mode) -> MailSettings {
    let url = reader.text("SLUICE_SMTP_URL").map(Secret::new);
    let from = reader.text("SLUICE_MAIL_FROM").map(str::to_owned);
    let reply_to = reader.text("SLUICE_MAIL_REPLY_TO").map(str::to_owned);
    #[derive(Clone, Copy)]
    enum Switch {
        Off,
        Smtp,
    }
    let switch = reader.choice("SLUICE_MAIL", &[("off", Switch::Off), ("smtp", Switch::Smtp)]);
    match (switch, url) {
        (Some(Switch::Off), Some(_)) => {
            reader.problem("SLUICE_MAIL", "is off, but SLUICE_SMTP_URL is set; leave out one of them");
            MailSettings::Off
        }
        (Some(Switch::Off), None) => MailSettings::Off,
        (_, Some(url)) => {
            if from.is_none() {
                reader.problem(
                    "SLUICE_MAIL_FROM",
                    "is missing: mail goes out over SLUICE_SMTP_URL, and needs a sender, such as Bookings <bookings@example.com>",
                );
            }
            MailSettings::Smtp { url, from: from.unwrap_or_default(), reply_to }
        }
        (Some(Switch::Smtp), None) => {
            reader.problem(
                "SLUICE_SMTP_URL",
                "is missing, and SLUICE_MAIL is smtp; set it, such as smtps://user:password@mail.example.com:465",
            );
            MailSettings::Off
        }
        (None, None) if mode == Mode::Dev => MailSettings::Captured,
        (None, None) => {
            reader.problem("SLUICE_SMTP_URL", "is missing: set it to the mail server, or say SLUICE_MAIL=off if no mail is to go out");
            if from.is_none() {
                reader.problem("SLUICE_MAIL_FROM", "is missing: mail needs a sender, such as Bookings <bookings@example.com>");
            }
            MailSettings::Off
        }
    }
}

fn read_sms(reader: &mut Reader<'_>, mode: Mode) -> SmsSettings {
    let account_sid = reader.text("TWILIO_ACCOUNT_SID").map(str::to_owned);
    let auth_token = reader.text("TWILIO_AUTH_TOKEN").map(|text| text.split(',').next().unwrap_or_default().trim());
    let from = reader.text("SLUICE_SMS_FROM").map(str::to_owned);
    let base_url = reader.text("SLUICE_TWILIO_URL").map(str::to_owned);
    let Some(from) = from else {
        // The account and its token alone may be there for Twilio's webhooks.
        return if mode == Mode::Dev { SmsSettings::Captured } else { SmsSettings::Off };
    };
    let (sid, token) = (account_sid.is_none(), auth_token.is_none());
    for (missing, setting) in [(sid, "TWILIO_ACCOUNT_SID"), (token, "TWILIO_AUTH_TOKEN")] {
        if missing {
            reader.problem(setting, "is missing: SLUICE_SMS_FROM is set, and text messages need it; set it, or leave out SLUICE_SMS_FROM");
        }
    }
    SmsSettings::Twilio {
        account_sid: account_sid.unwrap_or_default(),
        auth_token: Secret::new(auth_token.unwrap_or_default()),
        from,
        base_url,
    }
}

fn read_api_keys(reader: &mut Reader<'_>, mode: Mode) -> Vec<Secret> {
    let mut keys: Vec<String> = reader.list("SLUICE_API_KEY");
    if keys.is_empty() && mode == Mode::Dev {
        keys.push(DEV_API_KEY.to_owned());
    }
    if mode == Mode::Serve {
        if keys.iter().any(|key| key == DEV_API_KEY) {
            reader.problem("SLUICE_API_KEY", "is the key of dev, which everybody knows; draw one with: openssl rand -hex 24");
        } else if keys.iter().any(|key| key.len() < 24) {
            reader.problem("SLUICE_API_KEY", "is shorter than 24 characters, which can be guessed; draw one with: openssl rand -hex 24");
        }
    }
    keys.into_iter().map(Secret::new).collect()
}

fn read_secrets(reader: &mut Reader<'_>, mode: Mode) -> FixedSecrets {
    let mut secrets = FixedSecrets::default();
    for provider in provider::ALL {
        let setting = provider.secret_setting();
        let mut found = reader.family(setting);
        if mode == Mode::Dev && !found.iter().any(|(source, ..)| source == DEFAULT_SOURCE) {
            found.push((DEFAULT_SOURCE.to_owned(), setting.to_owned(), vec![DEV_SECRET.to_owned()]));
        }
        for (source, setting, values) in found {
            if !is_source(&source) {
                reader.problem(&setting, "names a source that can't be one: after __ come 1 to 32 of A-Z, 0-9 and _");
            }
            if mode == Mode::Serve && values.iter().any(|value| value == DEV_SECRET) {
                reader.problem(&setting, "is the secret of dev, which everybody knows; take the one that the provider shows");
            }
            secrets.insert(provider.name(), &source, values.into_iter().map(Secret::new).collect());
        }
    }
    secrets
}

fn read_public_url(reader: &mut Reader<'_>, listen: SocketAddr) -> String {
    let own = format!("http://localhost:{}", listen.port());
    let Some(text) = reader.text("SLUICE_PUBLIC_URL") else { return own };
    let url = text.trim_end_matches('/');
    let fits = url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http"))
            && uri.host().is_some()
            && uri.query().is_none()
            && matches!(uri.path(), "" | "/")
    });
    if !fits {
        reader.problem("SLUICE_PUBLIC_URL", "must be scheme and host alone, such as https://hooks.example.com");
    }
    url.to_owned()
}

#[cfg(test)]
mod tests;
