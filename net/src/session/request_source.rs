//! [`RequestSource`]: what feeds a [`Session`](portcullis_service::Session): it decodes a request, or a batch, when the
//! handler asks for one.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::decoding::{Found, Later};
use super::give_way::give_way;
use super::io::SessionIo;
use super::lifecycle::end_reason;
use super::run_with_io::RequestDemand;
use crate::codec::Codec;
use crate::service::Session;
use crate::service::internal::{Patience, RequestSlot, take_yield_request};
use crate::service::{Peer, Reason, Service, SessionError, StateLimits};
use crate::transport::Transport;

/// The driver's side of a [`Session`].
pub(super) struct RequestSource<Req> {
    slot: RequestSlot<Req>,
    ended: Option<Reason>,
    /// What must end before the next request is delivered. Boxed, since most sessions never wait
    /// for any of it.
    pending: Option<Box<PendingStep<Req>>>,
}

enum PendingStep<Req> {
    /// The next request is being decoded.
    Decoding(Later<Req>),
    /// The receivers of what the handler has sent are to run first.
    GivingWay(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// A session of `peer`, and what feeds it. `half_closes` is that of the transport.
pub(super) fn channel<Req, Rsp>(
    peer: Peer<Rsp>,
    half_closes: bool,
) -> (Session<Req, Rsp>, RequestSource<Req>) {
    let (session, slot) = RequestSlot::session(peer, half_closes);
    (session, RequestSource { slot, ended: None, pending: None })
}

/// What comes next.
enum Next<Req> {
    Given(Result<Req, SessionError>),
    /// A frame that is still being decoded, or a receiver that is to run first.
    Pending,
    Nothing,
}

impl<Req: Send + 'static> RequestSource<Req> {
    /// Why the handler got no further request, if that has happened.
    pub(super) fn ended(&self) -> Option<&Reason> {
        self.ended.as_ref()
    }

    /// A run of the handler begins.
    pub(super) fn begin_run(&self) {
        self.slot.begin_run();
    }

    /// Whether the handler has asked for a request in this run.
    pub(super) fn was_requested(&self) -> bool {
        self.slot.was_requested()
    }

    /// Whether the handler is to be started again only for a request.
    pub(super) fn needs_request_to_run(&self) -> bool {
        self.slot.needs_request_to_run()
    }

    /// Whether there is a request, or an error, that the handler has not taken.
    pub(super) fn is_full(&self) -> bool {
        self.slot.is_full()
    }

    /// Whether something must end before the next request is delivered.
    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Puts the next request into the slot before it is asked for. `Err` if no request will come.
    pub(super) fn prefetch<S, IO, C>(&mut self, io: &mut SessionIo<S, IO, C>) -> Result<(), Reason>
    where
        S: Service<Request = Req>,
        IO: Transport,
        C: Codec<S::Request, S::Response>,
    {
        if self.slot.is_full() {
            return Ok(());
        }
        match self.next(io, &mut Context::from_waker(Waker::noop())) {
            Next::Given(Err(SessionError::Ended(reason))) => Err(reason),
            Next::Given(given) => {
                self.slot.prefetch(given);
                Ok(())
            }
            Next::Pending | Next::Nothing => Ok(()),
        }
    }

    /// Takes up to `max` requests that have been received, and the error or the end after them.
    fn take_more<S, IO, C>(
        &mut self,
        io: &mut SessionIo<S, IO, C>,
        max: usize,
        cx: &Context<'_>,
    ) -> VecDeque<Result<Req, SessionError>>
    where
        S: Service<Request = Req>,
        IO: Transport,
        C: Codec<S::Request, S::Response>,
    {
        let mut more = self.slot.take_memory();
        while more.len() < max {
            let Next::Given(next) = self.next(io, &mut Context::from_waker(cx.waker())) else { break };
            let is_last = next.is_err();
            if more.capacity() == 0 {
                more.reserve_exact(max);
            }
            more.push_back(next);
            if is_last {
                break;
            }
        }
        more
    }

    fn next<S, IO, C>(&mut self, io: &mut SessionIo<S, IO, C>, cx: &mut Context<'_>) -> Next<Req>
    where
        S: Service<Request = Req>,
        IO: Transport,
        C: Codec<S::Request, S::Response>,
    {
        if self.ended.is_none() && !io.shared().is_closing() {
            let found = match self.pending.take().map(|pending| *pending) {
                None => io.decode_request(),
                Some(PendingStep::Decoding(later)) => Ok(Some(Found::Later(later))),
                Some(PendingStep::GivingWay(mut receivers)) => match receivers.as_mut().poll(cx) {
                    Poll::Ready(()) => io.decode_request(),
                    Poll::Pending => {
                        self.pending = Some(Box::new(PendingStep::GivingWay(receivers)));
                        return Next::Pending;
                    }
                },
            };
            let request = match found {
                Ok(None) => None,
                Ok(Some(Found::Request(request))) => Some(Ok(request)),
                Ok(Some(Found::Later(mut later))) => match Pin::new(&mut later).poll(cx) {
                    Poll::Ready(request) => Some(request),
                    Poll::Pending => {
                        self.pending = Some(Box::new(PendingStep::Decoding(later)));
                        return Next::Pending;
                    }
                },
                Err(error) => Some(Err(error)),
            };
            if let Some(request) = request {
                if let Err(error) = &request {
                    if !error.is_recoverable() {
                        self.ended = Some(Reason::Decode(error.to_string()));
                    }
                }
                return Next::Given(request.map_err(SessionError::Decode));
            }
        }
        self.pending = None;
        self.ended = self.ended.take().or_else(|| end_reason(io));
        match self.ended.clone() {
            Some(reason) => Next::Given(Err(SessionError::Ended(reason))),
            None => Next::Nothing,
        }
    }
}

impl<S, IO, C> RequestDemand<S, IO, C> for RequestSource<S::Request>
where
    S: Service,
    IO: Transport,
    C: Codec<S::Request, S::Response>,
{
    fn sends_by_peer(&self) -> bool {
        true
    }

    fn wants_request(&self) -> bool {
        self.pending.is_none() && self.slot.is_awaited()
    }

    fn is_busy(&self) -> bool {
        self.pending.is_some() && self.slot.is_awaited()
    }

    fn try_deliver(&mut self, io: &mut SessionIo<S, IO, C>, cx: &Context<'_>) -> bool {
        let Some((patience, max)) = self.slot.demand() else {
            io.end_read_wait();
            return false;
        };
        if patience == Patience::None {
            // It does not wait for receivers either.
            self.pending.take_if(|pending| matches!(**pending, PendingStep::GivingWay(_)));
        } else if self.pending.is_none() && take_yield_request() {
            let receivers = Box::pin(give_way(Arc::clone(io.shared())));
            self.pending = Some(Box::new(PendingStep::GivingWay(receivers)));
        }
        let next = match (self.next(io, &mut Context::from_waker(cx.waker())), patience) {
            (Next::Given(next), _) => next,
            // A frame that is still being decoded is delivered to a later `next`.
            (Next::Pending | Next::Nothing, Patience::None) => Err(SessionError::Timeout),
            (Next::Pending, _) => return false,
            (Next::Nothing, Patience::Idle) => {
                io.begin_read_wait(StateLimits::NONE);
                return false;
            }
            (Next::Nothing, Patience::Busy) => {
                io.end_read_wait();
                return false;
            }
        };
        let more = if max > 1 && next.is_ok() { self.take_more(io, max - 1, cx) } else { VecDeque::new() };
        // The driver polls the handler again at once; only a waker of the handler's own needs the
        // call.
        self.slot.deliver(next, more, cx.waker()).into_iter().for_each(Waker::wake);
        true
    }
}
