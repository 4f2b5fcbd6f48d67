//! A client of the gateway that blocks, and whose answers are asked for the status they should have.

use std::{sync::LazyLock, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::SignedRequest;

/// How long one exchange may take.
const LIMIT: Duration = Duration::from_secs(20);

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads can be started"));

/// A client of one gateway. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    base: String,
    /// The name that the gateway is asked by, if it is another than its address.
    host: Option<String>,
    key: Option<String>,
    http: HyperClient<HttpConnector, Full<Bytes>>,
}

/// No answer came: the connection was refused or broke, or time ran out. Whether the request arrived is not known.
#[derive(Debug)]
pub struct NoAnswer(pub String);

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    asked: String,
}

impl Client {
    /// A client of the gateway at `base` (`http://host:port`), with an API key or none.
    #[must_use]
    pub fn new(base: &str, key: Option<&str>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = HyperClient::builder(TokioExecutor::new()).build(connector);
        Self { base: base.to_owned(), host: None, key: key.map(str::to_owned), http }
    }

    /// The same for a gateway that goes by another name than its address.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// The same with another API key, or none.
    #[must_use]
    pub fn with_key(mut self, key: Option<&str>) -> Self {
        self.key = key.map(str::to_owned);
        self
    }

    /// Where the gateway is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Asks for a path.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, Bytes::new())
    }

    /// Puts JSON at a path.
    #[must_use]
    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::PUT, path, body.to_string().into())
    }

    /// Posts nothing to a path.
    #[must_use]
    #[track_caller]
    pub fn post(&self, path: &str) -> Answer {
        self.ask(Method::POST, path, Bytes::new())
    }

    /// Posts a webhook.
    #[must_use]
    #[track_caller]
    pub fn webhook(&self, path: &str, webhook: &SignedRequest) -> Answer {
        self.try_webhook(path, webhook).unwrap_or_else(|no_answer| panic!("POST {path}: {}", no_answer.0))
    }

    /// Posts a webhook to a gateway that may die meanwhile.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn try_webhook(&self, path: &str, webhook: &SignedRequest) -> Result<Answer, NoAnswer> {
        let mut request = self.request(Method::POST, path, webhook.body.clone());
        for (name, value) in &webhook.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        self.exchange(request)
    }

    /// Posts JSON to a path of a server that may not listen yet.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn try_post(&self, path: &str, body: &Value) -> Result<Answer, NoAnswer> {
        self.exchange(self.request(Method::POST, path, body.to_string().into()))
    }

    /// Puts JSON at a path of a gateway that may die meanwhile.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn try_put(&self, path: &str, body: &Value) -> Result<Answer, NoAnswer> {
        self.exchange(self.request(Method::PUT, path, body.to_string().into()))
    }

    /// Sends a request of any method.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, method: Method, path: &str, body: Bytes) -> Answer {
        let request = self.request(method, path, body);
        let asked = format!("{} {path}", request.method());
        self.exchange(request).unwrap_or_else(|no_answer| panic!("{asked}: {}", no_answer.0))
    }

    /// Sends a request with these headers.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    #[track_caller]
    pub fn send(&self, method: Method, path: &str, headers: Vec<(HeaderName, HeaderValue)>, body: Bytes) -> Answer {
        let mut request = self.request(method, path, body);
        request.headers_mut().extend(headers);
        self.exchange(request).unwrap_or_else(|no_answer| panic!("{path}: {}", no_answer.0))
    }

    /// All items of a list, over its pages.
    #[must_use]
    #[track_caller]
    pub fn list(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let first = format!("{path}{separator}limit=1000");
        let mut items = Vec::new();
        let mut next = first.clone();
        loop {
            let mut page = self.get(&next).expect(200).json();
            items.append(page["items"].as_array_mut().expect("a list has items"));
            let Some(cursor) = page["next"].as_str() else { return items };
            next = format!("{first}&cursor={cursor}");
        }
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(host) = &self.host {
            request = request.header(header::HOST, host);
        }
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        request.body(Full::new(body)).expect("the tests write valid requests")
    }

    fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
        let asked = format!("{} {}", request.method(), request.uri().path());
        let exchange = async {
            let response = self.http.request(request).await.map_err(|error| NoAnswer(format!("{error:?}")))?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| NoAnswer(error.to_string()))?.to_bytes();
            Ok(Answer { status: parts.status, headers: parts.headers, body, asked })
        };
        let limited = async { tokio::time::timeout(LIMIT, exchange).await };
        RUNTIME.block_on(limited).unwrap_or_else(|_| Err(NoAnswer(format!("nothing within {LIMIT:?}"))))
    }
}

impl Answer {
    /// The answer, if it has this status.
    ///
    /// # Panics
    /// If it has another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.asked, self.text());
        self
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {}", self.asked, self.text()))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header as text; empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
