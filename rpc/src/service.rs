//! [`RpcService`]: a service that handles the calls of a [`Protocol`].

use std::future::Future;
use std::sync::Arc;

use portcullis_service::{HalfClose, PerSession, Service};

use crate::context::CallContext;
use crate::failure::Failure;
use crate::protocol::Protocol;
use crate::wire::{ClientMessage, ServerMessage};

/// A service whose methods can be called. `#[service]` implements it if there is an `#[rpc]`
/// method, together with [`Service`], whose `on_session` is
/// [`private::serve`](crate::private::serve).
pub trait RpcService:
    Service<Request = ClientMessage<Self::Protocol>, Response = ServerMessage<Self::Protocol>, Kind = PerSession>
{
    /// The calls that it handles.
    type Protocol: Protocol;

    /// What becomes of the calls in flight of a client that closes its writing side.
    ///
    /// `None`, the default, answers the calls of JSON-RPC, whose clients may be programs that write
    /// their calls and then read (`printf '..' | nc`). The calls of other codecs are cancelled:
    /// their clients are [`RpcClient`](crate::RpcClient)s, which close their writing side together
    /// with the connection, and over TCP both look the same. On transports whose input ends without
    /// that, such as standard input, and calls over NATS, all calls are answered.
    ///
    /// For the driver, [`Service::HALF_CLOSE`] is [`HalfClose::Answer`]: the session decides.
    const HALF_CLOSE_OF_CALLS: Option<HalfClose> = None;

    /// How many calls of one connection run at the same time, at least one. Further calls wait
    /// until one of them ends. As many again are read, so that a client can cancel a call; with
    /// that many waiting, the connection is not read.
    fn max_in_flight(&self) -> usize {
        64
    }

    /// Handles one call. Calls of one connection are handled concurrently, in one task.
    ///
    /// Dropping the future cancels the call. A panic is logged and answered with
    /// [`Failure::Internal`].
    ///
    /// # Errors
    /// The call was not handled, or its job has no result. An error of the method itself is part of
    /// the reply.
    fn handle_call(
        self: &Arc<Self>,
        context: CallContext<'_, Self::Protocol>,
        conn: &Self::Conn,
        call: Self::Protocol,
    ) -> impl Future<Output = Result<<Self::Protocol as Protocol>::Reply, Failure>> + Send
    where
        Self::Conn: Sync;
}
