use std::{borrow::Cow, time::Duration};

use sluice_signature::{Form, KeyedHash, Message};

use super::{Answer, Fresh, Malformed, Named, Profile, Provider, Renewal, Route, TwilioReplies, is_name};
use crate::{envelope::digest, time::Timestamp};

/// Slack: events (<https://docs.slack.dev/apis/events-api>), and as forms slash commands and interactions.
pub struct Slack;

/// <https://docs.slack.dev/authentication/verifying-requests-from-slack>. A time of the future is refused, too, as Slack's SDK for Python does.
static SCHEME: KeyedHash =
    KeyedHash::new("X-Slack-Signature", "v0=").with_time("X-Slack-Request-Timestamp", ["v0:", ":"], Duration::from_mins(5));

static PROFILE: Profile = Profile {
    renewals: &[
        Renewal::body("event_id", Fresh::Hex("Ev", 10)),
        Renewal::body("event_time", Fresh::Now),
        Renewal::body("challenge", Fresh::Id("3eZbrw1aBm2rZgRNFdxV2595E9CY3g")),
        Renewal::body("trigger_id", Fresh::Hex("13345224609.738474920.", 32)),
    ],
    kept_headers: &["content-type", "user-agent", "x-slack-retry-num", "x-slack-retry-reason"],
    ..Profile::new("slack", "Slack", "SLACK_SIGNING_SECRET", "dev_slack_secret_only_for_this_machine", &SCHEME)
};

/// What is read of an event, and of an interaction.
const PLACES: [&str; 8] = ["event.type", "type", "event_id", "trigger_id", "team_id", "team.id", "event_time", "challenge"];

/// A request, and the challenge of one that tries out a new endpoint: the JSON of an event, or in a form of an interaction; of a slash command what
/// corresponds to it. What has no id of its own is known by its body, which is signed.
fn read(body: &[u8]) -> Result<(Named, Option<String>), Malformed> {
    let by_body = || digest(&[&String::from_utf8_lossy(body)]).into();
    let form = if body.trim_ascii_start().starts_with(b"{") { Ok(Form::default()) } else { Form::parse(body) };
    let form = form.map_err(|error| PROFILE.malformed(error))?;
    let value = |name: &str| form.values(name).next().map(String::from_utf8_lossy);
    if form.pairs().len() > 0 && value("payload").is_none() {
        let kind = match (value("ssl_check"), value("command")) {
            (Some(_), _) => "ssl_check",
            (None, Some(_)) => "slash_command",
            (None, None) => return Err(PROFILE.malformed("it is no command, and has no payload")),
        };
        let account = value("team_id").filter(|team| is_name(team)).map(Cow::into_owned);
        return Ok((Named { account, ..PROFILE.named(value("trigger_id").unwrap_or_else(by_body), kind)? }, None));
    }
    let json = form.values("payload").next().unwrap_or(body);
    let [inner, outer, event, trigger, team_id, team, time, challenge] = PROFILE.fields(json, PLACES)?;
    let text = |field| PROFILE.text(field);
    let (id, kind) = (text(event)?.or(text(trigger)?).unwrap_or_else(by_body), text(inner)?.or(text(outer)?).unwrap_or_default());
    let account = text(team_id)?.or(text(team)?).filter(|team| is_name(team)).map(Cow::into_owned);
    let occurred_at = PROFILE.integer(time)?.map(Timestamp::from_seconds);
    Ok((Named { occurred_at, account, ..PROFILE.named(id, kind)? }, text(challenge)?.map(Cow::into_owned)))
}

impl Provider for Slack {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn name_event(&self, _: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed> {
        read(message.body).map(|(named, _)| named)
    }

    fn is_trial(&self, message: &Message<'_>) -> bool {
        read(message.body).is_ok_and(|(named, _)| ["url_verification", "ssl_check"].contains(&named.kind.as_str()))
    }

    /// Slack shows whoever gave a command what it is answered, so there is nothing; only the challenge of a new endpoint is given back.
    fn accepted(&self, _: &Route<'_>, message: &Message<'_>, _: &TwilioReplies) -> Answer {
        let challenge = read(message.body).ok().and_then(|(named, challenge)| challenge.filter(|_| named.kind == "url_verification"));
        Answer { body: challenge.unwrap_or_default().into(), ..Answer::ok("text/plain; charset=utf-8", "") }
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
    fn a_form_that_is_neither_command_nor_interaction_is_malformed() {
        assert!(Slack.name_event(&Route { channel: "", source: "default" }, &message("a=b")).is_err());
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
