//! Just enough of HTTP/1.1 to cost the machine little: requests are bytes made before, connections are kept.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer.
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The answer, if it says that all went well.
    pub(crate) fn success(self) -> Result<Self, String> {
        match self.status {
            200..=299 => Ok(self),
            status => Err(format!("the server answered {status}: {}", String::from_utf8_lossy(&self.body).trim_end())),
        }
    }
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| format!("can't connect to {address}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| format!("can't set up the connection: {error}"))?;
        Ok(Self { stream, read: Vec::with_capacity(4096) })
    }

    /// Sends a request as it is, and waits for the answer.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<Answer, String> {
        self.stream.write_all(request).await.map_err(|error| format!("the request was not taken: {error}"))?;
        self.read.clear();
        loop {
            let length = self.stream.read_buf(&mut self.read).await.map_err(|error| format!("no answer came: {error}"))?;
            if length == 0 {
                return Err("the connection was closed in place of an answer".to_owned());
            }
            if let Some(head) = Head::parse(&self.read)?
                && self.read.len() >= head.length + head.body_length
            {
                return Ok(Answer { status: head.status, body: self.read.split_off(head.length) });
            }
        }
    }
}

struct Head {
    status: u16,
    length: usize,
    body_length: usize,
}

impl Head {
    /// Reads the head of an answer, once it is there as a whole.
    fn parse(read: &[u8]) -> Result<Option<Self>, String> {
        const END: &[u8] = b"\r\n\r\n";
        let Some(end) = read.windows(END.len()).position(|window| window == END) else { return Ok(None) };
        let text = String::from_utf8_lossy(&read[..end]);
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let body_length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        match (status, body_length) {
            (Some(status), Some(body_length)) => Ok(Some(Self { status, length: end + END.len(), body_length })),
            _ => Err(format!("an answer that this program can't read: {text}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ndate: now\r\n\r\nok";
        assert!(Head::parse(&answer[..30]).expect("fits so far").is_none());
        let head = Head::parse(answer).expect("fits").expect("whole");
        assert_eq!((head.status, &answer[head.length..], head.body_length), (200, &b"ok"[..], 2));
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
