use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU8, Ordering},
    },
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

use super::{HEAD, KEPT, READ, connection::Connection, failed, meter::Allowance};
use crate::https::with_sources;

const STEPS: [Step; 6] = [Step::Guard, Step::Resolve, Step::Connect, Step::Tls, Step::Answer, Step::Body];

/// How far an attempt is: what is told if its time runs out.
#[derive(Debug, Default)]
pub(super) struct Progress {
    step: AtomicU8,
    head: OnceLock<Head>,
}

/// What the head of an answer says that stands whatever becomes of the body.
#[derive(Clone, Debug)]
struct Head {
    status: u16,
    retry_after: Option<String>,
}

impl Head {
    fn of(answer: &http::response::Parts) -> Self {
        let retry_after = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Self { status: answer.status.as_u16(), retry_after: retry_after.map(|text| text.chars().take(64).collect()) }
    }

    fn without_body(self, reason: String) -> PostFailure {
        PostFailure { step: Step::Body, reason, status: Some(self.status), retry_after: self.retry_after }
    }
}

impl Progress {
    pub(super) fn reached(&self, step: Step) {
        let position = STEPS.iter().position(|known| *known == step).unwrap_or_default();
        self.step.store(u8::try_from(position).unwrap_or_default(), Ordering::Relaxed);
    }

    fn answered(&self, head: &Head) {
        self.reached(Step::Body);
        // One answer ends an attempt.
        self.head.get_or_init(|| head.clone());
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
        let reason = format!("timed out: {what} within {within:?}");
        match self.head.get().cloned() {
            Some(head) => head.without_body(reason),
            None => failed(step, reason),
        }
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
    let Connection { sender, allowance } = &mut connection;
    let allowance = &*allowance;
    allowance.renew(HEAD);
    let no_answer = |error: hyper::Error, allowance: &Allowance| {
        let why = if allowance.is_overdrawn() {
            format!("the receiver sent {} KiB, and its answer had not begun", HEAD >> 10)
        } else {
            with_sources(&error)
        };
        failed(Step::Answer, format!("no answer: {why}"))
    };
    sender.ready().await.map_err(|error| no_answer(error, allowance))?;
    let (head, body) = sender.send_request(request).await.map_err(|error| no_answer(error, allowance))?.into_parts();
    allowance.renew(BODY);
    let head = Head::of(&head);
    progress.answered(&head);
    let (excerpt, whole) = match read(body, allowance).await {
        Ok(read) => read,
        Err(error) => return Err(head.without_body(format!("the answer broke off: {}", with_sources(&error)))),
    };
    // What is left of a long answer is not waited for: the connection ends instead.
    Ok((Answered { status: head.status, retry_after: head.retry_after, excerpt }, whole.then_some(connection)))
}

/// As much is read of a body with the sizes of its chunks, their extensions and its trailers, bytes.
const BODY: usize = 4 * READ;

/// The beginning of a body, and whether that was all.
async fn read(mut body: Incoming, allowance: &Allowance) -> Result<(Vec<u8>, bool), hyper::Error> {
    let (mut kept, mut read) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let data = match frame {
            Ok(frame) => frame.into_data(),
            // Long, if not by what it says.
            Err(_) if allowance.is_overdrawn() => return Ok((kept, false)),
            Err(error) => return Err(error),
        };
        let Ok(data) = data else { continue };
        let room = KEPT - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        read += data.len();
        if read > READ {
            return Ok((kept, false));
        }
    }
    Ok((kept, true))
}
