//! Reads the bodies of webhooks: no more at the same time than there is room for.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::{sync::Semaphore, time::timeout};

/// How much all large bodies that are being read or handled may take together, bytes. A signature can only be checked on the whole of a body, so until then
/// anybody can send one.
const ROOM: usize = 128 << 20;
/// Bodies up to this size need no room of their own, bytes: nearly all webhooks are smaller, and they wait for no large one.
const SMALL: usize = 64 << 10;
/// How long a large body waits for room.
const WAIT: Duration = Duration::from_secs(5);
/// As much of a body that is not kept is read and thrown away, bytes.
const DISCARDED: usize = 16 << 20;
/// How long is waited for more of such a body: who sends nothing more waits for the answer.
const STALLED: Duration = Duration::from_millis(500);
/// In what the room is counted, bytes.
const UNIT: usize = 1 << 10;

/// The room that large bodies share.
pub(super) struct Bodies(Arc<Semaphore>);

/// What became of reading a body.
pub(super) enum Read<'a> {
    /// All of it, and the room that it takes until this is dropped.
    Whole(Bytes, Room<'a>),
    /// It is larger than was asked for.
    TooLarge,
    /// There is no room for it now.
    NoRoom,
    /// The sender broke it off.
    BrokeOff(Box<dyn std::error::Error + Send + Sync>),
}

/// The room of a large body; none of a small one.
pub(super) struct Room<'a> {
    _permit: Option<tokio::sync::SemaphorePermit<'a>>,
}

impl Bodies {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM / UNIT)))
    }

    /// Reads a body of at most `limit` bytes.
    pub(super) async fn read(&self, body: &mut Incoming, limit: usize) -> Read<'_> {
        let hint = body.size_hint();
        if hint.lower() > limit as u64 {
            discard(body).await;
            return Read::TooLarge;
        }
        // What doesn't say how long it is may become as long as it can be.
        let most = hint.upper().and_then(|upper| usize::try_from(upper).ok()).unwrap_or(limit).min(limit);
        let Some(room) = self.room(most).await else {
            discard(body).await;
            return Read::NoRoom;
        };
        match Limited::new(&mut *body, limit).collect().await {
            Ok(whole) => Read::Whole(whole.to_bytes(), room),
            Err(error) if error.is::<LengthLimitError>() => {
                drop(room);
                discard(body).await;
                Read::TooLarge
            }
            Err(error) => Read::BrokeOff(error),
        }
    }

    async fn room(&self, bytes: usize) -> Option<Room<'_>> {
        if bytes <= SMALL {
            return Some(Room { _permit: None });
        }
        let units = u32::try_from(bytes.div_ceil(UNIT).min(ROOM / UNIT)).unwrap_or(u32::MAX);
        let permit = timeout(WAIT, self.0.acquire_many(units)).await.ok()?.ok()?;
        Some(Room { _permit: Some(permit) })
    }
}

/// Reads on, and keeps nothing: a sender whose connection is closed while it still writes never sees the answer.
pub(super) async fn discard(body: &mut Incoming) {
    let mut left = DISCARDED;
    while let Ok(Some(Ok(frame))) = timeout(STALLED, body.frame()).await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn large_bodies_share_a_room_and_small_ones_wait_for_none() {
        let bodies = Bodies::new();
        let all = bodies.room(ROOM).await.expect("all of it is free");
        assert!(bodies.room(SMALL).await.is_some());
        assert!(bodies.room(SMALL + 1).await.is_none(), "not while another takes up all");
        drop(all);
        assert!(bodies.room(SMALL + 1).await.is_some());
        assert!(bodies.room(ROOM * 2).await.is_some(), "one that could be larger than the room has all of it");
    }
}
