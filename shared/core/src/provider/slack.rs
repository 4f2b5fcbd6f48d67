use std::{borrow::Cow, time::Duration};

use serde::Deserialize;
use sluice_signature::{Form, KeyedHash, Message, explain::Explained};

use super::{Answer, Fresh, Malformed, Named, Provider, Renewal, Route, TwilioReplies, is_name};
use crate::{envelope::digest, time::Timestamp};

/// Slack: events (<https://docs.slack.dev/apis/events-api>), and as forms slash commands and interactions.
pub struct Slack;

/// <https://docs.slack.dev/authentication/verifying-requests-from-slack>. A time of the future is refused, too, as Slack's SDK for Python does.
static SCHEME: KeyedHash =
    KeyedHash::new("X-Slack-Signature", "v0=").with_time("X-Slack-Request-Timestamp", ["v0:", ":"], Duration::from_mins(5));

#[derive(Default, Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    event_id: Option<String>,
    event_time: Option<i64>,
    /// What happened, in an event.
    event: Option<Inner>,
    team_id: Option<String>,
    /// Of an interaction.
    team: Option<Team>,
    trigger_id: Option<String>,
    challenge: Option<String>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Team {
    id: String,
}

/// The JSON of an event, or in the form of an interaction; of a slash command what corresponds to it.
fn payload(body: &[u8]) -> Result<Payload, Malformed> {
    let read = |json: &[u8]| serde_json::from_slice(json).map_err(|error| Malformed(format!("not a Slack request: {error}")));
    if body.trim_ascii_start().starts_with(b"{") {
        return read(body);
    }
    let form = Form::parse(body).map_err(|error| Malformed(format!("not a Slack request: {error}")))?;
    let field = |name: &str| form.pairs().find(|(found, _)| *found == name.as_bytes()).map(|(_, value)| value);
    let text = |name: &str| field(name).map(|value| String::from_utf8_lossy(value).into_owned());
    match field("payload") {
        Some(json) => read(json),
        None => {
            let kind = if field("ssl_check").is_some() { "ssl_check" } else { "slash_command" };
            Ok(Payload { kind: kind.to_owned(), team_id: text("team_id"), trigger_id: text("trigger_id"), ..Payload::default() })
        }
    }
}

impl Provider for Slack {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn title(&self) -> &'static str {
        "Slack"
    }

    fn secret_setting(&self) -> &'static str {
        "SLACK_SIGNING_SECRET"
    }

    fn dev_secret(&self) -> &'static str {
        "dev_slack_secret_only_for_this_machine"
    }

    fn scheme(&self) -> &dyn Explained {
        &SCHEME
    }

    fn scheme_within(&self, tolerance: Duration) -> Option<Box<dyn Explained>> {
        Some(Box::new(SCHEME.with_tolerance(tolerance)))
    }

    fn name_event(&self, _: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed> {
        let payload = payload(message.body)?;
        let kind = payload.event.map_or(payload.kind, |event| event.kind);
        // What has no id of its own is known by its body, which is signed.
        let key = payload.event_id.or(payload.trigger_id).unwrap_or_else(|| digest(&[&String::from_utf8_lossy(message.body)]));
        if !is_name(&key) || !is_name(&kind) {
            return Err(Malformed("not a Slack request: its id or type is empty, too long, or not of ASCII letters".to_owned()));
        }
        let account = payload.team_id.or(payload.team.map(|team| team.id)).filter(|team| is_name(team));
        Ok(Named { key, kind, occurred_at: payload.event_time.map(Timestamp::from_seconds), account })
    }

    fn is_trial(&self, message: &Message<'_>) -> bool {
        payload(message.body).is_ok_and(|payload| ["url_verification", "ssl_check"].contains(&payload.kind.as_str()))
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &["content-type", "user-agent", "x-slack-retry-num", "x-slack-retry-reason"]
    }

    fn renewals(&self) -> &'static [Renewal] {
        const PLACES: &[Renewal] = &[
            Renewal::body("event_id", Fresh::Hex("Ev", 10)),
            Renewal::body("event_time", Fresh::Now),
            Renewal::body("challenge", Fresh::Id("3eZbrw1aBm2rZgRNFdxV2595E9CY3g")),
            Renewal::body("trigger_id", Fresh::Hex("13345224609.738474920.", 32)),
        ];
        PLACES
    }

    /// Slack shows whoever gave a command what it is answered, so there is nothing; only the challenge of a new endpoint is given back.
    fn accepted(&self, _: &Route<'_>, message: &Message<'_>, _: &TwilioReplies) -> Answer {
        let verification = payload(message.body).ok().filter(|payload| payload.kind == "url_verification");
        let challenge = verification.and_then(|payload| payload.challenge).unwrap_or_default();
        Answer { body: Cow::Owned(challenge), ..Answer::ok("text/plain; charset=utf-8", "") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Message<'_> {
        Message { method: "POST", url: "", headers: &[], body: body.as_bytes() }
    }

    fn named(body: &str) -> Named {
        Slack.name_event(&Route { channel: "", source: "default" }, &message(body)).expect("a request of Slack's")
    }

    #[test]
    fn events_commands_and_interactions_are_told_apart_by_ids_that_are_signed() {
        let event = named(
            r#"{"type":"event_callback","event_id":"Ev1","event_time":1795175760,"team_id":"T1","event":{"type":"app_mention","team":"T1"}}"#,
        );
        assert_eq!((event.key.as_str(), event.kind.as_str(), event.account.as_deref()), ("Ev1", "app_mention", Some("T1")));
        assert_eq!(event.occurred_at, Some(Timestamp::from_seconds(1_795_175_760)));
        let command = named("command=%2Fbooking&text=12345&team_id=T1&trigger_id=1.2.3");
        assert_eq!((command.key.as_str(), command.kind.as_str(), command.account.as_deref()), ("1.2.3", "slash_command", Some("T1")));
        let interaction =
            named("payload=%7B%22type%22%3A%22block_actions%22%2C%22trigger_id%22%3A%224.5%22%2C%22team%22%3A%7B%22id%22%3A%22T2%22%7D%7D");
        assert_eq!(
            (interaction.key.as_str(), interaction.kind.as_str(), interaction.account.as_deref()),
            ("4.5", "block_actions", Some("T2"))
        );
        let [limited, later] =
            [1, 2].map(|minute| named(&format!(r#"{{"type":"app_rate_limited","minute_rate_limited":{minute},"team_id":"T1"}}"#)));
        assert_eq!(limited.kind, "app_rate_limited");
        assert_ne!(limited.key, later.key);
    }

    #[test]
    fn only_a_challenge_is_given_back() {
        let answer = |body: &str| {
            let route = Route { channel: "", source: "default" };
            (Slack.is_trial(&message(body)), Slack.accepted(&route, &message(body), &TwilioReplies::default()).body.into_owned())
        };
        assert_eq!(answer(r#"{"type":"url_verification","challenge":"3eZb"}"#), (true, "3eZb".to_owned()));
        assert_eq!(answer(r#"{"type":"event_callback","challenge":"3eZb"}"#), (false, String::new()));
        assert_eq!(answer("ssl_check=1&token=x"), (true, String::new()));
    }
}
