//! Where this program looks at the clock, and waits.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now, for measuring.
#[expect(clippy::disallowed_methods, reason = "what is measured is wall time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Now, in seconds since the Unix epoch, for signing.
#[expect(clippy::disallowed_methods, reason = "the server compares signatures with the wall clock")]
pub(crate) fn unix() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Waits until a moment, to the timer's millisecond.
#[expect(clippy::disallowed_methods, reason = "a load at a given rate is paced by the clock")]
pub(crate) async fn until(moment: Instant) {
    let left = moment.saturating_duration_since(now());
    if !left.is_zero() {
        tokio::time::sleep(left).await;
    }
}

/// Looks every few milliseconds whether there is an answer, for as long as `patience` lasts.
#[expect(clippy::disallowed_methods, reason = "another process is waited for, which says nothing by itself")]
pub(crate) fn wait_for<T>(patience: Duration, mut look: impl FnMut() -> Result<Option<T>, String>) -> Result<Option<T>, String> {
    let end = now() + patience;
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if now() >= end {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
