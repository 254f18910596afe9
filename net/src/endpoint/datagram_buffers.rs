//! What both endpoints share: [`DatagramBuffers`] encodes and decodes messages in reusable buffers,
//! and [`CallStep`] decides how a call continues after a read.

use std::io;

use bytes::BytesMut;

use crate::client::ClientError;
use crate::codec::{DatagramCodec, DecodeError, EncodeError};
use crate::datagram::{FallbackAddrs, Socket};

pub(super) struct DatagramBuffers<C> {
    codec: C,
    max_datagram: usize,
    /// Allocated by the first read.
    input: Vec<u8>,
    output: BytesMut,
    /// Whether `output` holds a complete message.
    has_message: bool,
}

impl<C> DatagramBuffers<C> {
    pub(super) fn new(socket: &Socket, codec: C) -> Self {
        Self {
            codec,
            max_datagram: socket.max_datagram(),
            input: Vec::new(),
            output: BytesMut::new(),
            has_message: false,
        }
    }

    fn max_len<In, Out>(&self) -> usize
    where
        C: DatagramCodec<In, Out>,
    {
        self.codec.max_size().min(self.max_datagram)
    }

    pub(super) fn encode<In, Out>(&mut self, message: Out) -> Result<(), EncodeError>
    where
        C: DatagramCodec<In, Out>,
    {
        self.output.clear();
        self.has_message = false;
        self.codec.encode(message, &mut self.output)?;
        let max = self.max_len();
        self.has_message = self.output.len() <= max;
        if self.has_message { Ok(()) } else { Err(EncodeError::too_long(max)) }
    }

    pub(super) fn encoded(&self) -> &[u8] {
        &self.output
    }

    /// Returns a socket that is connected to the next address to which the last message could be
    /// sent, and the addresses after it. Returns `None` if there is none.
    pub(super) fn next_address(&self, mut fallback: FallbackAddrs) -> Option<(Socket, FallbackAddrs)> {
        while let Ok((socket, remaining)) = Socket::connect_next(fallback) {
            let sent = socket.set_nonblocking().and_then(|()| match self.has_message {
                true => socket.send(&self.output, None),
                false => Ok(()),
            });
            // With any other error the datagram counts as sent and lost.
            if !sent.is_err_and(|error| is_unreachable(&error)) {
                return Some((socket, remaining));
            }
            fallback = remaining;
        }
        None
    }

    /// Returns the buffer for the next datagram. It is one byte longer than the longest permitted
    /// datagram, so that a longer one is noticed.
    pub(super) fn buffer<In, Out>(&mut self) -> &mut [u8]
    where
        C: DatagramCodec<In, Out>,
    {
        let len = self.max_len() + 1;
        self.input.resize(len, 0);
        &mut self.input
    }

    pub(super) fn decode<In, Out>(&mut self, length: usize) -> Result<In, DecodeError>
    where
        C: DatagramCodec<In, Out>,
    {
        let max = self.max_len();
        match self.input.get(..length) {
            Some(datagram) if length <= max => self.codec.decode(datagram).map_err(DecodeError::recoverable),
            _ => Err(DecodeError::too_long(max)),
        }
    }
}

/// Returns whether the error means that no socket received an earlier datagram.
pub(super) fn is_unreachable(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable)
}

/// The next step of a call after it has read a message, or has failed to.
pub(super) enum CallStep<Rsp> {
    Return(Result<Rsp, ClientError>),
    ReadAgain,
    Retransmit,
}

impl<Rsp> CallStep<Rsp> {
    /// `is_last` is set if the read had the deadline of the call, so that nothing is sent again.
    pub(super) fn after_read(
        read: Result<Rsp, ClientError>,
        is_last: bool,
        is_response: impl FnOnce(&Rsp) -> bool,
    ) -> Self {
        match read {
            Ok(response) if is_response(&response) => Self::Return(Ok(response)),
            Ok(_) | Err(ClientError::Decode(_)) => Self::ReadAgain,
            Err(ClientError::Io(error)) if !is_last && error.kind() == io::ErrorKind::TimedOut => {
                Self::Retransmit
            }
            // The peer may be listening when the request is sent again.
            Err(ClientError::Io(error)) if !is_last && is_unreachable(&error) => Self::ReadAgain,
            Err(error) => Self::Return(Err(error)),
        }
    }
}
