//! Against servers that do as they are told, and names that lead where they are told.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use sluice_guard::Loopback;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;

/// For what ends by itself.
const LONG: Duration = Duration::from_secs(10);
/// For what never does.
const SHORT: Duration = Duration::from_millis(300);

fn rules() -> Rules {
    Rules { loopback: Loopback::Named, ..Rules::default() }
}

/// Answers by a list, and counts how often it was asked.
struct Names {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    fn answering(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = answers.iter().map(|addresses| addresses.iter().map(|address| address.parse().unwrap()).collect());
        Arc::new(Self { answers: Mutex::new(parsed.collect()), asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let next = if answers.len() > 1 { answers.remove(0) } else { answers.first().cloned().unwrap_or_default() };
        if next.is_empty() { Err(io::Error::new(io::ErrorKind::NotFound, "no such host")) } else { Ok(next) }
    }
}

fn poster() -> GuardedPoster {
    GuardedPoster::new(rules(), Names::answering(&[&["127.0.0.1"]]))
}

fn post(url: String, within: Duration) -> Post {
    let headers = vec![("webhook-id".to_owned(), "evt_1".to_owned()), ("content-type".to_owned(), "application/json".to_owned())];
    Post { url, headers, body: Bytes::from_static(b"{\"type\":\"test\"}"), within }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"{\"type\":\"test\"}") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return None;
        }
    }
    Some(String::from_utf8(request).unwrap())
}

/// A server: what it does with each connection, and what it was sent.
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start<F, R>(behave: F) -> Self
    where
        F: Fn(TcpStream, Arc<Mutex<Vec<String>>>) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, connections) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicUsize>::default());
        let (kept, counted) = (Arc::clone(&requests), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(behave(stream, Arc::clone(&kept)));
            }
        });
        Self { port, requests, connections }
    }

    /// Gives this answer to every request, and keeps the connection.
    async fn answering(answer: &'static str) -> Self {
        Self::start(move |mut stream, requests| async move {
            while let Some(request) = read_request(&mut stream).await {
                requests.lock().unwrap().push(request);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        })
        .await
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?x=1", self.port)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answered(answer: &'static str) -> Answered {
    let server = Server::answering(answer).await;
    poster().post(&post(server.url(), LONG)).await.unwrap()
}

#[tokio::test]
async fn every_status_is_an_answer() {
    assert_eq!(
        answered("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await,
        Answered { status: 200, retry_after: None, excerpt: b"ok".to_vec() }
    );
    assert_eq!(answered("HTTP/1.1 204 No Content\r\n\r\n").await.status, 204);
    assert_eq!(answered("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.status, 400);
    assert_eq!(answered("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n").await.status, 410);
    let slow_down = answered("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!((slow_down.status, slow_down.retry_after.as_deref()), (429, Some("120")));
    assert_eq!(answered("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n").await.status, 500);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let trap = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let location = format!("HTTP/1.1 301 Moved Permanently\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", trap.url());
    assert_eq!(answered(location.leak()).await.status, 301);
    assert_eq!(trap.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_request_is_what_was_asked_for() {
    let server = Server::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let mut with_host = post(server.url(), LONG);
    with_host.headers.push(("Host".to_owned(), "elsewhere.example".to_owned()));
    poster().post(&with_host).await.unwrap();
    let request = server.requests().pop().unwrap();
    assert!(request.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nhost: 127.0.0.1:{}\r\n", server.port)) && !request.contains("elsewhere"), "{request}");
    assert!(request.contains("\r\nwebhook-id: evt_1\r\n") && request.contains("\r\ncontent-length: 15\r\n"), "{request}");
}

#[tokio::test]
async fn connections_are_used_again_and_one_that_was_closed_is_no_failure() {
    let server = Server::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let poster = poster();
    for _ in 0..3 {
        poster.post(&post(server.url(), LONG)).await.unwrap();
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);

    let closing = Server::start(|mut stream, requests| async move {
        let request = read_request(&mut stream).await.unwrap();
        requests.lock().unwrap().push(request);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    })
    .await;
    for _ in 0..3 {
        poster.post(&post(closing.url(), LONG)).await.unwrap();
    }
    assert_eq!(closing.requests().len(), 3);
}

#[tokio::test]
async fn little_is_kept_of_a_long_answer_and_an_endless_one_is_cut_off() {
    let long = answered(format!("HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{}", "x".repeat(9000)).leak()).await;
    assert_eq!(long.excerpt.len(), KEPT);
    let endless = Server::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
    })
    .await;
    let answer = poster().post(&post(endless.url(), LONG)).await.unwrap();
    assert_eq!((answer.status, answer.excerpt.len()), (200, KEPT));
}

async fn fails(behave: fn(TcpStream) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>, within: Duration) -> PostFailure {
    let server = Server::start(move |stream, _| behave(stream)).await;
    poster().post(&post(server.url(), within)).await.unwrap_err()
}

#[tokio::test]
async fn one_deadline_stands_over_all_of_it() {
    let silent = |mut stream: TcpStream| -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            read_request(&mut stream).await;
            let _ = stream.read_u8().await;
        })
    };
    let failure = fails(silent, SHORT).await;
    assert_eq!((failure.step, failure.reason.as_str()), (Step::Answer, "timed out: no answer came within 300ms"));
    // Each byte comes in time, and all of them don't.
    let dripping = |mut stream: TcpStream| -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n").await;
            let mut tick = tokio::time::interval(SHORT / 10);
            while stream.write_all(b"x").await.is_ok() {
                tick.tick().await;
            }
        })
    };
    let failure = fails(dripping, SHORT).await;
    assert_eq!((failure.step, failure.status), (Step::Body, Some(200)), "{failure}");
}

