/// One setting, for the reader and for the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What holds without it, in `serve`; empty if there is nothing.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

impl Setting {
    /// The name up to its last word, `STRIPE_WEBHOOK` of `STRIPE_WEBHOOK_SECRET[__SOURCE]`: what begins like it is hardly another program's.
    pub(super) fn family_name(&self) -> &'static str {
        let stem = self.name.strip_suffix("[__SOURCE]").unwrap_or(self.name);
        stem.rsplit_once('_').map_or(stem, |(family, _)| family)
    }

    /// Whether nothing but functions on Lambda read it, as its meaning says.
    pub(super) fn is_for_lambda(&self) -> bool {
        self.meaning.starts_with("Lambda: ")
    }

    /// Whether `name` is this setting, or this setting for one source.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match self.name.strip_suffix("[__SOURCE]") {
            Some(stem) => name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with("__")),
            None => self.name == name,
        }
    }
}

macro_rules! table {
    ($($name:literal, $default:literal, $meaning:literal;)*) => {
        /// Every setting that Sluice reads.
        pub const TABLE: &[Setting] = &[$(Setting { name: $name, default: $default, meaning: $meaning }),*];
    };
}

table! {
    "SLUICE_DATA", "sluice-data", "the folder that holds the data";
    "SLUICE_LISTEN", "127.0.0.1:3000", "the address to listen on";
    "SLUICE_PUBLIC_URL", "http://localhost:PORT", "scheme and host under which the outside reaches Sluice, such as `https://hooks.example.com`, with the user info that Twilio was given, if any (never shown); Twilio reports there what becomes of texts";
    "SLUICE_API_KEY", "none: the API answers 401", "keys of the API, separated by commas; 24 characters or more";
    "STRIPE_WEBHOOK_SECRET[__SOURCE]", "none: Stripe is not served", "Stripe's signing secrets (`whsec_…`), separated by commas while one is rotated; with `__ACME`, those of the source `acme`";
    "STRIPE_SECRET_KEY[__SOURCE]", "none: nothing is looked up", "Stripe's API keys for what events don't say: restricted ones that may read charges, payment intents, payment methods, invoices, subscriptions and events; a live and a test key, separated by commas; sources as above";
    "GITHUB_WEBHOOK_SECRET[__SOURCE]", "none: GitHub is not served", "the secret that was typed in when the webhook was made at GitHub; several and sources as above";
    "SHOPIFY_WEBHOOK_SECRET[__SOURCE]", "none: Shopify is not served", "the app's client secret; several and sources as above";
    "SENDRO_WEBHOOK_SECRET[__SOURCE]", "none: Sendro is not served", "Sendro's signing secret; several and sources as above";
    "SLACK_SIGNING_SECRET[__SOURCE]", "none: Slack is not served", "the app's signing secret; several and sources as above";
    "STANDARD_WEBHOOK_SECRET[__SOURCE]", "none: no such sender is served", "the key that a sender by Standard Webhooks or Svix shows (`whsec_…` or `whpk_…`); name each sender as a source, such as `__ACME`";
    "SLUICE_TENANT[__SOURCE]", "none: sources are the operator's", "the tenant whose the source is, by its id: what the source sends stays in that tenant's space, and its subscriptions and the operator's are told of it; always with a source, such as `SLUICE_TENANT__ACME` for the source `acme` of every provider. An empty one is refused, and so is a secret that the source has in common with one that is not that tenant's. On Lambda the same for all functions";
    "SLUICE_TENANT_MESSAGES", "200", "how many mails and texts what a tenant's own sources tell, and what is put for such a tenant, may have sent in an hour; more wait, and go later. 0 for any number";
    "SLUICE_STRIPE_TEST_MODE", "off (`dev`: on)", "whether events with `livemode: false` change records, send mails and go out to subscribers: `on` or `off`";
    "SLUICE_HOLD", "2h", "how long a booking is held after its first failed payment";
    "SLUICE_MAIL", "", "`off` if no mail is to go out, else `smtp`; one of this and SLUICE_SMTP_URL is required. On Lambda `ses` or `off`";
    "SLUICE_SMTP_URL", "", "the mail server: `smtps://user:password@host:465`, or `smtp://user:password@host:587?tls=required`";
    "SLUICE_MAIL_FROM", "", "the sender of mails, such as `Bookings <bookings@example.com>`; required with SLUICE_SMTP_URL and with SES";
    "SLUICE_MAIL_REPLY_TO", "the sender", "where answers to mails go";
    "SLUICE_BUSINESS_NAME", "", "the business as its customers know it; required unless mail is off";
    "SLUICE_SUPPORT_EMAIL", "", "where support reads its mail; required unless mail is off";
    "SLUICE_ALERT_EMAIL", "SLUICE_SUPPORT_EMAIL", "where the operator is told of parked events, dead letters and failed effects";
    "SLUICE_PAY_URL", "none: mails have no link", "where customers pay, with `{booking_id}` in it";
    "SLUICE_TEMPLATES", "none: the built-in ones", "a folder with templates that replace built-in ones, by file name; checked at start";
    "SLUICE_SMS_FROM", "none: text messages are off", "who texts are sent from: a number (E.164), a messaging service (`MG…`), a short code, or a name of up to 11 letters, digits and spaces; needs the next two";
    "TWILIO_ACCOUNT_SID", "", "the Twilio account (`AC…`)";
    "TWILIO_AUTH_TOKEN[__SOURCE]", "none: Twilio is not served", "its auth token, which also signs Twilio's webhooks; several, separated by commas: the first one sends. `AC…:token` is the token of that account alone, `webhooks_sharedkey_…:secret` a shared key";
    "SLUICE_TWILIO_SMS_REPLY", "Thanks for your message! We received: {message}", "the answer to an incoming text message, `{message}` quotes it; `off` for none";
    "SLUICE_TWILIO_VOICE_REPLY", "Hello! Thank you for calling.", "what callers are told; `off` for nothing";
    "SLUICE_TWILIO_VOICE_SOUND", "none", "the URL of a sound that callers hear after it";
    "SLUICE_TWILIO_STATUS_ANSWER", "json", "how status callbacks are answered: `json`, or `empty` for 204, which Twilio's console prefers";
    "SLUICE_TWILIO_URL", "https://api.twilio.com", "where Twilio's REST API is; for tests";
    "SLUICE_STRIPE_API_URL", "https://api.stripe.com", "where Stripe's API is; for tests";
    "SLUICE_MASTER_KEY", "none: webhooks out are off", "the key under which subscribers' signing secrets and headers are kept, 32 characters or more (`openssl rand -hex 32`); while it is rotated the new one and then the old one, separated by a comma";
    "SLUICE_WEBHOOK_RETRIES", "1m,5m,25m,2h,10h", "the waits between the attempts of a delivery, for subscriptions without a schedule of their own";
    "SLUICE_WEBHOOK_PORTS", "none", "ports besides 80 and 443 that webhooks may go to, separated by commas";
    "SLUICE_WEBHOOK_REFUSE", "none", "ranges of addresses that webhooks may not go to besides all that are not public, such as your own `20.30.0.0/16`, separated by commas";
    "SLUICE_WEBHOOK_LOOPBACK", "off (`dev`: on)", "whether webhooks may go to this very machine, also without TLS: `on` or `off`; for tests";
    "SLUICE_MAX_BODY", "4000000", "the largest webhook that is taken, bytes";
    "SLUICE_TABLE", "", "Lambda: the name of the table that holds the records";
    "SLUICE_INBOUND_QUEUE_URL", "", "Lambda: the URL of the queue `inbound`";
    "SLUICE_OUTBOUND_QUEUE_URL", "", "Lambda: the URL of the queue `outbound`";
    "SLUICE_INBOUND_DLQ_URL", "", "Lambda: the URL of the dead-letter queue behind `inbound`";
    "SLUICE_OUTBOUND_DLQ_URL", "", "Lambda: the URL of the dead-letter queue behind `outbound`";
    "SLUICE_MAX_RECEIVES", "20", "Lambda: after how many receives a message is dead; the same as in the queue's redrive policy";
    "SLUICE_SES_CONFIGURATION_SET", "none", "Lambda: the configuration set by which SES reports bounces and complaints";
    "SLUICE_SECRET_REFRESH", "5m", "Lambda: how old a secret that is set by reference may become before it is fetched again";
    "SLUICE_LOG", "info", "the least important level that is logged: `error`, `warn`, `info` or `debug`";
    "SLUICE_LOG_FORMAT", "json (`dev`: text)", "`text` or `json`";
}
