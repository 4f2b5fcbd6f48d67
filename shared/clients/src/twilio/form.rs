//! The body of a request, which knows whether it has left.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Fields as `application/x-www-form-urlencoded`.
pub(super) struct Form {
    encoded: Option<Bytes>,
    given_out: Arc<AtomicBool>,
}

impl Form {
    /// The fields, encoded. `given_out` is set once the connection takes the bytes: from then on they may have arrived.
    pub(super) fn new(fields: &[(&str, &str)], given_out: Arc<AtomicBool>) -> Self {
        Self { encoded: Some(Bytes::from(sluice_signature::Form::write(fields.iter().copied()))), given_out }
    }
}

impl Body for Form {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.given_out.store(true, Ordering::SeqCst);
        Poll::Ready(self.encoded.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.encoded.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.encoded.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_as_forms_are() {
        let form = Form::new(&[("To", "+15005550006"), ("Body", "50% off & more = fun\nÄ~")], Arc::default());
        assert_eq!(form.encoded.as_deref(), Some(b"To=%2B15005550006&Body=50%25+off+%26+more+%3D+fun%0A%C3%84%7E".as_slice()));
    }
}
