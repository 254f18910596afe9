//! [`JsonRpc`]: calls as JSON-RPC 2.0, so that programs in other languages call a service.
//!
//! The codec of a server keeps what the protocol asks a server to remember: the ids of the calls in
//! flight, as their client wrote them, and the answers of batches that are not complete. The
//! session sees none of that. To it, a request is a [`ClientMessage::Call`] with a number, a
//! notification is a call whose answer is not written, and what cannot be understood is a
//! [`ClientMessage::Rejected`], whose answer the codec has prepared.
//!
//! | received | the session gets | written |
//! |---|---|---|
//! | a request | a call | its result or error, with its id |
//! | a notification | a call | nothing |
//! | a batch | its calls, one after another | one array, when all of its requests are answered |
//! | `$/cancelRequest` | a cancel | -32800, unless the call is answered already |
//! | what is no request, or no JSON | a rejection | -32600 or -32700 |
//! | a response | nothing | nothing |
//!
//! The codec of a client keeps which method each call in flight calls, because an answer does not
//! say it.
//!
//! # Bounds
//! What a peer sends cannot make the state of a connection large. An id is kept while its call is
//! in flight, and has at most [`MAX_ID`](id::MAX_ID) bytes. One batch at a time is split into
//! calls, and has at most [`JsonRpc::max_batch`] of them. The answers that wait for their batches
//! have at most [`JsonRpc::max_frame`] bytes together; a result over that is answered with an
//! error.
//!
//! Modules, in the order of their imports: [`id`]; [`framing`], lines or `Content-Length`;
//! [`message`], a frame split into its members; [`error_object`], failures as codes and texts;
//! [`server`] and [`client`].

mod client;
mod error_object;
mod framing;
mod id;
mod message;
mod server;

use std::fmt;

use bytes::BytesMut;
use portcullis_codec::{Codec, DecodeError, EncodeError};

use self::framing::Framing;
use crate::protocol::Protocol;
use crate::wire::{ClientMessage, ServerMessage};

/// A codec of calls as [JSON-RPC 2.0](https://www.jsonrpc.org/specification), for servers and
/// clients.
///
/// [`lines`](Self::lines) writes one message per line, [`content_length`](Self::content_length) a
/// header before each message, as language servers do.
///
/// # Of a server
/// - The ids of requests are strings, numbers or null, of at most 256 bytes, and are sent back as
///   they came. Two calls in flight may have the same id.
/// - Parameters are an array, or an object with the names of the parameters. A method whose only
///   parameter has the name `params` gets the whole object, as the methods of language servers
///   expect.
/// - Notifications are handled like requests, and begin in the order in which they arrive. Whether
///   they succeed is not answered.
/// - The calls of a batch run concurrently, and are answered together.
/// - The notification `$/cancelRequest` with the parameter `id` cancels the call with that id, as
///   in the Language Server Protocol. The call is answered with the code -32800.
/// - The items of a call's stream are notifications with the method `$/item` and the parameters
///   `id` and `item`, before the answer. A client that does not read its connection stops the
///   producer; there is no credit for a single call.
/// - A request may have a member `time_left_ms`, which is the time that its client waits. This is
///   not a part of JSON-RPC.
///
/// # Errors
/// | code | message | for |
/// |---|---|---|
/// | -32700 | Parse error | what is not JSON; the id is null |
/// | -32600 | Invalid Request | JSON that is not a request, frames and batches over their limit |
/// | -32601 | Method not found | [`Failure::UnknownMethod`](crate::Failure::UnknownMethod) |
/// | -32602 | Invalid params | [`Failure::InvalidParams`](crate::Failure::InvalidParams), with its text as data |
/// | -32603 | Internal error | [`Failure::Internal`](crate::Failure::Internal), and results that cannot be written |
/// | -32800 | Request cancelled | [`Failure::Cancelled`](crate::Failure::Cancelled) |
/// | -32010 | Overloaded | [`Failure::Overloaded`](crate::Failure::Overloaded), with `{"retry_after_ms": ..}` as data |
/// | -32011 | Deadline exceeded | [`Failure::Deadline`](crate::Failure::Deadline) |
/// | -32012 | Closed | [`Failure::Closed`](crate::Failure::Closed) |
/// | -32013 | Connection lost | [`Failure::Lost`](crate::Failure::Lost), of a server that calls another one |
/// | -32000 | the text of the error | the `Err` of a method, with the error as data |
///
/// The message of an `Err` is the error itself if it is serialized as a string, and its member
/// `message` if it is serialized as an object with one. An `Err` that is serialized as an object
/// with an integer `code`, a string `message` and at most a `data` beside them is the error object:
/// so a method chooses its own codes.
///
/// # Of a client
/// [`RpcClient`](crate::RpcClient) calls servers in other languages too. It sends parameters by
/// position, cancels with `$/cancelRequest`, and ignores what a server sends on its own. A method's
/// error type is read from the data of the error, the whole error object, or its message, whichever
/// fits; an error that fits none of them is
/// [`Failure::InvalidReply`](crate::Failure::InvalidReply).
///
/// ```
/// # mod portcullis { pub mod rpc { pub use portcullis_rpc::*; } }
/// use portcullis::rpc::JsonRpc;
///
/// let for_shells = JsonRpc::lines().max_batch(16);
/// let for_editors = JsonRpc::content_length().max_frame(64 * 1024 * 1024);
/// ```
pub struct JsonRpc {
    framing: Framing,
    max_batch: usize,
    sends_deadlines: bool,
    // What a server or a client remembers. A clone is for another connection and has its own.
    server: Option<Box<server::Connection>>,
    client: Option<Box<client::Connection>>,
}

