use super::{Explained, Finding, UrlChange};
use crate::{Message, Secret, Twilio, twilio};

impl Explained for Twilio {
    fn doubt_secret(&self, secret: &Secret) -> Option<&'static str> {
        let text = secret.reveal();
        if secret.name().is_some_and(|name| name.starts_with("webhooks_")) {
            return None;
        }
        if text.starts_with("AC") {
            return Some("is the SID of an account: use the account's primary auth token, or AC…: and the token.");
        }
        if text.starts_with("SK") {
            return Some("is the SID of an API key: webhooks are signed with the account's primary auth token.");
        }
        let is_token = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (!is_token).then_some("does not look like an auth token, which has 32 digits of hex in lower case.")
    }

    fn doubt_message(&self, message: &Message<'_>) -> Vec<Finding> {
        if !message.url.contains("://") {
            return vec![Finding::UrlMissing];
        }
        let mut findings = Vec::new();
        if let Ok(Some(key)) = twilio::shared_key(message) {
            findings.push(Finding::SharedKey { key: visible(key) });
        } else if let Some(account) = Self::account(message) {
            findings.push(Finding::Account { account: visible(&account) });
        }
        findings
    }

    fn headers(&self) -> Vec<&'static str> {
        vec![Self::HEADER, Self::SETTINGS_HEADER]
    }

    fn urls(&self, message: &Message<'_>) -> Vec<String> {
        twilio::spellings(message.url).map(|spelling| visible(&spelling.to_string())).filter(|url| !url.is_empty()).collect()
    }

    fn other_urls(&self, message: &Message<'_>) -> Vec<(UrlChange, String)> {
        let url = message.url;
        let mut others = Vec::new();
        if let Some((scheme, rest)) = url.split_once("://") {
            let other = if scheme.eq_ignore_ascii_case("https") { "http" } else { "https" };
            others.push((UrlChange::Scheme, format!("{other}://{rest}")));
            let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
            if let Some(at) = authority.rfind('@') {
                others.push((UrlChange::UserInfoAdded, format!("{scheme}://{}", &rest[at + 1..])));
            }
        }
        let (path, query) = url.find('?').map_or((url, ""), |at| url.split_at(at));
        others.push((UrlChange::Slash, path.strip_suffix('/').map_or_else(|| format!("{path}/{query}"), |path| format!("{path}{query}"))));
        if !query.is_empty() {
            others.push((UrlChange::QueryAdded, path.to_owned()));
        }
        if !message.body.is_empty() {
            others.push((UrlChange::HashLost, twilio::with_hash(message)));
        }
        others
    }
}

/// What a stranger sent, fit for a terminal.
fn visible(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).take(2000).collect()
}
