use std::sync::Arc;

use sluice_clients::{stripe::StripeClient, twilio::TwilioSms};
use sluice_core::{
    outgoing::{Gates, Outgoing},
    ports::{Clock, Ids, Mailer, Sms, StripeApi},
    settings::{MailSettings, OutgoingSettings, SmsSettings, StripeApiSettings},
    template::Templates,
};
use sluice_embedded::{
    EmbeddedStore, Outbox,
    smtp::{SmtpConfig, SmtpMailer, SmtpServer, parse_mailbox},
};

use sluice_system::read_templates;

use super::report;

/// What goes out, checked, and without its adapters that need the data folder.
pub(super) struct Prepared {
    templates: Templates,
    mailer: Option<SmtpMailer>,
    sms: Option<TwilioSms>,
    /// Stripe's API, if there is a key for it.
    pub(super) stripe: Option<Arc<dyn StripeApi>>,
}

/// Checks all that goes out. Returns everything that is wrong, each with its setting's name in front.
pub(super) fn prepare(
    settings: &OutgoingSettings,
    stripe_api: &StripeApiSettings,
    clock: &Arc<dyn Clock>,
) -> Result<Prepared, Vec<String>> {
    let mut problems = Vec::new();
    let templates = take(&mut problems, read_templates(settings.templates.as_deref()));
    let mailer = match &settings.mail {
        MailSettings::Captured | MailSettings::Off | MailSettings::Ses { .. } => None,
        MailSettings::Smtp { url, from, reply_to } => take(&mut problems, smtp(url.reveal(), from, reply_to.as_deref())),
    };
    let sms = take(&mut problems, TwilioSms::from_settings(&settings.sms)).flatten();
    let stripe = take(&mut problems, StripeClient::from_settings(stripe_api, Arc::clone(clock))).flatten();
    match templates {
        Some(templates) if problems.is_empty() => {
            Ok(Prepared { templates, mailer, sms, stripe: stripe.map(|stripe| Arc::new(stripe) as _) })
        }
        _ => Err(problems),
    }
}

fn take<T>(problems: &mut Vec<String>, result: Result<T, Vec<String>>) -> Option<T> {
    result.map_err(|wrong| problems.extend(wrong)).ok()
}

fn smtp(url: &str, from: &str, reply_to: Option<&str>) -> Result<SmtpMailer, Vec<String>> {
    let mut problems = Vec::new();
    let server = take(&mut problems, url.parse::<SmtpServer>().map_err(|error| vec![format!("SLUICE_SMTP_URL: {error}")]));
    let from = take(&mut problems, parse_mailbox(from).map_err(|error| vec![format!("SLUICE_MAIL_FROM: {error}")]));
    let reply_to = reply_to.map(parse_mailbox).transpose().map_err(|error| vec![format!("SLUICE_MAIL_REPLY_TO: {error}")]);
    let reply_to = take(&mut problems, reply_to);
    match (server, from, reply_to) {
        (Some(server), Some(from), Some(reply_to)) => {
            let config = SmtpConfig { reply_to, ..SmtpConfig::new(server, from) };
            SmtpMailer::new(config).map_err(|error| vec![format!("SLUICE_SMTP_URL: {error}")])
        }
        _ => Err(problems),
    }
}

/// Puts the adapters together.
pub(super) fn wire(
    settings: &OutgoingSettings,
    prepared: Prepared,
    store: Arc<EmbeddedStore>,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn Ids>,
) -> Outgoing {
    let outbox = Arc::new(Outbox::new(store, Arc::clone(clock), Arc::clone(ids)).observed(report::captured));
    let mailer: Option<Arc<dyn Mailer>> = match settings.mail {
        MailSettings::Captured => Some(outbox.clone()),
        MailSettings::Off | MailSettings::Smtp { .. } | MailSettings::Ses { .. } => prepared.mailer.map(|mailer| Arc::new(mailer) as _),
    };
    let sms: Option<Arc<dyn Sms>> = match settings.sms {
        SmsSettings::Captured => Some(outbox),
        SmsSettings::Off | SmsSettings::Twilio { .. } => prepared.sms.map(|sms| Arc::new(sms) as _),
    };
    Outgoing { mailer, sms, templates: Arc::new(prepared.templates), people: settings.people.clone(), gates: Gates::default() }
}
