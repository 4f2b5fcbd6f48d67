//! One invocation after the other.

use std::{fmt::Display, time::Duration};

use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use sluice_core::time::Timestamp;
use tracing::Instrument;

use crate::{StartError, wiring::Wiring};

/// How long before the end of an invocation calls of services are given up, so that there is time for an answer.
const ANSWER: Duration = Duration::from_millis(500);

/// Handles invocations for as long as Lambda sends some. `handle` is given what came and when the invocation ends; an error counts as a failed invocation.
pub(crate) async fn serve<A, B, E>(wiring: &Wiring, handle: impl AsyncFn(A, Timestamp) -> Result<B, E>) -> Result<(), StartError>
where
    A: DeserializeOwned,
    B: Serialize,
    E: Display,
{
    let service = service_fn(async |event: LambdaEvent<A>| {
        let LambdaEvent { payload, context } = event;
        let deadline = Timestamp::from_millis(i64::try_from(context.deadline).unwrap_or(i64::MAX));
        wiring.patience.end_at(deadline - ANSWER);
        let span = tracing::info_span!("invocation", request_id = context.request_id);
        let answer = handle(payload, deadline).instrument(span).await;
        wiring.metrics.write(&context.request_id, wiring.clock.now());
        answer.map_err(|error| error.to_string())
    });
    Runtime::new(service).run().await.map_err(|error| StartError::Runtime(error.to_string()))
}
