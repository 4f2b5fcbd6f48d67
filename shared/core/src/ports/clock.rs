use std::time::Duration;

use async_trait::async_trait;

use crate::time::Timestamp;

/// The time, handed in so that tests can set it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Returns once `length` has passed.
    async fn sleep(&self, length: Duration);
}

/// Where random ids come from, handed in so that tests can repeat a run.
pub trait Ids: Send + Sync {
    /// 128 bits that nobody can guess and that never come twice.
    fn random(&self) -> u128;
}
