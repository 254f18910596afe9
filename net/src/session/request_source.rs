//! [`RequestSource`]: what feeds a [`Session`](portcullis_service::Session): it decodes a request when the handler asks for one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::decoding::{Found, Later};
use super::io::SessionIo;
use super::lifecycle::end_reason;
use super::run_with_io::RequestDemand;
use crate::codec::Codec;
use crate::service::Session;
use crate::service::internal::RequestSlot;
use crate::service::{Peer, Reason, Service, SessionError, StateLimits};
use crate::transport::Transport;

/// The driver's side of a [`Session`].
pub(super) struct RequestSource<Req> {
    slot: RequestSlot<Req>,
    ended: Option<Reason>,
    /// The next request, if it is being decoded. Boxed, since most sessions never have one.
    later: Option<Box<Later<Req>>>,
}

/// A session of `peer`, and what feeds it.
pub(super) fn channel<Req, Rsp>(peer: Peer<Rsp>) -> (Session<Req, Rsp>, RequestSource<Req>) {
    let (session, slot) = RequestSlot::session(peer);
    (session, RequestSource { slot, ended: None, later: None })
}

/// What comes next.
enum Next<Req> {
    Given(Result<Req, SessionError>),
    /// A frame that is still being decoded.
    Later,
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
            Next::Later | Next::Nothing => Ok(()),
        }
    }

    fn next<S, IO, C>(&mut self, io: &mut SessionIo<S, IO, C>, cx: &mut Context<'_>) -> Next<Req>
    where
        S: Service<Request = Req>,
        IO: Transport,
        C: Codec<S::Request, S::Response>,
    {
        if self.ended.is_none() && !io.shared().is_closed() {
            let request = match self
                .later
                .take()
                .map_or_else(|| io.decode_request(), |later| Ok(Some(Found::Later(*later))))
            {
                Ok(None) => None,
                Ok(Some(Found::Request(request))) => Some(Ok(request)),
                Ok(Some(Found::Later(mut later))) => match Pin::new(&mut later).poll(cx) {
                    Poll::Ready(request) => Some(request),
                    Poll::Pending => {
                        self.later = Some(Box::new(later));
                        return Next::Later;
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
        self.later = None;
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
    fn wants_request(&self) -> bool {
        self.later.is_none() && self.slot.is_awaited()
    }

    fn is_busy(&self) -> bool {
        self.later.is_some() && self.slot.is_awaited()
    }

    fn try_deliver(&mut self, io: &mut SessionIo<S, IO, C>, cx: &Context<'_>) -> bool {
        if !self.slot.is_awaited() {
            io.end_read_wait();
            return false;
        }
        let next = match self.next(io, &mut Context::from_waker(cx.waker())) {
            Next::Given(next) => next,
            // A frame that is still being decoded is delivered to a later `next`.
            Next::Later | Next::Nothing if self.slot.is_only_received_awaited() => Err(SessionError::Timeout),
            Next::Later => return false,
            Next::Nothing => {
                io.begin_read_wait(StateLimits::NONE);
                return false;
            }
        };
        let waker = self.slot.deliver(next);
        // The driver polls the handler again at once; only a waker of the handler's own needs the
        // call.
        waker.filter(|waker| !waker.will_wake(cx.waker())).into_iter().for_each(Waker::wake);
        true
    }
}
