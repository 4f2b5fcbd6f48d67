//! One invocation after the other.

use std::{fmt::Display, time::Duration};

use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use sluice_core::time::Timestamp;
use tracing::{Instrument, Span};

use crate::{StartError, wiring::Wiring};

/// How long before the end of an invocation calls of services are given up, so that there is time for an answer.
const ANSWER: Duration = Duration::from_millis(500);

/// How long the template lets an invocation take at most.
const LONGEST: Duration = Duration::from_mins(1);

/// Handles invocations for as long as Lambda sends some. `handle` is given what came and when the invocation ends; an error counts as a failed invocation.
pub(crate) async fn serve<A, B, E>(wiring: &Wiring, handle: impl AsyncFn(A, Timestamp) -> Result<B, E>) -> Result<(), StartError>
where
    A: DeserializeOwned,
    B: Serialize,
    E: Display,
{
    let service = service_fn(async |event: LambdaEvent<A>| {
        let LambdaEvent { payload, context } = event;
        let deadline = deadline(context.deadline, wiring.clock.now());
        wiring.patience.end_at(deadline - ANSWER);
        let answer = handle(payload, deadline).instrument(span(&context.request_id)).await;
        wiring.metrics.write(&context.request_id, wiring.clock.now());
        answer.map_err(|error| error.to_string())
    });
    Runtime::new(service).run().await.map_err(|error| StartError::Runtime(error.to_string()))
}

/// When an invocation ends that begins `now`, by what the runtime states, in milliseconds since 1970.
///
/// `cargo lambda watch` states ten minutes after 1970. An invocation never begins after its end, so such a one has as long as the template's longest.
fn deadline(stated: u64, now: Timestamp) -> Timestamp {
    let stated = Timestamp::from_millis(i64::try_from(stated).unwrap_or(i64::MAX));
    if stated > now { stated } else { now + LONGEST }
}

/// What the lines of an invocation's log have in common.
#[must_use]
pub fn span(request_id: &str) -> Span {
    tracing::info_span!("invocation", request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_has_passed_is_none() {
        let now = Timestamp::from_millis(1_795_327_261_234);
        assert_eq!(deadline(1_795_327_271_234, now), now + Duration::from_secs(10));
        assert_eq!(deadline(600_000, now), now + LONGEST);
        assert_eq!(deadline(u64::MAX, now), Timestamp::MAX);
    }
}
