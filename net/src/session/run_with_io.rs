//! [`run_with_io`]: keeps a connection going while a handler or a hook is pending.
//!
//! While the future is pending, what was answered before it is written, and so is what others send
//! to the peer; a bounded part of what the peer sends is read ahead; and the connection's end is
//! noticed (S8):
//!
//! - the peer closed its writing side: [`EofPolicy`] says whether the future is dropped;
//! - a reset: the future is dropped, also when unread bytes hide the reset from reads.
//!
//! All of it happens inside the session's one task; the wakers that are registered are that task's.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::io::{ReadEnd, SessionIo};
use crate::codec::Codec;
use crate::service::{HalfClose, Reason, Service};
use crate::transport::Transport;

/// What the end of the peer's input means to a future that is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EofPolicy {
    Cancel,
    Answer,
    /// Nothing that the connection does ends this future, and nothing is read.
    Ignore,
}

impl EofPolicy {
    /// Why a pending future is dropped at this end, if it is.
    fn reason(self, end: Option<ReadEnd>) -> Option<Reason> {
        match (end?, self) {
            (_, Self::Ignore) | (ReadEnd::Eof, Self::Answer) => None,
            (ReadEnd::Eof, Self::Cancel) => Some(Reason::PeerClosed),
            (ReadEnd::Failed, _) => Some(Reason::Reset),
        }
    }
}

impl From<HalfClose> for EofPolicy {
    fn from(half_close: HalfClose) -> Self {
        match half_close {
            HalfClose::Cancel => Self::Cancel,
            HalfClose::Answer => Self::Answer,
        }
    }
}

/// What a pending future asks of the connection.
pub(super) trait RequestDemand<S: Service, IO, C> {
    /// Whether it waits for a request that has yet to be read.
    fn wants_request(&self) -> bool;
    /// Whether it waits for a request that is being decoded on a pool.
    fn is_busy(&self) -> bool {
        false
    }
    /// Whether the future has no response of its own: it sends all of them by the peer, so the
    /// writing side can be shut down while it is pending.
    fn sends_by_peer(&self) -> bool {
        false
    }
    /// Delivers a request, or the end, if the future waits for one and there is one. If so, the
    /// future is polled again.
    fn try_deliver(&mut self, io: &mut SessionIo<S, IO, C>, cx: &Context<'_>) -> bool;
}

/// The demand of a future that needs no request.
pub(super) struct NoDemand;

impl<S: Service, IO, C> RequestDemand<S, IO, C> for NoDemand {
    fn wants_request(&self) -> bool {
        false
    }

    fn try_deliver(&mut self, _: &mut SessionIo<S, IO, C>, _: &Context<'_>) -> bool {
        false
    }
}

enum Progress<T> {
    Done(T),
    Aborted(Reason),
    /// The other way of waiting applies now.
    Continue,
}

/// Runs `future` to its end, and the connection beside it.
///
/// `Err` is the reason why the future must be dropped.
pub(super) async fn run_with_io<S, IO, C, F>(
    io: &mut SessionIo<S, IO, C>,
    on_eof: EofPolicy,
    demand: &mut impl RequestDemand<S, IO, C>,
    future: Pin<&mut F>,
) -> Result<F::Output, Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    F: Future,
{
    run_loop(io, on_eof, demand, PolledOnce { future, polled: false }).await
}

/// As [`run_with_io`], for a future that was pending a moment ago.
pub(super) async fn resume_with_io<S, IO, C, F>(
    io: &mut SessionIo<S, IO, C>,
    on_eof: EofPolicy,
    future: Pin<&mut F>,
) -> Result<F::Output, Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    F: Future,
{
    run_loop(io, on_eof, &mut NoDemand, PolledOnce { future, polled: true }).await
}

/// A future that is polled once in each poll of the task: a second poll would undo its `yield_now`.
struct PolledOnce<'a, F> {
    future: Pin<&'a mut F>,
    /// It has been polled in this poll of the task, and nothing has happened since that it should
    /// see.
    polled: bool,
}

impl<F: Future> PolledOnce<'_, F> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        if mem::take(&mut self.polled) { Poll::Pending } else { self.future.as_mut().poll(cx) }
    }
}

async fn run_loop<S, IO, C, F>(
    io: &mut SessionIo<S, IO, C>,
    on_eof: EofPolicy,
    demand: &mut impl RequestDemand<S, IO, C>,
    mut future: PolledOnce<'_, F>,
) -> Result<F::Output, Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    F: Future,
{
    let on_eof = match on_eof {
        EofPolicy::Cancel if !io.transport().half_closes() => EofPolicy::Answer,
        on_eof => on_eof,
    };
    loop {
        let reads = on_eof != EofPolicy::Ignore && io.may_read_ahead();
        let progress = if reads || io.has_output() || demand.wants_request() || demand.is_busy() {
            poll_fn(|cx| poll_with_io(io, on_eof, demand, &mut future, cx)).await
        } else {
            wait_for_reset(io, on_eof, demand, &mut future).await
        };
        match progress {
            Progress::Done(result) => return Ok(result),
            Progress::Aborted(reason) => return Err(reason),
            Progress::Continue => future.polled = true,
        }
    }
}

