use std::borrow::Cow;

use sluice_signature::{Form, Header, Message};

use super::{Fresh, Malformed, Named, PLAIN_OK, Profile, Provider, Renewal, Route, is_name, named_header};
use crate::{body, json::Value};

/// GitHub: <https://docs.github.com/en/webhooks/webhook-events-and-payloads>. The delivery's id is the event's identity, and stays the same when it
/// is delivered again. Neither it nor the event's name is signed.
pub struct GitHub;

static SCHEME: sluice_signature::GitHub = sluice_signature::GitHub::new();

const DELIVERY: &str = "X-GitHub-Delivery";
const EVENT: &str = "X-GitHub-Event";
/// The event that GitHub sends when a webhook is set up.
const PING: &[u8] = b"ping";

static PROFILE: Profile = Profile {
    dictionary: &body::GITHUB,
    renewals: &[
        Renewal::header("X-GitHub-Delivery", Fresh::Uuid),
        // What has the same body is the same event.
        Renewal::body("after", Fresh::Hex("", 40)),
        Renewal::body("head_commit.id", Fresh::Hex("", 40)),
        Renewal::body("commits.0.id", Fresh::Hex("", 40)),
        Renewal::body("issue.id", Fresh::Number),
        Renewal::body("pull_request.id", Fresh::Number),
        Renewal::body("release.id", Fresh::Number),
        Renewal::body("hook_id", Fresh::Number),
    ],
    kept_headers: &[
        "content-type",
        "user-agent",
        "x-github-event",
        "x-github-hook-id",
        "x-github-hook-installation-target-id",
        "x-github-hook-installation-target-type",
    ],
    accepted: &PLAIN_OK,
    ..Profile::new("github", "GitHub", "GITHUB_WEBHOOK_SECRET", "dev_github_secret_only_for_this_machine", &SCHEME)
};

/// What is read of an event. An account has a `login`; in some old events only a `name`, which is not the same.
const PLACES: [&str; 6] = ["action", "organization", "organization.login", "repository", "repository.owner", "repository.owner.login"];

/// The JSON of a body, which may come as the one parameter `payload` of a form.
///
/// # Errors
/// [`Malformed`] if it is a form without one `payload`.
pub(crate) fn payload(body: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
    // JSON can't begin like this, and a form of GitHub's can't begin otherwise.
    if !body.starts_with(b"payload=") {
        return Ok(Cow::Borrowed(body));
    }
    let form = Form::parse(body).map_err(|error| PROFILE.malformed(error))?;
    let mut payloads = form.values("payload");
    match (payloads.next(), payloads.next()) {
        (Some(payload), None) => Ok(Cow::Owned(payload.to_vec())),
        _ => Err(PROFILE.malformed("its form has more than one payload")),
    }
}

impl Provider for GitHub {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    /// The type is the event's name, and after a dot the action where there is one: `push`, `pull_request.opened`.
    fn name_event(&self, _: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed> {
        let (key, event) = (named_header(message, DELIVERY)?, named_header(message, EVENT)?);
        // It is not signed, and is to say nothing besides the name.
        if !event.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
            return Err(Malformed(format!("its header {EVENT} is no name of an event")));
        }
        let body = payload(message.body)?;
        let [action, organization, organization_login, repository, owner, login] = PROFILE.fields(&body, PLACES)?;
        if [organization, repository, owner].into_iter().flatten().any(|value| !value.is_null() && !value.is_object()) {
            return Err(PROFILE.malformed("what should be an object is none"));
        }
        let kind = match PROFILE.text(action)? {
            Some(action) if is_name(&action) => [event, ".", &action].concat(),
            _ => event.to_owned(),
        };
        let (organization_login, login) = (PROFILE.text(organization_login)?, PROFILE.text(login)?);
        let owner = if organization.is_some_and(Value::is_object) { organization_login } else { login };
        let account = owner.filter(|login| is_name(login)).map(Cow::into_owned);
        Ok(Named { key: key.to_owned(), kind, occurred_at: None, account })
    }

    fn is_trial(&self, message: &Message<'_>) -> bool {
        message.header(EVENT) == Header::Once(PING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(headers: &[(&str, &str)], body: &str) -> Result<Named, String> {
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let message = Message { method: "POST", url: "", headers: &headers, body: body.as_bytes() };
        GitHub.name_event(&Route { channel: "", source: "default" }, &message).map_err(|malformed| malformed.0)
    }

    const HEADERS: [(&str, &str); 2] = [("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"), ("x-github-event", "issues")];

    #[test]
    fn events_are_named_by_event_and_action() {
        let event = named(&HEADERS, r#"{"action":"opened","repository":{"owner":{"login":"octocat"}}}"#).expect("an event");
        assert_eq!((event.kind.as_str(), event.key.as_str()), ("issues.opened", HEADERS[0].1));
        assert_eq!(event.account.as_deref(), Some("octocat"));
        assert_eq!(named(&HEADERS, r#"{"zen":"x"}"#).expect("an event").kind, "issues");
        let projects = named(&[HEADERS[0], ("x-github-event", "projects_v2_item")], r#"{"action":"edited"}"#);
        assert_eq!(projects.expect("an event").kind, "projects_v2_item.edited");
        let organization = r#"{"organization":{"login":"acme"},"repository":{"owner":{"login":"octocat"}}}"#;
        assert_eq!(named(&HEADERS, organization).expect("an event").account.as_deref(), Some("acme"));
    }

    #[test]
    fn a_form_holds_the_same_event() {
        let event = named(&HEADERS, "payload=%7B%22action%22%3A%22closed%22%7D").expect("an event");
        assert_eq!(event.kind, "issues.closed");
        assert!(named(&HEADERS, "payload=%7B%7D&payload=%7B%7D").is_err());
        assert!(named(&HEADERS, "payload=%7").is_err());
    }

    #[test]
    fn what_has_no_identity_is_malformed() {
        assert!(named(&HEADERS[..1], "{}").expect_err("no event").contains(EVENT));
        assert!(named(&HEADERS[1..], "{}").expect_err("no id").contains(DELIVERY));
        assert!(named(&[HEADERS[0], HEADERS[0], HEADERS[1]], "{}").expect_err("two ids").contains("more than once"));
        assert!(named(&HEADERS, "[]").is_err() && named(&HEADERS, "").is_err());
        for name in ["push.1", "Push", "push opened"] {
            assert!(named(&[HEADERS[0], ("x-github-event", name)], "{}").is_err(), "{name}");
        }
    }
}
