//! [`Faulty`]: a stream that injects faults.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::service::Reason;
use portcullis_net::Transport;

/// A stream that wraps another one and injects faults: planned ones with the methods here, and
/// later ones with its [`Faults`].
///
/// For either side: `server.serve_stream(Faulty::new(io).tiny_reads())`,
/// `Client::from_stream(Faulty::new(io), codec)`.
///
/// ```
/// # use portcullis::{Lines, test::Faulty};
/// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut near, far) = tokio::io::duplex(64);
/// let mut far = Faulty::new(far).tiny_reads().cut_reads_after(3);
///
/// near.write_all(b"hello").await?;
/// let mut read = Vec::new();
/// far.read_to_end(&mut read).await?; // one byte at a time, and after three of them the end
/// assert_eq!(read, b"hel");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Faulty<IO> {
    io: IO,
    reads: Plan,
    writes: Plan,
    /// Bytes that are written and not flushed, if flushes are delayed.
    unflushed: Option<Vec<u8>>,
    /// Whether the next flush that has bytes to write is delayed by one poll.
    delays_flush: bool,
    faults: Faults,
}

/// The planned faults of one direction.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// The most bytes per call.
    chunk: usize,
    /// The fault that occurs after this many bytes.
    fault: Option<(u64, Fault)>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Reads return the end of the stream, writes fail with `BrokenPipe`.
    Eof,
    Error(ErrorKind),
    /// No progress until it is released, once.
    Stall,
}

impl<IO> Faulty<IO> {
    /// Wraps `io`, without faults.
    pub fn new(io: IO) -> Self {
        let plan = Plan { chunk: usize::MAX, fault: None };
        Self { io, reads: plan, writes: plan, unflushed: None, delays_flush: true, faults: Faults::default() }
    }

    /// Reads bring one byte at a time.
    #[must_use]
    pub fn tiny_reads(self) -> Self {
        self.short_reads(1)
    }

    /// Reads bring at most `bytes` at a time.
    #[must_use]
    pub fn short_reads(mut self, bytes: usize) -> Self {
        self.reads.chunk = bytes.max(1);
        self
    }

    /// Writes take one byte at a time.
    #[must_use]
    pub fn tiny_writes(self) -> Self {
        self.short_writes(1)
    }

    /// Writes take at most `bytes` at a time.
    #[must_use]
    pub fn short_writes(mut self, bytes: usize) -> Self {
        self.writes.chunk = bytes.max(1);
        self
    }

    /// Makes reads return the end of the stream after `bytes`, like a half-close.
    #[must_use]
    pub fn cut_reads_after(mut self, bytes: u64) -> Self {
        self.reads.fault = Some((bytes, Fault::Eof));
        self
    }

    /// After `bytes` that were written, the last of them by a short write, writes fail with
    /// `BrokenPipe`.
    #[must_use]
    pub fn cut_writes_after(mut self, bytes: u64) -> Self {
        self.writes.fault = Some((bytes, Fault::Eof));
        self
    }

    /// After `bytes` reads fail with `error`. With `ConnectionReset` the stream [is
    /// reset](Faults::reset).
    #[must_use]
    pub fn fail_reads_after(mut self, bytes: u64, error: ErrorKind) -> Self {
        self.reads.fault = Some((bytes, Fault::Error(error)));
        self
    }

    /// After `bytes` that were written, the last of them by a short write, writes fail with
    /// `error`. With `ConnectionReset` the stream [is reset](Faults::reset).
    #[must_use]
    pub fn fail_writes_after(mut self, bytes: u64, error: ErrorKind) -> Self {
        self.writes.fault = Some((bytes, Fault::Error(error)));
        self
    }

    /// Makes reads stall after `bytes`, until the stream is [released](Faults::release).
    #[must_use]
    pub fn stall_reads_after(mut self, bytes: u64) -> Self {
        self.reads.fault = Some((bytes, Fault::Stall));
        self
    }

    /// Makes writes stall after `bytes`, until the stream is [released](Faults::release).
    #[must_use]
    pub fn stall_writes_after(mut self, bytes: u64) -> Self {
        self.writes.fault = Some((bytes, Fault::Stall));
        self
    }

    /// Keeps written bytes until a flush, as a TLS stream or a `BufWriter` may, and delays each
    /// flush by one poll.
    #[must_use]
    pub fn delayed_flush(mut self) -> Self {
        self.unflushed = Some(Vec::new());
        self
    }

    /// Returns a handle that injects faults from elsewhere.
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// Returns the wrapped stream.
    pub fn get_ref(&self) -> &IO {
        &self.io
    }

    /// Returns the wrapped stream. Delayed bytes are lost.
    pub fn into_inner(self) -> IO {
        self.io
    }
}

/// Injects faults into a [`Faulty`] stream, or ends them, from anywhere.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    read: u64,
    written: u64,
    reads_stall: bool,
    writes_stall: bool,
    /// Stalls by plan that are over.
    released: bool,
    cut: bool,
    reset: bool,
    wakers: Vec<Waker>,
}

impl Faults {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Stalls reads and writes from now on.
    pub fn stall(&self) {
        self.change(|state| (state.reads_stall, state.writes_stall) = (true, true));
    }