/// Reading and writing, which notice the end by themselves.
fn poll_with_io<S, IO, C, F>(
    io: &mut SessionIo<S, IO, C>,
    on_eof: EofPolicy,
    demand: &mut impl RequestDemand<S, IO, C>,
    future: &mut PolledOnce<'_, F>,
    cx: &mut Context<'_>,
) -> Poll<Progress<F::Output>>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    F: Future,
{
    let reads = |io: &SessionIo<_, _, _>, asks| {
        on_eof != EofPolicy::Ignore && io.end().is_none() && (asks || io.may_read_ahead())
    };
    'again: loop {
        if let Poll::Ready(result) = future.poll(cx) {
            return Poll::Ready(Progress::Done(result));
        }
        if demand.try_deliver(io, cx) {
            continue;
        }
        let before = io.end();
        if let Err(reason) = write_pending(io, demand.sends_by_peer(), cx) {
            return Poll::Ready(Progress::Aborted(reason));
        }
        if on_eof == EofPolicy::Ignore {
            io.fail_if_write_timed_out();
        }
        while reads(io, demand.wants_request()) && io.poll_read(cx).is_ready() {
            if demand.try_deliver(io, cx) {
                continue 'again;
            }
        }
        if io.end() != before {
            if demand.try_deliver(io, cx) {
                continue;
            }
            if let Some(reason) = on_eof.reason(io.end()) {
                return Poll::Ready(Progress::Aborted(reason));
            }
        }
        io.release_empty_buffers();
        if !io.has_output() && !reads(io, demand.wants_request()) && !demand.is_busy() {
            return Poll::Ready(Progress::Continue);
        }
        return Poll::Pending;
    }
}

/// Nothing to read and nothing to write: only a reset shows that the peer has disconnected.
async fn wait_for_reset<S, IO, C, F>(
    io: &mut SessionIo<S, IO, C>,
    on_eof: EofPolicy,
    demand: &mut impl RequestDemand<S, IO, C>,
    future: &mut PolledOnce<'_, F>,
) -> Progress<F::Output>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    F: Future,
{
    let broken = io.end() == Some(ReadEnd::Failed);
    let progress = {
        let shared = Arc::clone(io.shared());
        let mut reset = pin!(io.transport().wait_for_reset());
        // By exclusive references: a demand need not be `Sync`.
        let (future, demand) = (&mut *future, &mut *demand);
        poll_fn(move |cx| {
            if let Poll::Ready(result) = future.poll(cx) {
                return Poll::Ready(Some(Progress::Done(result)));
            }
            // The driver is woken for what is sent to the peer, so reading the count is enough.
            let has_output =
                shared.queued_responses() > 0 || demand.sends_by_peer() && shared.is_shutdown_due();
            if demand.wants_request() || demand.is_busy() || has_output {
                return Poll::Ready(Some(Progress::Continue));
            }
            if broken { Poll::Pending } else { reset.as_mut().poll(cx).map(|()| None) }
        })
        .await
    };
    match progress {
        Some(Progress::Continue) => match encode_pending(io, demand.sends_by_peer()) {
            Ok(()) => Progress::Continue,
            Err(reason) => Progress::Aborted(reason),
        },
        Some(progress) => progress,
        None => {
            io.mark_failed();
            if on_eof == EofPolicy::Ignore { Progress::Continue } else { Progress::Aborted(Reason::Reset) }
        }
    }
}

/// Encodes what others have sent. If they have also shut down the writing side and `may_shut_down`,
/// begins to do so.
pub(super) fn encode_pending<S, IO, C>(
    io: &mut SessionIo<S, IO, C>,
    may_shut_down: bool,
) -> Result<(), Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    io.encode_queued().map_err(|error| Reason::Failed(error.to_string()))?;
    if may_shut_down {
        io.begin_requested_shutdown();
    }
    Ok(())
}

/// Writes what is there and what others have sent, as far as the peer takes it.
fn write_pending<S, IO, C>(
    io: &mut SessionIo<S, IO, C>,
    may_shut_down: bool,
    cx: &mut Context<'_>,
) -> Result<(), Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    loop {
        if !io.has_output() {
            encode_pending(io, may_shut_down)?;
        }
        if !io.has_output() || io.poll_flush(cx).is_pending() {
            return Ok(());
        }
    }
}
