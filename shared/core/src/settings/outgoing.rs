use std::path::PathBuf;

use sluice_signature::Secret;

use super::{Mode, Reader, ingest::read_public_url};
use crate::{address::is_mail_address, outgoing::People, pay_url::PayUrl};

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
    /// Through Amazon SES.
    Ses {
        /// The sender.
        from: String,
        /// Where answers go, if not to the sender.
        reply_to: Option<String>,
        /// The configuration set by which SES reports bounces and complaints.
        configuration_set: Option<String>,
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
        /// Where Twilio is to report what becomes of a text, if it can reach that. There may be a password in it.
        status_callback: Option<Secret>,
    },
}

/// In which ways people can be told something at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelSettings {
    /// Whether mail goes out.
    pub mail: bool,
    /// Whether text messages go out.
    pub sms: bool,
}

impl ChannelSettings {
    /// Reads no more than whether they are on, for functions on Lambda that only decide what is to be told.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        Self { mail: read_ses_switch(reader) == Some(Switch::On), sms: reader.text("SLUICE_SMS_FROM").is_some() }
    }
}

/// What goes out to people.
#[derive(Clone, Debug)]
pub struct OutgoingSettings {
    /// How mail goes out.
    pub mail: MailSettings,
    /// How text messages go out.
    pub sms: SmsSettings,
    /// Who the messages are from and for.
    pub people: People,
    /// A folder with templates that replace the default ones.
    pub templates: Option<PathBuf>,
}

impl OutgoingSettings {
    /// Reads them.
    pub fn read(reader: &mut Reader<'_>, mode: Mode) -> Self {
        let mail = match mode {
            Mode::Dev | Mode::Serve => read_mail(reader, mode),
            Mode::Lambda => read_ses(reader),
        };
        Self {
            mail,
            sms: read_sms(reader, mode),
            people: read_people(reader, mode),
            templates: reader.text("SLUICE_TEMPLATES").map(Into::into),
        }
    }

    /// In which ways people can be told something.
    #[must_use]
    pub fn channels(&self) -> ChannelSettings {
        ChannelSettings { mail: !matches!(self.mail, MailSettings::Off), sms: !matches!(self.sms, SmsSettings::Off) }
    }
}

/// Who mails are from, and where answers go.
const MAILBOXES: [&str; 2] = ["SLUICE_MAIL_FROM", "SLUICE_MAIL_REPLY_TO"];