impl JsonRpc {
    /// Makes a codec of one message per line, of up to 8 MiB.
    pub fn lines() -> Self {
        Self::new(Framing::lines(framing::DEFAULT_MAX_FRAME))
    }

    /// Makes a codec of messages of up to 8 MiB, each after a header with its `Content-Length`. See
    /// [`ContentLength`](portcullis_codec::ContentLength).
    pub fn content_length() -> Self {
        Self::new(Framing::content_length(framing::DEFAULT_MAX_FRAME))
    }

    fn new(framing: Framing) -> Self {
        Self { framing, max_batch: 1000, sends_deadlines: false, server: None, client: None }
    }

    /// Sets the longest message that is read or written, in bytes. A server answers a longer
    /// request with an error, and skips it.
    #[must_use]
    pub fn max_frame(self, bytes: usize) -> Self {
        Self { framing: self.framing.with_limit(bytes), ..self }
    }

    /// Sets the most calls of a batch: 1000 by default. A longer batch is answered with one error.
    #[must_use]
    pub fn max_batch(self, calls: usize) -> Self {
        Self { max_batch: calls, ..self }
    }

    /// Makes a client send the time that is left of a call's deadline, as the member
    /// `time_left_ms` of the request. Servers of this crate understand it; others may refuse
    /// members that they do not know.
    ///
    /// Without it, a deadline ends the call in the client, which then cancels it.
    #[must_use]
    pub fn send_deadlines(self) -> Self {
        Self { sends_deadlines: true, ..self }
    }
}

impl Clone for JsonRpc {
    fn clone(&self) -> Self {
        let Self { framing, max_batch, sends_deadlines, server: _, client: _ } = self;
        Self {
            framing: framing.clone(),
            max_batch: *max_batch,
            sends_deadlines: *sends_deadlines,
            server: None,
            client: None,
        }
    }
}

impl fmt::Debug for JsonRpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonRpc")
            .field("framing", &self.framing)
            .field("max_batch", &self.max_batch)
            .finish_non_exhaustive()
    }
}

/// Of a server.
impl<P: Protocol> Codec<ClientMessage<P>, ServerMessage<P>> for JsonRpc {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<ClientMessage<P>>, DecodeError> {
        let server = self.server.get_or_insert_default();
        server.decode(input, self.max_batch, |input| self.framing.next_frame(input))
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<ClientMessage<P>>, DecodeError> {
        let server = self.server.get_or_insert_default();
        server.decode(input, self.max_batch, |input| self.framing.last_frame(input))
    }

    fn encode(&mut self, message: ServerMessage<P>, output: &mut BytesMut) -> Result<(), EncodeError> {
        let server = self.server.get_or_insert_default();
        server.encode(message, &self.framing, output)
    }
}

/// Of a client.
impl<P: Protocol> Codec<ServerMessage<P>, ClientMessage<P>> for JsonRpc {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<ServerMessage<P>>, DecodeError> {
        let client = self.client.get_or_insert_default();
        client.decode(input, |input| self.framing.next_frame(input))
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<ServerMessage<P>>, DecodeError> {
        let client = self.client.get_or_insert_default();
        client.decode(input, |input| self.framing.last_frame(input))
    }

    fn encode(&mut self, message: ClientMessage<P>, output: &mut BytesMut) -> Result<(), EncodeError> {
        let client = self.client.get_or_insert_default();
        client.encode(&message, &self.framing, self.sends_deadlines, output)
    }
}
