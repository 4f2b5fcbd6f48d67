//! The settings of the Twilio client.

use std::{fmt, time::Duration};

use http::Uri;

use crate::https::base_url;

/// How to reach Twilio, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub struct TwilioConfig {
    /// The account's SID (`AC…`).
    pub account_sid: String,
    /// The account's auth token. Never shown.
    pub auth_token: String,
    /// Who texts are from: a number in E.164 (`+15005550006`), a short code, a messaging service (`MG…`), or a name of up to 11 characters
    /// where the country allows one.
    pub from: String,
    /// Where Twilio's API is: [`TwilioConfig::API`] but for tests. `https`, or `http` to this machine.
    pub base_url: String,
    /// How long one text may take in all: name lookup, connection, request and answer.
    pub timeout: Duration,
    /// Where Twilio reports what became of a text; the message's id is added as its query. Never shown: there may be a password in it.
    pub status_callback: Option<String>,
}

/// Why a setting can't be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TwilioConfigProblem {
    /// The account's SID has the wrong shape.
    #[error("the Twilio account SID must be AC and 32 hexadecimal digits: copy it from Twilio's console")]
    AccountSid,
    /// There is no auth token.
    #[error("the Twilio auth token is empty: copy it from Twilio's console")]
    AuthToken,
    /// The sender has the wrong shape.
    #[error(
        "the Twilio sender must be a number such as +15005550006, a short code, a messaging service (MG and 32 hexadecimal digits) or a name of up to 11 letters, digits and spaces"
    )]
    From,
    /// The address of the API is wrong.
    #[error("the address of Twilio's API must be https://… (http:// only on this machine)")]
    BaseUrl,
}

impl TwilioConfigProblem {
    /// The setting that is wrong.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::AccountSid => "TWILIO_ACCOUNT_SID",
            Self::AuthToken => "TWILIO_AUTH_TOKEN",
            Self::From => "SLUICE_SMS_FROM",
            Self::BaseUrl => "SLUICE_TWILIO_URL",
        }
    }
}

impl TwilioConfig {
    /// Twilio's API.
    pub const API: &str = "https://api.twilio.com";
    /// How long one text may take unless set otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// Settings for Twilio's own API with the usual timeout and no status callback.
    pub fn new(account_sid: impl Into<String>, auth_token: impl Into<String>, from: impl Into<String>) -> Self {
        Self {
            account_sid: account_sid.into(),
            auth_token: auth_token.into(),
            from: from.into(),
            base_url: Self::API.to_owned(),
            timeout: Self::TIMEOUT,
            status_callback: None,
        }
    }

    /// The address that takes messages, if all settings can be right.
    pub(super) fn check(&self) -> Result<Uri, Vec<TwilioConfigProblem>> {
        let mut problems = Vec::new();
        if !is_sid(&self.account_sid, "AC") {
            problems.push(TwilioConfigProblem::AccountSid);
        }
        if self.auth_token.trim().is_empty() {
            problems.push(TwilioConfigProblem::AuthToken);
        }
        if !is_sender(&self.from) {
            problems.push(TwilioConfigProblem::From);
        }
        match self.messages() {
            Some(uri) if problems.is_empty() => Ok(uri),
            Some(_) => Err(problems),
            None => {
                problems.push(TwilioConfigProblem::BaseUrl);
                Err(problems)
            }
        }
    }

    fn messages(&self) -> Option<Uri> {
        let base = base_url(&self.base_url)?;
        // The SID is reported on its own if it can't stand in an address.
        let sid = Some(self.account_sid.as_str()).filter(|sid| is_sid(sid, "AC")).unwrap_or("AC");
        format!("{base}/2010-04-01/Accounts/{sid}/Messages.json").parse().ok()
    }

    pub(super) fn sender_field(&self) -> &'static str {
        if is_sid(&self.from, "MG") { "MessagingServiceSid" } else { "From" }
    }
}

fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_sender(text: &str) -> bool {
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let number = text.strip_prefix('+').is_some_and(|number| !number.starts_with('0') && digits(number, 7..=15));
    let short_code = !text.starts_with('0') && digits(text, 3..=8);
    // What is meant to be a messaging service is not taken for a name.
    let name = !text.starts_with("MG")
        && (1..=11).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' ')
        && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    number || short_code || name || is_sid(text, "MG")
}

impl fmt::Debug for TwilioConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioConfig")
            .field("account_sid", &self.account_sid)
            .field("auth_token", &"…")
            .field("from", &self.from)
            .field("base_url", &self.base_url)
            .field("timeout", &self.timeout)
            .field("status_callback", &self.status_callback.as_ref().map(|_| "…"))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "AC0123456789abcdef0123456789abcdef";

    #[test]
    fn senders() {
        assert!(TwilioConfig::new(SID, "token", "MG123").check().is_err());
        for fine in ["+15005550006", "12345", "MG0123456789abcdef0123456789abcdef", "Acme Spa"] {
            assert!(TwilioConfig::new(SID, "token", fine).check().is_ok(), "{fine}");
        }
        for wrong in ["", "+", "+0123456789", "+1 500 555 0006", "15005550006", "0123", "Acme Spa & Co", "MG0123456789abcdef"] {
            assert_eq!(TwilioConfig::new(SID, "token", wrong).check(), Err(vec![TwilioConfigProblem::From]), "{wrong}");
        }
    }

    #[test]
    fn all_mistakes_at_once() {
        let mut config = TwilioConfig::new("AC../..", " ", "");
        config.base_url = "http://api.twilio.com".to_owned();
        assert_eq!(
            config.check(),
            Err(vec![
                TwilioConfigProblem::AccountSid,
                TwilioConfigProblem::AuthToken,
                TwilioConfigProblem::From,
                TwilioConfigProblem::BaseUrl
            ])
        );
    }

    #[test]
    fn the_token_is_never_shown() {
        assert!(!format!("{:?}", TwilioConfig::new(SID, "very-secret", "+15005550006")).contains("very-secret"));
    }
}
