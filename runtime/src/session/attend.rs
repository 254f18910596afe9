//! [`attend`]: keeps a connection going while a handler or a hook is pending.
//!
//! While the future is pending, what was answered before it is written, and so is what others send to the
//! peer; a bounded part of what the peer sends is read ahead; and the connection's end is noticed (S8):
//!
//! - the peer closed its writing side: [`OnEof`] says whether the future is dropped;
//! - a reset: the future is dropped, also when unread bytes hide the reset from reads.
//!
//! All of it happens inside the session's one task; the wakers that are registered are that task's.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::io::{End, SessionIo};
use crate::codec::Codec;
use crate::service::{HalfClose, Reason, Service};
use crate::transport::Transport;

/// What the end of the peer's input means to a future that is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnEof {
    Cancel,
    Answer,
    /// Nothing that the connection does ends this future, and nothing is read.
    Ignore,
}

impl OnEof {
    /// Why a pending future is dropped at this end, if it is.
    fn reason(self, end: Option<End>) -> Option<Reason> {
        match (end?, self) {
            (_, Self::Ignore) | (End::Eof, Self::Answer) => None,
            (End::Eof, Self::Cancel) => Some(Reason::PeerClosed),
            (End::Broken, _) => Some(Reason::Reset),
        }
    }
}

impl From<HalfClose> for OnEof {
    fn from(half_close: HalfClose) -> Self {
        match half_close {
            HalfClose::Cancel => Self::Cancel,
            HalfClose::Answer => Self::Answer,
        }
    }
}

/// What a pending future asks of the connection.
pub(super) trait Appetite<S: Service, IO, C> {
    /// Whether it waits for a request that has yet to be read.
    fn asks(&self) -> bool;
    /// Whether it waits for a request that is being decoded elsewhere, and is to be fed when the task is woken.
    fn is_busy(&self) -> bool {
        false
    }
    /// Gives it a request or the end, if it asks and there is one. If so, the future is polled again.
    fn feed(&mut self, link: &mut SessionIo<S, IO, C>, cx: &Context<'_>) -> bool;
}

/// The appetite of a future that has all it needs.
pub(super) struct Sated;

impl<S: Service, IO, C> Appetite<S, IO, C> for Sated {
    fn asks(&self) -> bool {
        false
    }

    fn feed(&mut self, _: &mut SessionIo<S, IO, C>, _: &Context<'_>) -> bool {
        false
    }
}

enum Turn<T> {
    Done(T),
    Gone(Reason),
    /// Something else is to be watched now.
    Again,
}

/// Runs `future` to its end, and the connection beside it.
///
/// `Err` is the reason why the future must be dropped.
pub(super) async fn attend<S, IO, C, F>(
    link: &mut SessionIo<S, IO, C>,
    on_eof: OnEof,
    appetite: &mut impl Appetite<S, IO, C>,
    future: Pin<&mut F>,
) -> Result<F::Output, Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    F: Future,
{
    attend_to(link, on_eof, appetite, Watched { future, polled: false }).await
}

/// As [`attend`], for a future that was pending a moment ago.
pub(super) async fn attend_pending<S, IO, C, F>(
    link: &mut SessionIo<S, IO, C>,
    on_eof: OnEof,
    future: Pin<&mut F>,
) -> Result<F::Output, Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    F: Future,
{
    attend_to(link, on_eof, &mut Sated, Watched { future, polled: true }).await
}

/// A future that is polled once a turn of the task: a second poll would undo its `yield_now`.
struct Watched<'a, F> {
    future: Pin<&'a mut F>,
    /// It has been polled in this turn, and nothing has happened since that it should see.
    polled: bool,
}

impl<F: Future> Watched<'_, F> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        if mem::take(&mut self.polled) { Poll::Pending } else { self.future.as_mut().poll(cx) }
    }
}