#[tokio::test]
async fn what_breaks_says_where_it_broke() {
    let closing = |mut stream: TcpStream| -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            read_request(&mut stream).await;
        })
    };
    assert_eq!(fails(closing, LONG).await.step, Step::Answer);
    let broken_off = |mut stream: TcpStream| -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nxx").await.unwrap();
        })
    };
    let failure = fails(broken_off, LONG).await;
    assert_eq!((failure.step, failure.status), (Step::Body, Some(200)), "{failure}");
    let reset = |stream: TcpStream| -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            // What was sent lies unread: closing now resets the connection.
            stream.readable().await.unwrap();
            drop(stream);
        })
    };
    assert_eq!(fails(reset, LONG).await.step, Step::Answer);
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let failure = poster().post(&post(format!("http://{gone}/"), LONG)).await.unwrap_err();
    assert_eq!(failure.step, Step::Connect);
    assert!(failure.reason.contains("refused"), "{failure}");
}

#[tokio::test]
async fn nothing_is_sent_where_nothing_may_go() {
    for url in [
        "http://example.com/",
        "https://10.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://user@example.com/",
        "https://example.com:22/",
        "x",
    ] {
        assert_eq!(poster().post(&post(url.to_owned(), LONG)).await.unwrap_err().step, Step::Guard, "{url}");
    }
    for addresses in [&["10.0.0.1"][..], &["93.184.216.34", "10.0.0.1"], &["127.0.0.1"], &["::ffff:169.254.169.254"]] {
        let poster = GuardedPoster::new(rules(), Names::answering(&[addresses]));
        let failure = poster.post(&post("https://rebind.example/".to_owned(), LONG)).await.unwrap_err();
        assert_eq!(failure.step, Step::Guard, "{addresses:?}");
        assert!(!failure.reason.contains("10.0.0.1") && !failure.reason.contains("169.254"), "{failure}");
    }
    let nowhere = GuardedPoster::new(rules(), Names::answering(&[]));
    assert_eq!(nowhere.post(&post("https://nowhere.example/".to_owned(), LONG)).await.unwrap_err().step, Step::Resolve);
}

#[tokio::test]
async fn a_name_is_resolved_once_an_attempt_and_anew_for_every_one() {
    let server = Server::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let names = Names::answering(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let poster = GuardedPoster::new(rules(), names.clone());
    let url = format!("http://localhost:{}/", server.port);
    assert_eq!(poster.post(&post(url.clone(), LONG)).await.unwrap().status, 204);
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    // There is an open connection to the address of before; it is not used.
    assert_eq!(poster.post(&post(url, LONG)).await.unwrap_err().step, Step::Guard);
    assert_eq!(names.asked.load(Ordering::SeqCst), 2);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_address_that_takes_no_connection_leaves_time_for_the_next() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    // Whoever comes once its queue is full is not even refused.
    let full = TcpSocket::new_v4().unwrap();
    full.bind(SocketAddr::from(([127, 0, 0, 2], server.port))).unwrap();
    let full = full.listen(1).unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(SHORT, TcpStream::connect(full.local_addr().unwrap())).await {
        queued.push(stream);
    }
    let poster = GuardedPoster::new(rules(), Names::answering(&[&["127.0.0.2", "127.0.0.1"]]));
    let answered = poster.post(&post(format!("http://localhost:{}/", server.port), 2 * SHORT)).await;
    assert_eq!(answered.map(|answered| answered.status).map_err(|failure| failure.reason), Ok(200));
}

fn trusting() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_slice(include_bytes!("certificates/ca.der"))).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth()
}

fn acceptor(certificate: &'static [u8], key: &'static [u8]) -> TlsAcceptor {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![CertificateDer::from_slice(certificate)], key).unwrap()))
}

