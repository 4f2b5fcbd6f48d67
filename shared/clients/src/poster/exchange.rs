use std::{
    sync::atomic::{AtomicU8, AtomicU16, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request,
    header::{HOST, RETRY_AFTER},
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use sluice_core::ports::{Answered, Post, PostFailure, Step};
use sluice_guard::Target;

use super::{KEPT, READ, connection::Connection, failed};
use crate::https::with_sources;

const STEPS: [Step; 6] = [Step::Guard, Step::Resolve, Step::Connect, Step::Tls, Step::Answer, Step::Body];

/// How far an attempt is: what is told if its time runs out.
#[derive(Debug, Default)]
pub(super) struct Progress {
    step: AtomicU8,
    status: AtomicU16,
}

impl Progress {
    pub(super) fn reached(&self, step: Step) {
        let position = STEPS.iter().position(|known| *known == step).unwrap_or_default();
        self.step.store(u8::try_from(position).unwrap_or_default(), Ordering::Relaxed);
    }

    fn answered(&self, status: u16) {
        self.reached(Step::Body);
        self.status.store(status, Ordering::Relaxed);
    }

    fn status(&self) -> Option<u16> {
        Some(self.status.load(Ordering::Relaxed)).filter(|status| *status != 0)
    }

    pub(super) fn timed_out(&self, within: Duration) -> PostFailure {
        let step = STEPS[usize::from(self.step.load(Ordering::Relaxed))];
        let what = match step {
            Step::Guard | Step::Resolve => "the host was not resolved",
            Step::Connect => "there was no connection",
            Step::Tls => "TLS was not agreed on",
            Step::Answer => "no answer came",
            Step::Body => "the answer did not end",
        };
        PostFailure { step, reason: format!("timed out: {what} within {within:?}"), status: self.status() }
    }
}

/// The request as it goes over the wire.
pub(super) fn request(target: &Target, post: &Post) -> Result<Request<Full<Bytes>>, PostFailure> {
    let wrong = |what: &str| failed(Step::Guard, format!("{what} can't be sent"));
    let mut request = Request::post(target.path()).body(Full::new(post.body.clone())).map_err(|_| wrong("the URL's path"))?;
    // With room for the host and what hyper adds.
    *request.headers_mut() = HeaderMap::with_capacity(post.headers.len() + 2);
    for (name, value) in &post.headers {
        let value = HeaderValue::from_str(value).map_err(|_| wrong(&format!("the value of the header {name}")))?;
        request.headers_mut().append(HeaderName::try_from(name).map_err(|_| wrong(&format!("the header {name}")))?, value);
    }
    // Last, so that no header of the owner's can stand in for it.
    request.headers_mut().insert(HOST, HeaderValue::try_from(target.authority()).map_err(|_| wrong("the host"))?);
    Ok(request)
}

/// One request and its answer. The connection comes back if it can be used again.
pub(super) async fn run(
    mut connection: Connection,
    request: Request<Full<Bytes>>,
    progress: &Progress,
) -> Result<(Answered, Option<Connection>), PostFailure> {
    progress.reached(Step::Answer);
    let no_answer = |error: hyper::Error| failed(Step::Answer, format!("no answer: {}", with_sources(&error)));
    connection.ready().await.map_err(no_answer)?;
    let (head, body) = connection.send_request(request).await.map_err(no_answer)?.into_parts();
    let status = head.status.as_u16();
    progress.answered(status);
    let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(|text| text.chars().take(64).collect());
    let (excerpt, whole) = read(body).await.map_err(|error| PostFailure {
        step: Step::Body,
        reason: format!("the answer broke off: {}", with_sources(&error)),
        status: Some(status),
    })?;
    // What is left of a long answer is not waited for: the connection ends instead.
    Ok((Answered { status, retry_after, excerpt }, whole.then_some(connection)))
}

/// The beginning of a body, and whether that was all.
async fn read(mut body: Incoming) -> Result<(Vec<u8>, bool), hyper::Error> {
    let (mut kept, mut read) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = KEPT - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        read += data.len();
        if read > READ {
            return Ok((kept, false));
        }
    }
    Ok((kept, true))
}
