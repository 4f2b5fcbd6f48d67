//! The HTTP server: webhooks go to ingest, everything else to the API.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body as AxumBody};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use sluice_core::ingest::{Body, Ingest};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tower::ServiceExt;

/// How long a client may take to send a request's head, and how long a connection may idle between two.
const HEAD: Duration = Duration::from_secs(30);
/// How long a request may take in all, its body included.
const WHOLE: Duration = Duration::from_secs(60);
/// As much of a body that is too large is read and thrown away, bytes.
const DISCARDED: usize = 16 << 20;
/// How long is waited for more of such a body: who sends nothing more waits for the answer.
const STALLED: Duration = Duration::from_millis(500);
/// How long connections are given to end after the stop.
const DRAIN: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more connections to give.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, then lets the requests under way end.
pub(super) async fn serve(listener: TcpListener, ingest: Arc<Ingest>, api: Router, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let mut stopped = pin!(stop.wait_for(|stop| *stop));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::error!(%error, "a connection could not be accepted");
                    pause().await;
                    continue;
                }
            },
            _ = &mut stopped => break,
        };
        connect(stream, &graceful, Arc::clone(&ingest), api.clone());
    }
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time and were cut");
    }
}

#[expect(clippy::disallowed_methods, reason = "a pause of the server itself, which no test has to wait for")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

fn connect(stream: TcpStream, graceful: &GracefulShutdown, ingest: Arc<Ingest>, api: Router) {
    // Answers are small and whole: waiting for more to send only delays them. Fails on a connection that is gone, which shows soon enough.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(Arc::clone(&ingest), api.clone(), request));
    // A client that has sent all and closed its half still waits for the answer.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection broke");
        }
    });
}

async fn answer(ingest: Arc<Ingest>, api: Router, request: Request<Incoming>) -> Result<Response<AxumBody>, Infallible> {
    let answered = async {
        if ingest.is_webhook_path(request.uri().path()) {
            webhook(&ingest, request).await
        } else {
            api.oneshot(request.map(AxumBody::new)).await.unwrap_or_else(|impossible| match impossible {})
        }
    };
    Ok(timeout(WHOLE, answered).await.unwrap_or_else(|_| plain(StatusCode::REQUEST_TIMEOUT, "The request took too long.\n")))
}

async fn webhook(ingest: &Ingest, request: Request<Incoming>) -> Response<AxumBody> {
    let (parts, mut body) = request.into_parts();
    if body.size_hint().lower() > ingest.max_body as u64 {
        discard(&mut body).await;
        return ingest.handle(&parts, Body::TooLarge).await.map(|body| AxumBody::new(Full::new(body)));
    }
    let body = match Limited::new(&mut body, ingest.max_body).collect().await {
        Ok(body) => Body::Whole(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(&mut body).await;
            Body::TooLarge
        }
        Err(error) => {
            tracing::warn!(%error, "a webhook's body broke off");
            return plain(StatusCode::BAD_REQUEST, "The body broke off.\n");
        }
    };
    ingest.handle(&parts, body).await.map(|body| AxumBody::new(Full::new(body)))
}

/// Reads on past the limit, and keeps nothing: a sender whose connection is closed while it still writes never sees the answer.
async fn discard(body: &mut Incoming) {
    let mut left = DISCARDED;
    while let Ok(Some(Ok(frame))) = timeout(STALLED, body.frame()).await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<AxumBody> {
    let mut response = Response::new(AxumBody::from(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
