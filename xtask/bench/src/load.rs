//! Many connections that send prepared requests.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{clock, http::Connection, latency::Latencies};

/// When the next request is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As soon as a connection has its answer: this finds what the server can take.
    AsFastAsAnswered,
    /// So many a second, whether or not others are answered. Times count from when a request was due, so that those which had to wait for a
    /// connection are not left out.
    Rate(f64),
}

/// What came of it.
pub(crate) struct Answered {
    /// The moment before the first request.
    pub(crate) start: Instant,
    /// From there until the last answer.
    pub(crate) time: Duration,
    /// How long each answer took.
    pub(crate) latencies: Latencies,
}

/// Sends every request once, over `connections`. Each must succeed.
pub(crate) async fn send(address: SocketAddr, requests: Vec<Vec<u8>>, connections: usize, pace: Pace) -> Result<Answered, String> {
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(Connection::open(address).await?);
    }
    let shared = Arc::new(Shared { requests, next: AtomicUsize::new(0), start: clock::now(), pace });
    let mut senders = JoinSet::new();
    for connection in opened {
        senders.spawn(Arc::clone(&shared).send_until_none_are_left(connection));
    }
    let mut each = Vec::with_capacity(shared.requests.len());
    while let Some(ended) = senders.join_next().await {
        each.extend(ended.map_err(|error| format!("a connection's task has failed: {error}"))??);
    }
    Ok(Answered { start: shared.start, time: shared.start.elapsed(), latencies: Latencies::new(each) })
}

struct Shared {
    requests: Vec<Vec<u8>>,
    next: AtomicUsize,
    start: Instant,
    pace: Pace,
}

impl Shared {
    async fn send_until_none_are_left(self: Arc<Self>, mut connection: Connection) -> Result<Vec<Duration>, String> {
        let mut each = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(request) = self.requests.get(number) else { return Ok(each) };
            let due = match self.pace {
                Pace::AsFastAsAnswered => clock::now(),
                Pace::Rate(rate) => {
                    let due = self.start + Duration::from_secs_f64(number as f64 / rate);
                    clock::until(due).await;
                    due
                }
            };
            connection.call(request).await?.success()?;
            each.push(due.elapsed());
        }
    }
}
