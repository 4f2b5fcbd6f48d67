//! The system's clock, its source of randomness and its files, for the hosts to hand in.

mod templates;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use sluice_core::{
    ports::{Clock, Ids},
    time::Timestamp,
};

pub use templates::read_templates;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port's one reader of the wall clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "this is what Clock::sleep stands for")]
    async fn sleep(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }
}

/// Ids from the system's source of randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "this is the Ids port's one source")]
    fn random(&self) -> u128 {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("a system without a source of randomness can't keep a secret either");
        u128::from_ne_bytes(bytes)
    }
}
