//! Receives on this machine what a gateway on this machine delivers, shows it, and passes it on: for developing a receiver.

use std::{convert::Infallible, net::Ipv4Addr, time::Duration};

use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{
    Error, Exit, Surroundings,
    client::{DEADLINE, HttpClient, http_client},
    operate::{Target, text},
    usage,
};

/// The largest webhook that is shown and passed on.
const LARGEST: usize = 8 << 20;
/// Headers of one connection alone.
const OF_THE_CONNECTION: [header::HeaderName; 4] = [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// What to receive.
#[derive(Debug, Args)]
pub struct ListenArgs {
    /// Which types: `order.created`, `order.*`, `*`
    #[arg(default_value = "*")]
    event_types: Vec<String>,
    /// Passes each on to this URL, such as http://localhost:9000/hook, whose answer is the gateway's
    #[arg(long, value_name = "URL", value_parser = forward_url)]
    forward_to: Option<Uri>,
    #[command(flatten)]
    target: Target,
}

/// Reads where webhooks are passed on to.
fn forward_url(text: &str) -> Result<Uri, String> {
    match text.parse::<Uri>() {
        Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        _ if text.contains(':') && !text.contains("://") => {
            Err(format!("it begins with no http:// or https://; write it as http://{text}"))
        }
        _ => Err("it is no URL of http or https; write it such as http://localhost:9000/hook".to_owned()),
    }
}

/// A webhook that came, and what was answered.
struct Came {
    headers: HeaderMap,
    body: Bytes,
    answer: Result<StatusCode, String>,
}

/// What asks the command to end: Ctrl-C, a supervisor, or a terminal that is closed.
struct Ends {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Ends {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Subscribes, shows and passes on until it is asked to end, and unsubscribes.
pub(super) fn run(args: &ListenArgs, surroundings: &mut Surroundings<'_>) -> Result<Exit, Error> {
    let client = args.target.client(surroundings)?;
    if !client.is_loopback() {
        return Err(usage(
            "listen receives on this machine, and only a gateway on this machine delivers here: run `sluice dev`, or give --to http://127.0.0.1:3000; for a gateway elsewhere, let a tunnel lead to your receiver, and subscribe its URL with `sluice subscriptions create`",
        ));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    // Before it subscribes: whatever ends it from then on, it unsubscribes.
    let ends = runtime.block_on(async { Ends::listen() }).map_err(|error| usage(format!("cannot listen to signals: {error}")))?;
    let body = json!({
        "url": format!("http://{}/", listener.local_addr()?),
        "event_types": args.event_types,
        "description": "sluice listen",
    });
    let made = client.send(Method::POST, "/api/v1/subscriptions", Some(&body), None)?.expect_success()?;
    let id = text(&made["id"]);
    let shown = show_all(args, &made, (listener, ends), &runtime, surroundings);
    // Also when nothing more could be shown.
    let removed = client.send(Method::DELETE, &format!("/api/v1/subscriptions/{id}"), None, None);
    shown?;
    removed?.expect_success()?;
    Ok(Exit::Success)
}

fn show_all(
    args: &ListenArgs,
    made: &Value,
    (listener, mut ends): (TcpListener, Ends),
    runtime: &tokio::runtime::Runtime,
    surroundings: &mut Surroundings<'_>,
) -> Result<(), Error> {
    let (told, mut came) = unbounded_channel();
    runtime.spawn(serve(listener, args.forward_to.clone(), told));
    if !args.target.json {
        writeln!(surroundings.output, "listening for {}; stop with Ctrl-C", args.event_types.join(" "))?;
        writeln!(surroundings.output, "secret: {}", text(&made["secret"]))?;
    } else {
        writeln!(surroundings.output, "{made}")?;
    }
    surroundings.output.flush()?;
    while let Some(webhook) = runtime.block_on(next(&mut came, &mut ends)) {
        if args.target.json {
            writeln!(surroundings.output, "{}", as_json(&webhook))?;
        } else {
            show(&webhook, args.forward_to.as_ref(), surroundings.output)?;
        }
        surroundings.output.flush()?;
    }
    Ok(())
}

/// The next webhook; `None` once the command is asked to end.
async fn next(came: &mut UnboundedReceiver<Came>, ends: &mut Ends) -> Option<Came> {
    tokio::select! {
        webhook = came.recv() => webhook,
        () = ends.asked() => None,
    }
}

async fn serve(listener: TcpListener, to: Option<Uri>, told: UnboundedSender<Came>) {
    let client = http_client();
    // An accept that fails is a connection that broke off before it began.
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(connection(stream, client.clone(), to.clone(), told.clone()));
    }
}

async fn connection(stream: TcpStream, client: HttpClient, to: Option<Uri>, told: UnboundedSender<Came>) {
    let service = service_fn(|request| receive(request, client.clone(), to.clone(), told.clone()));
    // One that breaks off is the gateway's affair: it delivers again.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn receive(
    request: Request<Incoming>,
    client: HttpClient,
    to: Option<Uri>,
    told: UnboundedSender<Came>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST).collect().await else { return Ok(answer(StatusCode::PAYLOAD_TOO_LARGE, "")) };
    let body = body.to_bytes();
    let answered = match to {
        None => Ok(StatusCode::OK),
        Some(to) => forward(&client, to, &head.headers, body.clone()).await,
    };
    let response = match &answered {
        Ok(status) => answer(*status, ""),
        Err(error) => answer(StatusCode::BAD_GATEWAY, error),
    };
    // Nobody shows it any more once this ends.
    let _ = told.send(Came { headers: head.headers, body, answer: answered });
    Ok(response)
}

fn answer(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text.to_owned()));
    *response.status_mut() = status;
    response
}

