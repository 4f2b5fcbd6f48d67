//! What a person at the terminal is told. Everything else is logged.

use std::net::SocketAddr;

use sluice_core::{
    provider,
    secrets::{DEFAULT_SOURCE, Secrets},
    settings::{DEV_API_KEY, MailSettings, Mode, Settings, SmsSettings},
};
use sluice_embedded::{Channel, OutboxEntry};

/// Says what is on and what is off.
pub(super) fn started(mode: Mode, settings: &Settings, address: SocketAddr) {
    for provider in provider::ALL {
        let sources: Vec<_> = settings.ingest.secrets.sources(provider.name()).collect();
        if sources.is_empty() {
            tracing::warn!("{}: off, because {} is not set", provider.title(), provider.secret_setting());
        } else {
            let urls: Vec<_> = sources.iter().flat_map(|source| provider.paths(source)).collect();
            tracing::info!("{}: on, at {} under {}", provider.title(), urls.join(", "), settings.ingest.public_url);
        }
    }
    for (source, tenant) in settings.ingest.tenants.iter() {
        tracing::info!("source {source}: of the tenant {tenant}, in a space of its own");
    }
    settings.unread.iter().for_each(|unread| tracing::warn!("{unread}"));
    if mode != Mode::Dev {
        settings.ingest.doubts().iter().for_each(|doubt| tracing::warn!("{doubt}"));
    }
    tracing::info!(
        "Stripe's test mode: {}",
        if settings.rules.stripe_test_mode {
            "on, its events change records, send mails and go out to subscribers"
        } else {
            "off, its events are recorded only"
        }
    );
    if settings.stripe_api.keys.is_empty() {
        tracing::info!("Stripe's API: not asked, because STRIPE_SECRET_KEY is not set; what events don't say stays empty");
    } else {
        let sources: Vec<_> = settings.stripe_api.keys.keys().map(String::as_str).collect();
        tracing::info!("Stripe's API: asked for what events don't say, for {}", sources.join(", "));
    }
    match &settings.outgoing.mail {
        MailSettings::Captured => tracing::info!("mail: captured, nothing is sent"),
        MailSettings::Off => tracing::warn!("mail: off"),
        MailSettings::Smtp { from, .. } | MailSettings::Ses { from, .. } => tracing::info!("mail: on, from {from}"),
    }
    match &settings.outgoing.sms {
        SmsSettings::Captured => tracing::info!("text messages: captured, nothing is sent"),
        SmsSettings::Off if matches!(settings.outgoing.mail, MailSettings::Off) => {
            tracing::warn!("text messages: off; nobody is told anything")
        }
        SmsSettings::Off => tracing::info!("text messages: off, because SLUICE_SMS_FROM is not set; mail is sent instead"),
        SmsSettings::Twilio { from, .. } => tracing::info!("text messages: on, from {from}"),
    }
    if settings.webhooks.master_keys.is_empty() {
        tracing::warn!("webhooks out: off, because SLUICE_MASTER_KEY is not set");
    } else {
        tracing::info!("webhooks out: on");
    }
    if settings.api_keys.is_empty() {
        tracing::warn!("API: nobody can call it, because SLUICE_API_KEY is not set");
    }
    tracing::info!("data in {}", settings.data.display());
    tracing::info!("listening on http://{address}");
    if mode == Mode::Dev {
        if settings.api_keys.iter().any(|key| key.reveal() == DEV_API_KEY) && !address.ip().is_loopback() {
            tracing::warn!(
                "API: everybody knows the key, and {address} can be reached from outside; set SLUICE_API_KEY to a key of your own"
            );
        }
        try_next(settings, address);
    }
}

/// Says that all has come to rest.
pub(super) fn stopped(given_back: usize) {
    tracing::info!(given_back, "stopped");
}

#[expect(clippy::print_stdout, reason = "this is for the person at the terminal")]
fn try_next(settings: &Settings, address: SocketAddr) {
    let key = settings.api_keys.first().map_or("", |key| if key.reveal() == DEV_API_KEY { DEV_API_KEY } else { "$SLUICE_API_KEY" });
    let port = address.port();
    let own_key = if key == DEV_API_KEY { "" } else { " (in a terminal that has SLUICE_API_KEY set, too)" };
    let stripe = provider::by_name("stripe").expect("is there");
    let own_secret = match settings.ingest.secrets.active(stripe.name(), DEFAULT_SOURCE) {
        Some(secrets) if secrets.iter().any(|secret| secret.reveal() == stripe.dev_secret()) => "",
        _ => " (in a terminal that has STRIPE_WEBHOOK_SECRET set, too)",
    };
    println!(
        r##"
Sluice is ready on http://localhost:{port}. Try, in another terminal:

  1. put a booking{own_key}
     curl -X PUT http://localhost:{port}/api/v1/bookings/12345 -H "Authorization: Bearer {key}" \
       -d '{{"customer_name":"Ana Lima","customer_email":"ana@example.com","customer_phone":"+15005550006","deposit_amount":6000,"currency":"usd"}}'
  2. let it be paid, as Stripe would say it{own_secret}
     cargo run --release -- send stripe payment_intent.succeeded --to http://localhost:{port}
  3. see what came of it
     curl -H "Authorization: Bearer {key}" http://localhost:{port}/api/v1/bookings/12345
     curl -H "Authorization: Bearer {key}" http://localhost:{port}/api/v1/inbound
     curl -H "Authorization: Bearer {key}" http://localhost:{port}/api/v1/dev/outbox

Stripe's own tool works, too: stripe listen --forward-to localhost:{port}/webhooks/stripe (README). Stop with Ctrl-C.
"##
    );
}

/// Prints a mail or a text as it is captured.
#[expect(clippy::print_stdout, reason = "this is for the person at the terminal")]
pub(super) fn captured(entry: &OutboxEntry) {
    let OutboxEntry { to, text, .. } = entry;
    match entry.channel {
        Channel::Email => {
            println!("┌ mail to {to}: {}\n│ {}", entry.subject.as_deref().unwrap_or_default(), text.trim_end().replace('\n', "\n│ "))
        }
        Channel::Sms => println!("┌ text message to {to}\n│ {text}"),
    }
}