async fn behind_tls(acceptor: TlsAcceptor) -> Server {
    async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, requests: Arc<Mutex<Vec<String>>>) {
        let Some(request) = read_request(&mut stream).await else { return };
        requests.lock().unwrap().push(request);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    }
    Server::start(move |stream, requests| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                talk(stream, requests).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn the_certificate_must_be_the_hosts_and_trusted() {
    let right = || acceptor(include_bytes!("certificates/localhost.der"), include_bytes!("certificates/localhost.key.der"));
    let names = || Names::answering(&[&["127.0.0.1"]]);
    let trusts = || GuardedPoster::with_tls(rules(), names(), trusting());
    let server = behind_tls(right()).await;
    let url = |server: &Server| format!("https://localhost:{}/", server.port);
    assert_eq!(trusts().post(&post(url(&server), LONG)).await.unwrap().status, 200);

    let stranger = GuardedPoster::new(rules(), names()).post(&post(url(&server), LONG)).await.unwrap_err();
    assert_eq!(stranger.step, Step::Tls);
    assert!(stranger.reason.contains("UnknownIssuer"), "{stranger}");
    assert_eq!(server.requests().len(), 1, "nothing is told to whom nobody trusts");

    let other = behind_tls(acceptor(include_bytes!("certificates/other.der"), include_bytes!("certificates/other.key.der"))).await;
    let wrong = trusts().post(&post(url(&other), LONG)).await.unwrap_err();
    assert_eq!(wrong.step, Step::Tls);
    assert!(wrong.reason.contains("not valid for name"), "{wrong}");

    let plain = Server::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(trusts().post(&post(url(&plain), SHORT)).await.unwrap_err().step, Step::Tls);
}

/// Answers each request with `first`, and then with `then` over and over for as long as it is read. Counts the bytes that went out.
async fn flooding(first: &'static str, then: &'static str) -> (Server, Arc<AtomicUsize>) {
    let sent = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&sent);
    let server = Server::start(move |mut stream, _| {
        let counted = Arc::clone(&counted);
        async move {
            read_request(&mut stream).await;
            let mut next = first;
            while stream.write_all(next.as_bytes()).await.is_ok() {
                counted.fetch_add(next.len(), Ordering::SeqCst);
                next = then;
            }
        }
    })
    .await;
    (server, sent)
}

/// What the two ends of a connection hold between them, beyond what is read of it.
const IN_BETWEEN: usize = 8 << 20;

#[tokio::test]
async fn whatever_is_sent_before_an_answer_is_read_to_a_limit() {
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
    let long = "x-padding: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    for (first, then) in [(early, early), ("HTTP/1.1 200 OK\r\nx-first: ", long)] {
        let (server, sent) = flooding(first, then).await;
        let failure = poster().post(&post(server.url(), LONG)).await.unwrap_err();
        assert_eq!((failure.step, failure.status), (Step::Answer, None), "{failure}");
        assert!(!failure.reason.contains("timed out"), "{failure}");
        if first == early {
            assert_eq!(failure.reason, "no answer: the receiver sent 64 KiB, and its answer had not begun");
        }
        assert!(sent.load(Ordering::SeqCst) < IN_BETWEEN, "{} bytes were taken", sent.load(Ordering::SeqCst));
    }
    // A few of them are nothing out of the ordinary.
    let few = format!("{}HTTP/1.1 204 No Content\r\n\r\n", early.repeat(5));
    assert_eq!(answered(few.leak()).await.status, 204);
}

#[tokio::test]
async fn a_body_is_cut_off_by_what_it_takes_on_the_wire() {
    let (server, sent) = flooding("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n").await;
    let answer = poster().post(&post(server.url(), LONG)).await.unwrap();
    assert_eq!((answer.status, answer.excerpt.len()), (200, KEPT));
    assert!(sent.load(Ordering::SeqCst) < IN_BETWEEN, "{} bytes were taken", sent.load(Ordering::SeqCst));
}

#[tokio::test]
async fn what_the_head_says_is_told_though_the_body_breaks_off_or_stalls() {
    let unfinished = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 600\r\nContent-Length: 100\r\n\r\nxx";
    let broken_off = Server::start(move |mut stream, _| async move {
        read_request(&mut stream).await;
        stream.write_all(unfinished.as_bytes()).await.unwrap();
    })
    .await;
    let stalled = Server::answering(unfinished).await;
    for (server, within, why) in [(broken_off, LONG, "the answer broke off"), (stalled, SHORT, "timed out: the answer did not end")] {
        let failure = poster().post(&post(server.url(), within)).await.unwrap_err();
        assert_eq!((failure.step, failure.status, failure.retry_after.as_deref()), (Step::Body, Some(503), Some("600")), "{failure}");
        assert!(failure.reason.starts_with(why), "{failure}");
    }
}