/// The status that the receiver in development answers, to the very webhook that came.
async fn forward(client: &HttpClient, to: Uri, headers: &HeaderMap, body: Bytes) -> Result<StatusCode, String> {
    let mut request = Request::new(Full::new(body));
    (*request.method_mut(), *request.uri_mut()) = (Method::POST, to.clone());
    request
        .headers_mut()
        .extend(headers.iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(name)).map(|(name, value)| (name.clone(), value.clone())));
    match tokio::time::timeout(DEADLINE, client.request(request)).await {
        Ok(Ok(response)) => Ok(response.status()),
        Ok(Err(error)) => Err(super::client::in_words(&error, &to, "start it, or correct --forward-to")),
        Err(_) => Err(format!("no answer from {to} within {} s", Duration::as_secs(&DEADLINE))),
    }
}

fn header_of<'a>(webhook: &'a Came, name: &str) -> &'a str {
    webhook.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn show(webhook: &Came, to: Option<&Uri>, output: &mut dyn std::io::Write) -> std::io::Result<()> {
    write!(output, "{}  {}", header_of(webhook, "x-webhook-event"), header_of(webhook, "webhook-id"))?;
    match (&webhook.answer, to) {
        (Ok(status), Some(to)) => writeln!(output, "  {to} answered {}", status.as_u16()),
        (Err(error), _) => writeln!(output, "  {error}"),
        (Ok(_), None) => {
            let body: Value = serde_json::from_slice(&webhook.body).unwrap_or_default();
            writeln!(output, "\n{body:#}")
        }
    }
}

fn as_json(webhook: &Came) -> Value {
    let headers = webhook.headers.iter().map(|(name, value)| (name.to_string(), Value::from(String::from_utf8_lossy(value.as_bytes()))));
    json!({
        "headers": Value::Object(headers.collect()),
        "body": String::from_utf8_lossy(&webhook.body),
        "status_code": webhook.answer.as_ref().ok().map(StatusCode::as_u16),
        "error": webhook.answer.as_ref().err(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_webhooks_are_passed_on_to_is_a_url() {
        for right in ["http://localhost:9000", "http://127.0.0.1:9000/hook?x=1", "https://[::1]/"] {
            assert!(forward_url(right).is_ok(), "{right}");
        }
        for (wrong, hint) in [
            ("localhost:9000", "write it as http://localhost:9000"),
            ("localhost:9000/hook", "write it as http://localhost:9000/hook"),
            ("nonsense", "such as http://localhost:9000/hook"),
            ("/hook", "such as http://localhost:9000/hook"),
            ("ftp://localhost/", "such as http://localhost:9000/hook"),
            ("http://", "such as http://localhost:9000/hook"),
            ("", "such as http://localhost:9000/hook"),
        ] {
            let error = forward_url(wrong).expect_err("refused");
            assert!(error.ends_with(hint), "{wrong}: {error}");
        }
    }
}
