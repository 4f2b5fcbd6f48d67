//! The HTTP client of the commands, and of the API of a running Sluice.

use std::{
    error::Error as StdError,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

use super::{Error, Surroundings, usage};

/// For one request, from connecting to the last byte of the answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// As much of an answer of the API is read.
const ANSWER_LIMIT: usize = 64 << 20;

/// What to do where no Sluice listens.
pub(super) const START_SLUICE: &str = "start it (`sluice dev` listens on 127.0.0.1:3000), or correct --to or SLUICE_LISTEN";

/// Where a gateway on this machine listens: at SLUICE_LISTEN, as the gateway itself reads it, or where it does without that setting.
pub(super) fn own_address(surroundings: &Surroundings<'_>) -> Result<String, Error> {
    let Some(listen) = (surroundings.setting)("SLUICE_LISTEN") else { return Ok("http://127.0.0.1:3000".to_owned()) };
    let address: SocketAddr = listen
        .trim()
        .parse()
        .map_err(|_| usage("SLUICE_LISTEN: must be an address and port, such as 127.0.0.1:3000; correct it, or give --to"))?;
    if address.port() == 0 {
        return Err(usage("SLUICE_LISTEN leaves the choice of the port to the system: give --to"));
    }
    // What listens on all addresses is reached on that of the machine itself.
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(format!("http://{}", SocketAddr::new(host, address.port())))
}

/// A client for http and https.
pub(super) type HttpClient = HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>;

pub(super) fn http_client() -> HttpClient {
    let mut plain = HttpConnector::new();
    plain.set_nodelay(true);
    plain.enforce_http(false);
    let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(plain);
    HyperClient::builder(TokioExecutor::new()).build(connector)
}

/// Why `to` gave no answer.
pub(super) fn in_words(error: &hyper_util::client::legacy::Error, to: &impl std::fmt::Display, otherwise: &str) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let refused = cause.downcast_ref::<io::Error>().map(io::Error::kind) == Some(io::ErrorKind::ConnectionRefused);
    if refused {
        format!("nothing listens at {to} ({cause}): {otherwise}")
    } else if error.is_connect() {
        format!("cannot connect to {to} ({cause}): is that the right host, port and scheme?")
    } else {
        format!("{to} did not answer ({cause})")
    }
}

/// The API of a running Sluice.
pub(super) struct Client {
    base: String,
    host: String,
    key: String,
    runtime: tokio::runtime::Runtime,
    http: HttpClient,
}

/// What the API answered.
pub(super) struct ApiAnswer {
    status: StatusCode,
    pub(super) json: Value,
}

impl Client {
    pub(super) fn new(base: &str) -> Result<Self, Error> {
        let uri: Uri = base.parse().map_err(|_| usage(format!("{base} is no address: write it such as http://127.0.0.1:3000")))?;
        let host = uri.host().filter(|_| matches!(uri.scheme_str(), Some("http" | "https")));
        let host = host.ok_or_else(|| usage(format!("{base} is no address: write it such as http://127.0.0.1:3000")))?.to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), host, key: String::new(), runtime, http: http_client() })
    }

    pub(super) fn is_loopback(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    pub(super) fn with_key(self, key: String) -> Self {
        Self { key, ..self }
    }

    pub(super) fn get(&self, path: &str) -> Result<ApiAnswer, Error> {
        self.send(Method::GET, path, None, None)
    }

    pub(super) fn post(&self, path: &str) -> Result<ApiAnswer, Error> {
        self.send(Method::POST, path, None, None)
    }

    /// Calls with a body of JSON or none, and under an idempotency key or none.
    pub(super) fn send(&self, method: Method, path: &str, body: Option<&Value>, once: Option<&str>) -> Result<ApiAnswer, Error> {
        self.send_text(method, path, body.map(Value::to_string), once)
    }

    /// The same with JSON as it is written.
    pub(super) fn send_text(&self, method: Method, path: &str, body: Option<String>, once: Option<&str>) -> Result<ApiAnswer, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key));
        if let Some(key) = once {
            request = request.header("idempotency-key", key);
        }
        let request = request
            .body(body.map_or_else(Full::default, Full::from))
            .map_err(|error| usage(format!("this request cannot be sent: {error}")))?;
        let exchange = async {
            let response = self.http.request(request).await.map_err(|error| usage(in_words(&error, &self.base, START_SLUICE)))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
            let body = body.map_err(|error| usage(format!("the answer of {} broke off: {error}", self.base)))?.to_bytes();
            Ok(ApiAnswer { status, json: serde_json::from_slice(&body).unwrap_or(Value::Null) })
        };
        let limited = async { tokio::time::timeout(DEADLINE, exchange).await };
        self.runtime
            .block_on(limited)
            .unwrap_or_else(|_| Err(usage(format!("no answer from {} within {} s", self.base, DEADLINE.as_secs()))))
    }
}

impl ApiAnswer {
    pub(super) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// What the API says is wrong.
    pub(super) fn problem(&self) -> String {
        let detail = self.json["detail"].as_str().unwrap_or("it does not answer as Sluice does; is --to right?");
        format!("{}: {detail}", self.status)
    }

    pub(super) fn expect_success(self) -> Result<Value, Error> {
        if self.is_success() { Ok(self.json) } else { Err(usage(self.problem())) }
    }
}
