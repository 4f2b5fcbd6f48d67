//! Reads the bodies of webhooks: no more at the same time than there is room for.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// How much all large bodies that are being read or handled may take together, bytes. A signature can only be checked on the whole of a body, so until then
/// anybody can send one.
const ROOM: usize = 128 << 20;
/// Bodies up to this size need no room of their own, bytes: nearly all webhooks are smaller, and they wait for no large one.
const SMALL: usize = 64 << 10;
/// How long a large body waits for room.
const WAIT: Duration = Duration::from_secs(5);
/// How long is waited for the next part of a large body, and how much that part has to be, bytes: 16 KiB a second. Whoever announces a large body takes room
/// with it, and must not keep that by hardly sending anything.
const STEP: Duration = Duration::from_secs(5);
const LEAST: usize = 80 << 10;
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
    /// It comes so slowly that it keeps room from others.
    TooSlow,
    /// The sender broke it off.
    BrokeOff(Broken),
}

/// Why a body broke off.
pub(super) type Broken = Box<dyn std::error::Error + Send + Sync>;

/// What has come of a body: its first part as it came, which mostly is all of it, and from the second on a copy of all. Parts that were kept as they came would
/// each keep the buffer alive that they were read into, however small they are.
#[derive(Default)]
struct Parts {
    first: Bytes,
    all: Vec<u8>,
    bytes: usize,
}

/// How far a body has come.
enum Step {
    Whole,
    More,
}

impl Parts {
    /// Reads on until there are more than `until` bytes, or all.
    async fn read(&mut self, body: &mut (impl Body<Data = Bytes, Error: Into<Broken>> + Unpin), until: usize) -> Result<Step, Broken> {
        while let Some(frame) = body.frame().await {
            let Ok(part) = frame.map_err(Into::into)?.into_data() else { continue };
            self.add(part);
            if self.bytes > until {
                return Ok(Step::More);
            }
        }
        Ok(Step::Whole)
    }

    fn add(&mut self, part: Bytes) {
        let length = part.len();
        if self.bytes == 0 {
            self.first = part;
        } else {
            if self.all.is_empty() {
                self.all.extend_from_slice(&std::mem::take(&mut self.first));
            }
            self.all.extend_from_slice(&part);
        }
        self.bytes += length;
    }

    fn whole(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.into() }
    }
}

/// The room of a large body; none of a small one.
pub(super) type Room<'a> = Option<SemaphorePermit<'a>>;

impl Bodies {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM / UNIT)))
    }

    /// Reads a body of at most `limit` bytes.
    pub(super) async fn read(&self, body: &mut (impl Body<Data = Bytes, Error: Into<Broken>> + Unpin), limit: usize) -> Read<'_> {
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
        let mut parts = Parts::default();
        loop {
            let until = parts.bytes + LEAST;
            let stepped = parts.read(body, until.min(limit));
            // One that says it is small takes no room from anybody.
            let stepped = if room.is_some() { timeout(STEP, stepped).await } else { Ok(stepped.await) };
            match stepped {
                Ok(Ok(Step::Whole)) => return Read::Whole(parts.whole(), room),
                Ok(Ok(Step::More)) if parts.bytes > limit => {
                    drop(room);
                    discard(body).await;
                    return Read::TooLarge;
                }
                Ok(Ok(Step::More)) => {}
                Ok(Err(error)) => return Read::BrokeOff(error),
                Err(_) => return Read::TooSlow,
            }
        }
    }

    async fn room(&self, bytes: usize) -> Option<Room<'_>> {
        if bytes <= SMALL {
            return Some(None);
        }
        let units = u32::try_from(bytes.div_ceil(UNIT).min(ROOM / UNIT)).unwrap_or(u32::MAX);
        let permit = timeout(WAIT, self.0.acquire_many(units)).await.ok()?.ok()?;
        Some(Some(permit))
    }
}

/// Reads on, and keeps nothing: a sender whose connection is closed while it still writes never sees the answer.
pub(super) async fn discard(body: &mut (impl Body<Data = Bytes> + Unpin)) {
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
    use std::convert::Infallible;

    use futures_util::StreamExt;
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use tokio::time::{Instant, sleep_until};

    use super::*;

    /// A body of `parts` parts, one every `every`, and then no end where it is `open`.
    fn body(parts: usize, length: usize, every: Duration) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let begin = Instant::now();
        let parts = futures_util::stream::iter(1..=parts).then(move |number| async move {
            sleep_until(begin + every * u32::try_from(number).expect("few")).await;
            Ok(Frame::data(Bytes::from(vec![b'x'; length])))
        });
        StreamBody::new(Box::pin(parts))
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_has_to_come_on_and_a_small_one_may_take_its_time() {
        let (bodies, second) = (Bodies::new(), Duration::from_secs(1));
        let read = async |mut body, limit| match bodies.read(&mut body, limit).await {
            Read::Whole(bytes, _room) => Ok(bytes.len()),
            Read::TooLarge => Err("too large"),
            Read::TooSlow => Err("too slow"),
            Read::NoRoom => Err("no room"),
            Read::BrokeOff(_) => Err("broke off"),
        };
        assert_eq!(read(body(40, 21 << 10, second), 4 << 20).await, Ok(40 * (21 << 10)), "slow, and fast enough");
        assert_eq!(read(body(40, 15 << 10, second), 4 << 20).await, Err("too slow"));
        assert_eq!(read(body(2, 1 << 20, second * 6), 4 << 20).await, Err("too slow"));
        assert_eq!(read(body(40, 1 << 10, second), SMALL).await, Ok(40 << 10), "it is small however long it takes");
        assert_eq!(read(body(3, 1 << 20, second), 2 << 20).await, Err("too large"));
        assert_eq!(read(body(2, 1 << 20, second), 2 << 20).await, Ok(2 << 20), "as large as may be");
        assert_eq!(bodies.0.available_permits(), ROOM / UNIT, "all room is free again");
    }

    #[test]
    fn many_small_parts_take_up_no_more_than_the_body() {
        let mut parts = Parts::default();
        let buffer = Bytes::from((0..=255).collect::<Vec<u8>>());
        for at in 0..=255 {
            parts.add(buffer.slice(at..=at));
        }
        assert!(parts.all.capacity() <= 1024 && parts.bytes == 256, "{}", parts.all.capacity());
        assert_eq!(parts.whole(), buffer);
        let mut one = Parts::default();
        one.add(buffer.clone());
        assert_eq!(one.whole().as_ptr(), buffer.as_ptr(), "the only part is not copied");
        assert!(Parts::default().whole().is_empty());
    }

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
