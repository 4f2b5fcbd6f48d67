//! The HTTP server: webhooks go to ingest, everything else to the API.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body as AxumBody, response::IntoResponse};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use sluice_core::{
    api::Problem,
    ingest::{Body, Ingest},
};
use sluice_embedded::DataFolder;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tower::ServiceExt;

use super::{
    bodies::{Bodies, Read, discard},
    calls::Calls,
    hosts::Hosts,
};

/// How long a client may take to send a request's head, and how long a connection may idle between two.
const HEAD: Duration = Duration::from_secs(30);
/// How long a request may take in all, its body included.
const WHOLE: Duration = Duration::from_secs(60);
/// How long connections are given to end after the stop.
const DRAIN: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more connections to give.
const PAUSE: Duration = Duration::from_millis(100);

/// The path that tells whether all is well.
const HEALTH: &str = "/healthz";

/// What answers all that is no webhook.
#[derive(Clone)]
pub(super) struct ApiServer {
    pub(super) router: Router,
    pub(super) hosts: Hosts,
    pub(super) folder: DataFolder,
}

impl ApiServer {
    async fn answer(self, request: Request<Incoming>) -> Response<AxumBody> {
        if request.uri().path() == HEALTH {
            // Which folder it is, is nobody's business; the log says it every minute.
            if self.folder.check_place().is_err() {
                let detail = "the data is no longer where it was opened; the log says more";
                return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
            }
        } else if let Some(refusal) = self.hosts.refuse(request.uri(), request.headers()) {
            return refusal;
        }
        self.router.oneshot(request.map(AxumBody::new)).await.unwrap_or_else(|impossible| match impossible {})
    }
}

/// Serves until `stop`, then lets the requests under way end.
pub(super) async fn serve(listener: TcpListener, ingest: Arc<Ingest>, api: ApiServer, calls: Calls, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let bodies = Arc::new(Bodies::new());
    let mut stopped = pin!(async { drop(stop.wait_for(|stop| *stop).await) });
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
            () = &mut stopped => break,
        };
        connect(
            stream,
            &graceful,
            Rooms { ingest: Arc::clone(&ingest), bodies: Arc::clone(&bodies), api: api.clone(), calls: calls.clone() },
        );
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

/// What answers requests.
#[derive(Clone)]
struct Rooms {
    ingest: Arc<Ingest>,
    bodies: Arc<Bodies>,
    api: ApiServer,
    calls: Calls,
}

fn connect(stream: TcpStream, graceful: &GracefulShutdown, rooms: Rooms) {
    // Answers are small and whole: waiting for more to send only delays them. Fails on a connection that is gone, which shows soon enough.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(rooms.clone(), request));
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

async fn answer(Rooms { ingest, bodies, api, calls }: Rooms, request: Request<Incoming>) -> Result<Response<AxumBody>, Infallible> {
    let answered = async {
        if ingest.is_webhook_path(request.uri().path()) {
            webhook(&ingest, &bodies, &calls, request).await
        } else {
            let _call = calls.begin(ingest.clock.now());
            api.answer(request).await
        }
    };
    Ok(timeout(WHOLE, answered).await.unwrap_or_else(|_| plain(StatusCode::REQUEST_TIMEOUT, "The request took too long.\n")))
}

async fn webhook(ingest: &Ingest, bodies: &Bodies, calls: &Calls, request: Request<Incoming>) -> Response<AxumBody> {
    let (parts, mut body) = request.into_parts();
    let answer = if ingest.wants_body(&parts) || body.size_hint().lower() > ingest.max_body as u64 {
        match bodies.read(&mut body, ingest.max_body).await {
            Read::Whole(body, _room) => {
                // From now on it waits for us alone, and not for its sender.
                let _call = calls.begin(ingest.clock.now());
                ingest.handle(&parts, Body::Whole(body)).await
            }
            Read::TooLarge => ingest.handle(&parts, Body::TooLarge).await,
            Read::NoRoom => ingest.no_room(&parts),
            Read::TooSlow => ingest.too_slow(&parts),
            Read::BrokeOff(error) => ingest.broke_off(&parts, &error),
        }
    } else {
        discard(&mut body).await;
        ingest.handle(&parts, Body::Unread).await
    };
    answer.map(|body| AxumBody::new(Full::new(body)))
}

fn plain(status: StatusCode, text: &'static str) -> Response<AxumBody> {
    let mut response = Response::new(AxumBody::from(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
