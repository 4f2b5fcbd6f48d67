use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc};

use sluice_clients::twilio::{TwilioConfig, TwilioSms};
use sluice_core::{
    outgoing::{Outgoing, People},
    ports::{Clock, Ids, Mailer, Sms},
    settings::{MailSettings, Settings, SmsSettings},
    template::Templates,
};
use sluice_embedded::{
    EmbeddedStore, Outbox,
    smtp::{SmtpConfig, SmtpMailer, SmtpServer, parse_mailbox},
};

use super::report;

/// What goes out, checked, and without its adapters that need the data folder.
pub(super) struct Prepared {
    templates: Templates,
    mailer: Option<SmtpMailer>,
    sms: Option<TwilioSms>,
}

/// Checks all that goes out. Returns everything that is wrong.
pub(super) fn prepare(settings: &Settings) -> Result<Prepared, Vec<String>> {
    let mut problems = Vec::new();
    let templates = take(&mut problems, templates(settings.templates.as_deref()));
    let mailer = match &settings.mail {
        MailSettings::Captured | MailSettings::Off => None,
        MailSettings::Smtp { url, from, reply_to } => take(&mut problems, smtp(url.reveal(), from, reply_to.as_deref())),
    };
    let sms = match &settings.sms {
        SmsSettings::Captured | SmsSettings::Off => None,
        SmsSettings::Twilio { account_sid, auth_token, from, base_url } => {
            let mut config = TwilioConfig::new(account_sid, auth_token.reveal(), from);
            if let Some(base_url) = base_url {
                config.base_url.clone_from(base_url);
            }
            take(
                &mut problems,
                TwilioSms::new(config)
                    .map_err(|wrong| wrong.iter().map(|problem| format!("TWILIO_…, SLUICE_SMS_FROM: {problem}")).collect()),
            )
        }
    };
    match templates {
        Some(templates) if problems.is_empty() => Ok(Prepared { templates, mailer, sms }),
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

fn templates(folder: Option<&Path>) -> Result<Templates, Vec<String>> {
    let files = match folder {
        None => BTreeMap::new(),
        Some(folder) => read_templates(folder)
            .map_err(|error| vec![format!("SLUICE_TEMPLATES: the folder {} can't be read: {error}", folder.display())])?,
    };
    Templates::new(files).map_err(|problems| problems.iter().map(|problem| format!("SLUICE_TEMPLATES: {problem}")).collect())
}

fn read_templates(folder: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // What editors and file managers leave behind is no template.
        if entry.file_type()?.is_file() && !name.starts_with('.') && !name.ends_with('~') {
            files.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(files)
}

/// Puts the adapters together.
pub(super) fn wire(
    settings: &Settings,
    prepared: Prepared,
    store: Arc<EmbeddedStore>,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn Ids>,
) -> Outgoing {
    let outbox = Arc::new(Outbox::new(store, Arc::clone(clock), Arc::clone(ids)).observed(report::captured));
    let mailer: Option<Arc<dyn Mailer>> = match settings.mail {
        MailSettings::Captured => Some(outbox.clone()),
        MailSettings::Off | MailSettings::Smtp { .. } => prepared.mailer.map(|mailer| Arc::new(mailer) as _),
    };
    let sms: Option<Arc<dyn Sms>> = match settings.sms {
        SmsSettings::Captured => Some(outbox),
        SmsSettings::Off | SmsSettings::Twilio { .. } => prepared.sms.map(|sms| Arc::new(sms) as _),
    };
    let people = People {
        business_name: settings.business_name.clone(),
        support_email: settings.support_email.clone(),
        alert_email: settings.alert_email.clone(),
        pay_url: settings.pay_url.clone(),
    };
    Outgoing { mailer, sms, templates: Arc::new(prepared.templates), people }
}