    /// Stalls reads from now on.
    pub fn stall_reads(&self) {
        self.change(|state| state.reads_stall = true);
    }

    /// Stalls writes from now on, as a peer does that does not read.
    pub fn stall_writes(&self) {
        self.change(|state| state.writes_stall = true);
    }

    /// Ends all stalls, planned ones included; they do not occur again.
    pub fn release(&self) {
        self.change(|state| (state.reads_stall, state.writes_stall, state.released) = (false, false, true));
    }

    /// From now on, reads return the end of the stream, and writes fail with `BrokenPipe`.
    pub fn cut(&self) {
        self.change(|state| state.cut = true);
    }

    /// From now on reads and writes fail with `ConnectionReset`, stalled or not, and
    /// [`Transport::wait_for_reset`] ends.
    pub fn reset(&self) {
        self.change(|state| state.reset = true);
    }

    /// Returns how many bytes have been read.
    pub fn read(&self) -> u64 {
        self.state().read
    }

    /// Returns how many bytes have been written, including delayed ones.
    pub fn written(&self) -> u64 {
        self.state().written
    }
}

impl State {
    /// Returns how many bytes may pass now. `Ok(0)` is the end of a read, and `Err` the injected
    /// error.
    fn poll_allowed(
        &mut self,
        plan: &Plan,
        done: u64,
        reads: bool,
        waker: &Waker,
    ) -> Poll<io::Result<usize>> {
        if self.reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let stalls = if reads { self.reads_stall } else { self.writes_stall };
        let (left, fault) = match plan.fault {
            Some((_, Fault::Stall)) if self.released => (u64::MAX, None),
            Some((at, fault)) => (at.saturating_sub(done), Some(fault)),
            None => (u64::MAX, None),
        };
        let fault = if self.cut { Some(Fault::Eof) } else { fault.filter(|_| left == 0) };
        match fault {
            _ if stalls => {}
            Some(Fault::Stall) => {}
            Some(Fault::Eof) if reads => return Poll::Ready(Ok(0)),
            Some(Fault::Eof) => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
            Some(Fault::Error(error)) => {
                self.reset |= error == ErrorKind::ConnectionReset;
                return Poll::Ready(Err(error.into()));
            }
            None => return Poll::Ready(Ok(usize::try_from(left).unwrap_or(usize::MAX).min(plan.chunk))),
        }
        self.register(waker);
        Poll::Pending
    }

    /// Registers a task that every change wakes; a stream has few of them.
    fn register(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Faulty<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let allowed = {
            let mut state = this.faults.state();
            let read = state.read;
            ready!(state.poll_allowed(&this.reads, read, true, cx.waker()))?
        };
        let len = buf.remaining().min(allowed);
        let mut part = vec![0; len.min(64 * 1024)];
        if part.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut part = ReadBuf::new(&mut part);
        let polled = Pin::new(&mut this.io).poll_read(cx, &mut part);
        if polled.is_pending() {
            // A fault that is injected meanwhile wakes this task.
            this.faults.state().register(cx.waker());
        }
        ready!(polled)?;
        buf.put_slice(part.filled());
        this.faults.state().read += part.filled().len() as u64;
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> Faulty<IO> {
    /// Writes delayed bytes.
    fn poll_deliver(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(unflushed) = &mut self.unflushed else { return Poll::Ready(Ok(())) };
        if !unflushed.is_empty() && std::mem::take(&mut self.delays_flush) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while !unflushed.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, unflushed))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                written => drop(unflushed.drain(..written)),
            }
        }
        self.delays_flush = true;
        Poll::Ready(Ok(()))
    }

    /// Ready when writes are permitted.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.faults.state();
        if state.reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if state.writes_stall {
            state.register(cx.waker());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Faulty<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let allowed = {
            let mut state = this.faults.state();
            let written = state.written;
            ready!(state.poll_allowed(&this.writes, written, false, cx.waker()))?
        };
        let part = &bytes[..bytes.len().min(allowed)];
        let written = match &mut this.unflushed {
            Some(unflushed) => {
                unflushed.extend_from_slice(part);
                part.len()
            }
            None => {
                let polled = Pin::new(&mut this.io).poll_write(cx, part);
                if polled.is_pending() {
                    this.faults.state().register(cx.waker());
                }
                ready!(polled)?
            }
        };
        this.faults.state().written += written as u64;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?;
        ready!(self.poll_deliver(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?;
        ready!(self.poll_deliver(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<IO: Transport> Transport for Faulty<IO> {
    async fn wait_for_reset(&self) {
        let injected = poll_fn(|cx| {
            let mut state = self.faults.state();
            if state.reset {
                return Poll::Ready(());
            }
            state.register(cx.waker());
            Poll::Pending
        });
        let mut injected = std::pin::pin!(injected);
        let mut inner = std::pin::pin!(self.io.wait_for_reset());
        poll_fn(|cx| match injected.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => inner.as_mut().poll(cx),
        })
        .await;
    }

    fn session_ended(&self, reason: &Reason) {
        self.io.session_ended(reason);
    }

    fn lingers(&self) -> bool {
        self.io.lingers()
    }

    fn half_closes(&self) -> bool {
        self.io.half_closes()
    }

    fn default_idle_timeout(&self) -> Option<Duration> {
        self.io.default_idle_timeout()
    }
}
