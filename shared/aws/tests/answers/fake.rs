//! A service that answers as it is told.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use sluice_aws::{AwsEnvironment, Clients, Patience, Timeouts};
use sluice_core::testing::CountingIds;
use sluice_system::SystemClock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What the service does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Answers with this status and body.
    With(u16, String),
    /// Reads the request and closes the connection.
    Hangup,
    /// Reads the request and says nothing.
    Silence,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::With(status, body.to_string())
    }

    /// An error as DynamoDB and SQS report it.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::json(status, &serde_json::json!({ "__type": format!("com.amazonaws.service#{code}"), "message": "as told" }))
    }
}

/// A service with a list of answers; the last one is given again and again.
pub(crate) struct Fake {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let answers: Arc<Mutex<VecDeque<Answer>>> = Arc::new(Mutex::new(answers.into_iter().collect()));
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&answers), Arc::clone(&kept)));
            }
        });
        Self { address, requests }
    }

    /// The bodies of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("nothing panics while it is held").clone()
    }

    pub(crate) fn clients(&self) -> Clients {
        clients(&format!("http://{}", self.address))
    }
}

/// Clients of a service that nobody runs.
pub(crate) async fn nobody() -> Clients {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    clients(&format!("http://{}", listener.local_addr().expect("an address")))
}

fn clients(url: &str) -> Clients {
    let variables =
        [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_ENDPOINT_URL", url)];
    let environment = AwsEnvironment::read(&variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()).expect("complete");
    let timeouts = Timeouts { connect: Duration::from_secs(5), attempt: Duration::from_millis(300), mail: Duration::from_millis(300) };
    Clients::new(&environment, timeouts).expect("no bundle of certificates")
}

/// Long enough for a few tries.
pub(crate) fn patience() -> Arc<Patience> {
    Arc::new(Patience::new(Arc::new(SystemClock), Arc::new(CountingIds::new()), Duration::from_secs(1)))
}

async fn serve(mut connection: TcpStream, answers: Arc<Mutex<VecDeque<Answer>>>, requests: Arc<Mutex<Vec<String>>>) {
    while let Some(body) = read_request(&mut connection).await {
        requests.lock().expect("nothing panics while it is held").push(body);
        let answer = {
            let mut answers = answers.lock().expect("nothing panics while it is held");
            if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
        };
        match answer.expect("at least one answer") {
            Answer::With(status, body) => {
                let kind = if body.starts_with('<') { "text/xml" } else { "application/x-amz-json-1.0" };
                let answer = format!("HTTP/1.1 {status} As Told\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                if connection.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            Answer::Hangup => return,
            Answer::Silence => std::future::pending().await,
        }
    }
}

/// Reads one request, and returns its body; `None` at the end of the connection.
async fn read_request(connection: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.trim().parse().expect("a number"));
            if bytes.len() >= end + 4 + length {
                return Some(String::from_utf8_lossy(&bytes[end + 4..]).into_owned());
            }
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
