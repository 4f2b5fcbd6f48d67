use std::{sync::Arc, time::Duration};

use serde::de::IgnoredAny;
use sluice_core::{
    settings::{QueueSettings, read_table},
    sweep::Sweeper,
};

use crate::{Environment, StartError, invocation::serve, wiring::Wiring};

/// How often the sweeper is called: what falls due within it is sent now, with the exact delay, far below SQS's longest.
const EVERY: Duration = Duration::from_mins(1);

/// Sends on what waits for a time, once in each invocation.
///
/// # Errors
/// [`StartError`] if it can't start.
pub async fn sweeper(environment: Environment) -> Result<(), StartError> {
    let ((table, queues), wiring) = Wiring::read(environment, &[], |reader| (read_table(reader), QueueSettings::read(reader))).await?;
    let sweeper = Sweeper {
        store: wiring.store(&table),
        queue: wiring.queue(&queues),
        clock: Arc::clone(&wiring.clock),
        ids: Arc::clone(&wiring.ids),
        every: EVERY,
    };
    serve(&wiring, async |_: IgnoredAny, _| {
        let round = sweeper.round().await;
        match &round {
            Ok(0) => {}
            Ok(sent) => tracing::info!(sent, "sent on what was due"),
            Err(error) => tracing::error!(%error, "the sweeper could not look after all that waits; the next round tries again"),
        }
        round
    })
    .await
}
