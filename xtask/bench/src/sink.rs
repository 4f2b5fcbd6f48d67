//! A receiver of webhooks that answers at once, and notes when each event came. Under some paths it never answers.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
};

use crate::clock;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
/// What stands before an event's number in its body.
const NUMBER: &[u8] = b"\"number\":";
/// What the paths begin with under which it takes a webhook and never answers.
pub(crate) const HANGING: &str = "/hang/";

/// A receiver, on a thread of its own.
pub(crate) struct Sink {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    noted: Arc<Noted>,
}

#[derive(Default)]
struct Noted {
    arrivals: Mutex<Vec<(usize, Instant)>>,
    /// How many came that are never answered.
    hung: AtomicUsize,
}

impl Noted {
    fn arrivals(&self) -> MutexGuard<'_, Vec<(usize, Instant)>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    /// Listens on a free port.
    pub(crate) fn start() -> Result<Self, String> {
        let problem = |error: std::io::Error| format!("the receiver can't listen: {error}");
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(problem)?;
        listener.set_nonblocking(true).map_err(problem)?;
        let address = listener.local_addr().map_err(problem)?;
        let noted = Arc::<Noted>::default();
        let shared = Arc::clone(&noted);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(problem)?;
        thread::spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                // A connection that can't be accepted is tried again by whoever delivers.
                loop {
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    tokio::spawn(serve(stream, Arc::clone(&shared)));
                }
            });
        });
        Ok(Self { address, noted })
    }

    /// How many webhooks have come.
    pub(crate) fn count(&self) -> usize {
        self.noted.arrivals().len()
    }

    /// The number of each event that came, and when.
    pub(crate) fn arrivals(&self) -> Vec<(usize, Instant)> {
        self.noted.arrivals().clone()
    }

    /// How many have come that are never answered.
    pub(crate) fn hung(&self) -> usize {
        self.noted.hung.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, noted: Arc<Noted>) {
    // It only costs time where it does not hold.
    let _ = stream.set_nodelay(true);
    let mut read = Vec::with_capacity(8192);
    loop {
        while let Some((length, number)) = whole(&read) {
            if hangs(&read) {
                noted.hung.fetch_add(1, Ordering::Relaxed);
                // Until the other side has had enough.
                let _ = stream.read(&mut [0]).await;
                return;
            }
            noted.arrivals().push((number, clock::now()));
            read.drain(..length);
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut read).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Whether the first request is one that is never answered.
fn hangs(read: &[u8]) -> bool {
    read.strip_prefix(b"POST ").is_some_and(|rest| rest.starts_with(HANGING.as_bytes()))
}

/// The length of the first request and the number of the event in it, once it is there as a whole.
fn whole(read: &[u8]) -> Option<(usize, usize)> {
    let head = find(read, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&read[..head]).ok()?;
    let length: usize = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })?;
    let body = read.get(head..head + length)?;
    let digits = &body[find(body, NUMBER)? + NUMBER.len()..];
    let digits: String = digits.iter().take_while(|byte| byte.is_ascii_digit()).map(|byte| char::from(*byte)).collect();
    Some((head + length, digits.parse().ok()?))
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_read_once_it_is_whole() {
        let request = b"POST /1 HTTP/1.1\r\nhost: x\r\nContent-Length: 23\r\n\r\n{\"data\":{\"number\":407}}POST";
        assert_eq!(whole(&request[..60]), None);
        assert_eq!(whole(request), Some((request.len() - 4, 407)));
        assert!(!hangs(request) && hangs(b"POST /hang/7 HTTP/1.1\r\n"));
    }
}
