//! A receiver of webhooks that does as it is told, path by path.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::serve::serve_each;

/// What is done with a webhook.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It is answered with this status line and these headers, each with its line end, and no body.
    Status(&'static str, &'static str),
    /// The connection is closed without an answer.
    Close,
    /// Headers come at once, and then a byte now and then.
    Drip,
    /// Headers, and a body without an end.
    Endless,
    /// It is answered with 200 after so long.
    Late(Duration),
    /// Nothing comes.
    Silence,
    /// The connection is torn down.
    Reset,
}

/// A webhook that came.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// When.
    pub at: Instant,
    /// Under which path.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
}

/// A receiver. Every path answers 200 until it is told otherwise.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    got: Mutex<Vec<Webhook>>,
    replies: Mutex<BTreeMap<String, Vec<Reply>>>,
}

impl Receiver {
    /// Listens on a free port.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        serve_each(listener, move |stream| serving.serve(stream));
        Self { address, shared }
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on a path replies like this, and when these are used up always with the last.
    pub fn reply(&self, path: &str, replies: &[Reply]) {
        let mut replies = replies.to_vec();
        replies.reverse();
        self.shared.replies.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), replies);
    }

    /// How many webhooks came.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.got.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What came, in order.
    #[must_use]
    pub fn got(&self) -> Vec<Webhook> {
        self.shared.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the webhook of that number, from 0, came to a path.
    #[must_use]
    pub fn arrival(&self, path: &str, number: usize) -> Option<Instant> {
        let got = self.shared.got.lock().unwrap_or_else(PoisonError::into_inner);
        got.iter().filter(|webhook| webhook.path == path).nth(number).map(|webhook| webhook.at)
    }

    /// What came to a path, in order.
    #[must_use]
    pub fn got_at(&self, path: &str) -> Vec<Webhook> {
        self.got().into_iter().filter(|webhook| webhook.path == path).collect()
    }
}

impl Shared {
    fn serve(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let mut first = String::new();
            if reader.read_line(&mut first)? == 0 {
                return Ok(());
            }
            let mut headers = BTreeMap::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line)?;
                let Some((name, value)) = line.trim().split_once(": ") else { break };
                headers.insert(name.to_ascii_lowercase(), value.to_owned());
            }
            let mut body = vec![0; headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
            reader.read_exact(&mut body)?;
            let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
            let reply = self.next_reply(&path);
            let webhook = Webhook { at: instant_now(), path, headers, body: String::from_utf8_lossy(&body).into_owned() };
            self.got.lock().unwrap_or_else(PoisonError::into_inner).push(webhook);
            match reply {
                Reply::Status(status, headers) => {
                    let length = if status.starts_with("204") { "" } else { "content-length: 0\r\n" };
                    stream.write_all(format!("HTTP/1.1 {status}\r\n{headers}{length}\r\n").as_bytes())?;
                }
                Reply::Close => return Ok(()),
                Reply::Reset => {
                    // Closed with nothing to linger for, the system sends a reset.
                    return Ok(rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO))?);
                }
                Reply::Late(after) => {
                    stream.set_read_timeout(Some(after))?;
                    // Until then nothing comes but the end of whoever asked.
                    if reader.read(&mut [0]).is_ok() {
                        return Ok(());
                    }
                    stream.set_read_timeout(None)?;
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
                }
                Reply::Silence => {
                    // Until the other side has had enough.
                    return reader.read(&mut [0]).map(drop);
                }
                Reply::Drip => {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
                    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
                    while reader.read(&mut [0]).is_err() {
                        stream.write_all(b"x")?;
                    }
                    return Ok(());
                }
                Reply::Endless => {
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                    loop {
                        stream.write_all(&[b'x'; 4096])?;
                    }
                }
            }
        }
    }

    fn next_reply(&self, path: &str) -> Reply {
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        match replies.get_mut(path) {
            Some(list) if list.len() > 1 => list.pop().unwrap_or(Reply::Close),
            Some(list) => list[0].clone(),
            None => Reply::Status("200 OK", ""),
        }
    }
}

/// Now, on the clock that arrivals are noted by.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "when a webhook really came is what the tests measure")]
pub fn instant_now() -> Instant {
    Instant::now()
}