async fn attend_to<S, IO, C, F>(
    link: &mut SessionIo<S, IO, C>,
    on_eof: OnEof,
    appetite: &mut impl Appetite<S, IO, C>,
    mut watched: Watched<'_, F>,
) -> Result<F::Output, Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    F: Future,
{
    loop {
        let reads = on_eof != OnEof::Ignore && link.may_read_ahead();
        let turn = if reads || link.has_output() || appetite.asks() || appetite.is_busy() {
            poll_fn(|cx| attend_io(link, on_eof, appetite, &mut watched, cx)).await
        } else {
            attend_reset(link, on_eof, appetite, &mut watched).await
        };
        match turn {
            Turn::Done(result) => return Ok(result),
            Turn::Gone(reason) => return Err(reason),
            Turn::Again => watched.polled = true,
        }
    }
}

/// Reading and writing, which notice the end by themselves.
fn attend_io<S, IO, C, F>(
    link: &mut SessionIo<S, IO, C>,
    on_eof: OnEof,
    appetite: &mut impl Appetite<S, IO, C>,
    watched: &mut Watched<'_, F>,
    cx: &mut Context<'_>,
) -> Poll<Turn<F::Output>>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    F: Future,
{
    let reads = |link: &SessionIo<_, _, _>, asks| {
        on_eof != OnEof::Ignore && link.end().is_none() && (asks || link.may_read_ahead())
    };
    'again: loop {
        if let Poll::Ready(result) = watched.poll(cx) {
            return Poll::Ready(Turn::Done(result));
        }
        if appetite.feed(link, cx) {
            continue;
        }
        let before = link.end();
        if let Err(reason) = write_out(link, cx) {
            return Poll::Ready(Turn::Gone(reason));
        }
        if on_eof == OnEof::Ignore {
            link.give_up_if_unread();
        }
        while reads(link, appetite.asks()) && link.poll_fill(cx).is_ready() {
            if appetite.feed(link, cx) {
                continue 'again;
            }
        }
        if link.end() != before {
            if appetite.feed(link, cx) {
                continue;
            }
            if let Some(reason) = on_eof.reason(link.end()) {
                return Poll::Ready(Turn::Gone(reason));
            }
        }
        link.spare();
        if !link.has_output() && !reads(link, appetite.asks()) && !appetite.is_busy() {
            return Poll::Ready(Turn::Again);
        }
        return Poll::Pending;
    }
}

/// Nothing to read and nothing to write: only a reset would tell that the peer is gone.
async fn attend_reset<S, IO, C, F>(
    link: &mut SessionIo<S, IO, C>,
    on_eof: OnEof,
    appetite: &mut impl Appetite<S, IO, C>,
    watched: &mut Watched<'_, F>,
) -> Turn<F::Output>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
    F: Future,
{
    let broken = link.end() == Some(End::Broken);
    let turn = {
        let shared = Arc::clone(link.shared());
        let mut reset = pin!(link.io().reset());
        // By the one who may change it: the appetite is not for several threads at once.
        let (watched, appetite) = (&mut *watched, &mut *appetite);
        poll_fn(move |cx| {
            if let Poll::Ready(result) = watched.poll(cx) {
                return Poll::Ready(Some(Turn::Done(result)));
            }
            // The driver's waker rings for what is sent to the peer, so a look is enough.
            if appetite.asks() || appetite.is_busy() || shared.queued_responses() > 0 {
                return Poll::Ready(Some(Turn::Again));
            }
            if broken { Poll::Pending } else { reset.as_mut().poll(cx).map(|()| None) }
        })
        .await
    };
    match turn {
        Some(Turn::Again) => match link.collect() {
            Ok(()) => Turn::Again,
            Err(error) => Turn::Gone(Reason::Failed(error.to_string())),
        },
        Some(turn) => turn,
        None => {
            link.broke();
            if on_eof == OnEof::Ignore { Turn::Again } else { Turn::Gone(Reason::Reset) }
        }
    }
}

/// Writes what is there and what others have sent, as far as the peer takes it.
fn write_out<S, IO, C>(link: &mut SessionIo<S, IO, C>, cx: &mut Context<'_>) -> Result<(), Reason>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    loop {
        if !link.has_output() {
            link.collect().map_err(|error| Reason::Failed(error.to_string()))?;
        }
        if !link.has_output() || link.poll_flush(cx).is_pending() {
            return Ok(());
        }
    }
}
