//! Typed calls of [portcullis](https://docs.rs/portcullis): a service whose operations are methods
//! with parameters of their own, and a client with the same methods.
//!
//! `#[rpc]` on the methods of a `#[service]` block generates a [`Protocol`], which is an enum of
//! the calls and an enum of their replies; the service, which implements [`RpcService`]; and a
//! client around [`RpcClient`]. This crate has everything that is the same for all of them.
//!
//! # The way of a call
//!
//! 1. The generated method of the client makes a [`Call`], a future. Its first poll gives the call
//!    a number, encodes it as a [`ClientMessage`] and adds it to the table of the connection
//!    ([`client`]). A task that all clones of the client share writes, reads, and wakes the
//!    callers.
//! 2. The session of the service is one run of [`serve`](serve::serve): it asks for requests as any
//!    `#[session]` handler does, and keeps the calls in flight in a set beside that
//!    ([`serve`]). A call that is ready at its first poll is answered at once. Others stay in the
//!    set, up to [`RpcService::max_in_flight`]. Calls that are read while that many are in flight
//!    wait, up to as many again; then nothing is read. When nothing is in flight and nothing has
//!    been received, the handler returns, and the session is idle.
//! 3. Whatever ends a call removes it from the set, which drops the handler's future: its end, a
//!    [`ClientMessage::Cancel`], its deadline, the end of the connection. The jobs that the future
//!    waits for are cancelled by that.
//! 4. The reply goes to the session's queue as a [`ServerMessage`], in the order in which calls
//!    end. The items of a stream precede it, one for each item of credit that the client grants
//!    ([`context`]).
//!
//! No driver, limit, hook or stop is special to calls: to `net`, a service of calls is a
//! `#[session]` service whose messages are those of [`wire`].
//!
//! # Guarantees
//!
//! - Calls of one connection run concurrently; a slow one does not delay the answer of another.
//! - A call is answered once, unless it is cancelled or its connection ends. A client never sends
//!   a call twice.
//! - Time limits are sent as the time that is left, so clocks are not compared. The jobs of a call
//!   inherit its deadline.
//! - A call that cannot be decoded is answered with [`Failure::UnknownMethod`] or
//!   [`Failure::InvalidParams`], and the connection goes on.
//! - A panic in a handler is answered with [`Failure::Internal`], and logged.
//!
//! Modules, in the order of their imports: [`failure`]; [`protocol`]; [`wire`], the messages and
//! their form in serde formats; [`context`], what a handler is given; [`service`]; [`params`], by
//! position or by name; [`serve`]; [`client`]; [`json_rpc`], another form of the messages;
//! [`notify`], what a service sends on its own.

#![forbid(unsafe_code)]
// docs.rs builds with nightly, and says of each item which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod context;
mod failure;
#[cfg(feature = "json")]
mod json_rpc;
#[cfg(feature = "json")]
mod notify;
mod params;
#[doc(hidden)]
pub mod private;
mod protocol;
mod serve;
mod service;
mod wire;

pub use self::client::{Call, CallError, CallQueue, Missed, Notifications, RpcClient, StreamCall};
pub use self::context::CallContext;
pub use self::failure::Failure;
#[cfg(feature = "json")]
pub use self::json_rpc::JsonRpc;
#[cfg(feature = "json")]
pub use self::notify::{Notify, NotifyError, RpcPeer};
pub use self::protocol::{Method, Protocol, method_number};
pub use self::service::RpcService;
pub use self::wire::{ClientMessage, Notification, ServerMessage};

/// Bounds of generated code that compiler messages name. Not for use by hand.
pub mod bounds {
    pub use crate::private::{Sendable, Shareable, is_sendable, is_shareable};
}
