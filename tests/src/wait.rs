use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The limit of [`until`] where nothing is said of how long it may take: far more than it does, so that only what never happens fails.
pub const LONG: Duration = Duration::from_secs(30);
/// The wait between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until there is something, and returns it.
///
/// # Panics
/// If there is still nothing when `limit` has passed.
#[track_caller]
pub fn until<T>(what: &str, limit: Duration, look: impl FnMut() -> Option<T>) -> T {
    until_or(what, limit, look).unwrap_or_else(|in_vain| panic!("{in_vain}"))
}

/// The same, for who has more to say of it if it was in vain.
#[expect(clippy::disallowed_methods, reason = "the one place where the tests wait for another process")]
pub(crate) fn until_or<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T, String> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if begun.elapsed() >= limit {
            return Err(format!("waited {limit:?} in vain: {what}"));
        }
        std::thread::sleep(PAUSE);
    }
}

/// The time, in seconds since the Unix epoch.
///
/// # Panics
/// If the clock stands before 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a built gateway runs on the wall clock, and so do its tests")]
pub fn seconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("fits for a long time")
}
