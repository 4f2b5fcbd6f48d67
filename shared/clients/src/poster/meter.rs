use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much may still be read from a connection, bytes. What is sent beyond it ends the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowance(Arc<Account>);

#[derive(Debug, Default)]
struct Account {
    left: AtomicUsize,
    overdrawn: AtomicBool,
}

impl Allowance {
    /// From now on so much may be read, whatever was left.
    pub(super) fn renew(&self, bytes: usize) {
        self.0.left.store(bytes, Ordering::Relaxed);
    }

    /// Whether more was sent, which has ended the connection.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.0.overdrawn.load(Ordering::Relaxed)
    }

    fn draw(&self, bytes: usize) {
        // One task reads; another one may renew at the same moment, and then its word stands.
        let left = self.0.left.load(Ordering::Relaxed);
        let _ = self.0.left.compare_exchange(left, left.saturating_sub(bytes), Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// A connection of which no more is read than is allowed, and at most one buffer beyond. It counts what arrives, and not what it means: so it stands over
/// answers that go before the answer proper, over the sizes of chunks, and over trailers.
pub(super) struct Metered<S> {
    stream: S,
    allowance: Allowance,
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S, allowance: Allowance) -> Self {
        Self { stream, allowance }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.allowance.0.left.load(Ordering::Relaxed) == 0 {
            self.allowance.0.overdrawn.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("the receiver sends more than is read")));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.allowance.draw(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
