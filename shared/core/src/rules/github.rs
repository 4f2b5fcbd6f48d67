//! GitHub's events: <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.

use super::no_rule;
use crate::{
    envelope::digest,
    plan::{Event, Stop, View},
    records::DeliveredBody,
};

/// Events whose bodies are the caller's own words, and may rightly be the same twice.
const REPEATABLE: [&str; 2] = ["repository_dispatch", "workflow_dispatch"];

pub(super) fn plan(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    refuse_twin(event, view)?;
    no_rule(event, view);
    Ok(())
}

/// The delivery's id is not signed, so whoever holds a delivery could send it again under another. The bodies of two events differ, by their
/// times at least; one that came before under another id is a repeat.
fn refuse_twin(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    if REPEATABLE.iter().any(|name| event.kind.split('.').next() == Some(name)) {
        return Ok(());
    }
    let body = String::from_utf8_lossy(event.body);
    let id = digest(&[event.provider, event.source, event.kind, &body]);
    match view.read::<DeliveredBody>(&id)? {
        Some(before) if before.event != event.id => {
            Err(Stop::Ignore(format!("a repeat under another delivery id: {} has the same body", before.event)))
        }
        Some(_) => Ok(()),
        None => {
            view.write(&DeliveredBody { id, event: event.id.to_owned(), at: event.received_at });
            Ok(())
        }
    }
}
