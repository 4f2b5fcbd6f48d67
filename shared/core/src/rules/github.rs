//! GitHub's events: <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.

mod summary;

use serde_json::Value;

use super::{fields::Fields, unexpected_shape};
use crate::{
    envelope::digest,
    event::Publishing,
    plan::{Event, Stop, View},
    provider::github_payload,
    records::{DeliveredBody, PullRequestFact, Push, Release, Repository, RepositoryFact},
};

/// Events whose bodies are the caller's own words, and may rightly be the same twice; and what only their bodies have, for their names are not signed
/// (<https://docs.github.com/en/webhooks/webhook-events-and-payloads#repository_dispatch>).
const REPEATABLE: [(&str, &str); 2] = [("repository_dispatch", "client_payload"), ("workflow_dispatch", "workflow")];

pub(super) fn plan(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let body = github_payload(event.body).map_err(|error| unexpected_shape(event, &error))?;
    let body: Value = serde_json::from_slice(&body).map_err(|error| unexpected_shape(event, &error))?;
    let body = Fields::new(&body);
    let name = event.kind.split('.').next().unwrap_or_default();
    if !REPEATABLE.iter().any(|(dispatch, field)| name == *dispatch && body.has(field)) {
        refuse_twin(event, view)?;
    }
    view.summarize(summary::of(name, body));
    match (name, body.at("repository").id("id")) {
        ("push" | "pull_request" | "release" | "repository", Some(id)) => tell_repository(event, &id, name, body, view),
        _ => Ok(()),
    }
}

/// Neither the delivery's id nor the event's name is signed, so whoever holds a delivery could send it again under others. The bodies of two events differ,
/// by their times at least; one that came before under another id is a repeat.
fn refuse_twin(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let body = String::from_utf8_lossy(event.body);
    let id = digest(&[event.provider, event.source, &body]);
    match view.read::<DeliveredBody>(&id)? {
        Some(before) if before.event != event.id => {
            let reason = format!("a repeat under another delivery id: {} has the same body", before.event);
            Err(Stop::Ignore { reason, twin: Some(before.event), publishing: Publishing::Published })
        }
        Some(_) => Ok(()),
        None => view.write(&DeliveredBody { id, event: event.id.to_owned(), at: event.received_at }),
    }
}

/// Joins to the repository what an event says of it. The event's name is not signed: what is not in the body is not said.
fn tell_repository(event: &Event<'_>, id: &str, name: &str, body: Fields<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let told = body.at("repository");
    let mut repository = view.read::<Repository>(id)?.unwrap_or_else(|| Repository::first_heard(id, event.received_at));
    repository.heard.join(event.received_at);
    view.tell::<Repository>(id);
    let changed_at = told.time("updated_at").unwrap_or(event.received_at);
    if let Some(full_name) = told.owned("full_name") {
        let fact = RepositoryFact {
            full_name,
            default_branch: told.owned("default_branch"),
            private: told.is("private"),
            archived: told.is("archived"),
        };
        repository.join(changed_at, fact);
    }
    match name {
        "push" => {
            if let (Some(reference), Some(commit)) = (body.owned("ref"), body.owned("after")) {
                let at = told.time("pushed_at").or_else(|| body.at("head_commit").time("timestamp")).unwrap_or(event.received_at);
                repository.join_push(at, Push { reference, commit, by: body.at("pusher").owned("name") });
            }
        }
        "pull_request" => {
            let pull_request = body.at("pull_request");
            if let Some(number) = pull_request.number("number") {
                let closed = pull_request.text("state") == Some("closed");
                let title = if closed { String::new() } else { summary::short(pull_request.text("title").unwrap_or_default()) };
                let at = pull_request.time("updated_at").unwrap_or(event.received_at);
                repository.join_pull_request(number, at, PullRequestFact { closed, title });
            }
        }
        "release" => {
            let (release, gone) = (body.at("release"), matches!(body.text("action"), Some("deleted" | "unpublished")));
            let at = release.time("published_at").or_else(|| release.time("created_at").filter(|_| gone));
            if let (Some(number), Some(at), Some(tag)) = (release.number("id"), at, release.owned("tag_name")) {
                repository
                    .join_release(number, Release { at, gone, tag, name: release.owned("name"), prerelease: release.is("prerelease") });
            }
        }
        _ if body.text("action") == Some("deleted") => repository.join_deleted(changed_at),
        _ => {}
    }
    view.write(&repository)
}