fn read_people(reader: &mut Reader<'_>, mode: Mode) -> People {
    let required = mode != Mode::Dev && reader.text("SLUICE_MAIL") != Some("off");
    let support_email = reader.required_if(required, "SLUICE_SUPPORT_EMAIL", "support@example.com", "where support reads its mail");
    for setting in ["SLUICE_SUPPORT_EMAIL", "SLUICE_ALERT_EMAIL"] {
        if reader.text(setting).is_some_and(|address| !is_mail_address(address)) {
            reader.problem(setting, "must be one mail address and nothing around it, such as support@example.com");
        }
    }
    if reader.text("SLUICE_BUSINESS_NAME").is_some_and(|name| name.contains(char::is_control)) {
        reader.problem("SLUICE_BUSINESS_NAME", "must be one line: it stands in subjects and texts");
    }
    People {
        business_name: reader.required_if(required, "SLUICE_BUSINESS_NAME", "Example Bookings", "the name that customers know"),
        alert_email: reader.text("SLUICE_ALERT_EMAIL").map_or_else(|| support_email.clone(), str::to_owned),
        support_email,
        pay_url: reader.read("SLUICE_PAY_URL", |text| PayUrl::parse(text).map_err(|error| error.to_string())),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Switch {
    Off,
    On,
}

/// Whether mail goes out through SES: switched by name, either way.
fn read_ses_switch(reader: &mut Reader<'_>) -> Option<Switch> {
    if reader.text("SLUICE_MAIL").is_none() {
        reader.problem("SLUICE_MAIL", "is missing: set it to ses, or to off if no mail is to go out");
    }
    reader.choice("SLUICE_MAIL", &[("off", Switch::Off), ("ses", Switch::On)])
}

fn read_ses(reader: &mut Reader<'_>) -> MailSettings {
    if read_ses_switch(reader) != Some(Switch::On) {
        return MailSettings::Off;
    }
    MailSettings::Ses {
        from: reader.required_if(
            true,
            "SLUICE_MAIL_FROM",
            "",
            "a sender that is verified in SES, such as Bookings <bookings@example.com>, or set SLUICE_MAIL=off",
        ),
        reply_to: reader.text("SLUICE_MAIL_REPLY_TO").map(str::to_owned),
        configuration_set: reader.text("SLUICE_SES_CONFIGURATION_SET").map(str::to_owned),
    }
}

fn read_mail(reader: &mut Reader<'_>, mode: Mode) -> MailSettings {
    let url = reader.text("SLUICE_SMTP_URL");
    let from = reader.text("SLUICE_MAIL_FROM");
    let switch = reader.choice("SLUICE_MAIL", &[("off", Switch::Off), ("smtp", Switch::On)]);
    let from_is_missing = match (switch, url) {
        (Some(Switch::Off), Some(_)) => {
            reader.problem("SLUICE_MAIL", "is off, but SLUICE_SMTP_URL is set; leave out one of them");
            if from.is_none() {
                return MailSettings::Off;
            }
            None
        }
        (Some(Switch::Off), None) => {
            MAILBOXES.iter().for_each(|setting| reader.idle(setting, "SLUICE_MAIL is off"));
            return MailSettings::Off;
        }
        (None, None) if mode == Mode::Dev => {
            MAILBOXES.iter().for_each(|setting| reader.idle(setting, "mails are captured, because SLUICE_SMTP_URL is not set"));
            return MailSettings::Captured;
        }
        (_, Some(_)) => Some("mail goes out over SLUICE_SMTP_URL, and needs a sender"),
        (Some(Switch::On), None) => {
            reader.problem(
                "SLUICE_SMTP_URL",
                "is missing, and SLUICE_MAIL is smtp; set it, such as smtps://user:password@mail.example.com:465",
            );
            Some("mail needs a sender")
        }
        (None, None) => {
            reader.problem("SLUICE_SMTP_URL", "is missing: set it to the mail server, or say SLUICE_MAIL=off if no mail is to go out");
            Some("mail needs a sender")
        }
    };
    if let Some(why) = from_is_missing.filter(|_| from.is_none()) {
        reader.problem("SLUICE_MAIL_FROM", format!("is missing: {why}, such as Bookings <bookings@example.com>"));
    }
    // Where something of it is wrong, too: so that all the rest is looked at.
    MailSettings::Smtp {
        url: Secret::new(url.unwrap_or_default()),
        from: from.unwrap_or_default().to_owned(),
        reply_to: reader.text("SLUICE_MAIL_REPLY_TO").map(str::to_owned),
    }
}

const NEEDED_FOR_TEXTS: &str = "is missing: SLUICE_SMS_FROM is set, and text messages need it; set it, or leave out SLUICE_SMS_FROM";
const NO_TOKEN_OF_THE_ACCOUNT: &str = "has no token that sends for the account in TWILIO_ACCOUNT_SID, only values that a colon makes those of another account \
                                       or shared keys; add that account's token";

/// The token that Twilio's REST API takes for the account: one that is written down without an account, or with this one.
fn sending_token(text: String, account: Option<&str>) -> Option<String> {
    match text.split_once(':') {
        None => Some(text),
        Some((of, token)) if Some(of) == account => Some(token.to_owned()),
        Some(_) => None,
    }
}

fn read_sms(reader: &mut Reader<'_>, mode: Mode) -> SmsSettings {
    let account_sid = reader.text("TWILIO_ACCOUNT_SID").map(str::to_owned);
    let tokens = reader.list("TWILIO_AUTH_TOKEN");
    let no_token = if tokens.is_empty() { NEEDED_FOR_TEXTS } else { NO_TOKEN_OF_THE_ACCOUNT };
    let auth_token = tokens.into_iter().find_map(|token| sending_token(token, account_sid.as_deref()));
    let from = reader.text("SLUICE_SMS_FROM").map(str::to_owned);
    let base_url = reader.text("SLUICE_TWILIO_URL").map(str::to_owned);
    let Some(from) = from else {
        // Its token may be there for Twilio's webhooks alone; the account is needed for nothing but texts. On a developer's machine it may be there for other tools.
        if mode == Mode::Serve && account_sid.is_some() {
            reader.problem(
                "SLUICE_SMS_FROM",
                "is missing: TWILIO_ACCOUNT_SID is set, which only texts need; set the sender, or leave out TWILIO_ACCOUNT_SID",
            );
        }
        return if mode == Mode::Dev { SmsSettings::Captured } else { SmsSettings::Off };
    };
    if account_sid.is_none() {
        reader.problem("TWILIO_ACCOUNT_SID", NEEDED_FOR_TEXTS);
    }
    if auth_token.is_none() {
        reader.problem("TWILIO_AUTH_TOKEN", no_token);
    }
    SmsSettings::Twilio {
        account_sid: account_sid.unwrap_or_default(),
        auth_token: Secret::new(auth_token.unwrap_or_default()),
        from,
        status_callback: read_status_callback(reader, base_url.is_some()),
        base_url,
    }
}

/// Under Sluice's own address. Twilio refuses texts whose callback is at an address of this machine alone, but for a stand-in on the same machine.
fn read_status_callback(reader: &mut Reader<'_>, stand_in: bool) -> Option<Secret> {
    let url = read_public_url(reader)?;
    let host = url.host().unwrap_or_default();
    let local = ["localhost", "127.0.0.1", "["].iter().any(|name| host.starts_with(name));
    (stand_in || !local).then(|| Secret::new(format!("{}/webhooks/twilio/sms-status", url.reveal())))
}
