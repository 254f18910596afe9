//! [`Wire`]: messages to datagrams and back, in buffers that are used again.

use std::io;

use bytes::BytesMut;

use crate::codec::{DatagramCodec, DecodeError, EncodeError};
use crate::datagram::{Others, Socket};

pub(super) struct Wire<C> {
    codec: C,
    ceiling: usize,
    /// Made when it is needed.
    input: Vec<u8>,
    output: BytesMut,
    /// There is a whole message in `output`.
    whole: bool,
}

impl<C> Wire<C> {
    pub(super) fn new(socket: &Socket, codec: C) -> Self {
        Self { codec, ceiling: socket.ceiling(), input: Vec::new(), output: BytesMut::new(), whole: false }
    }

    fn limit<In, Out>(&self) -> usize
    where
        C: DatagramCodec<In, Out>,
    {
        self.codec.max_size().min(self.ceiling)
    }

    pub(super) fn encode<In, Out>(&mut self, message: Out) -> Result<(), EncodeError>
    where
        C: DatagramCodec<In, Out>,
    {
        self.output.clear();
        self.whole = false;
        self.codec.encode(message, &mut self.output)?;
        let limit = self.limit();
        self.whole = self.output.len() <= limit;
        if self.whole { Ok(()) } else { Err(EncodeError::too_long(limit)) }
    }

    pub(super) fn encoded(&self) -> &[u8] {
        &self.output
    }

    /// The socket to the first of these addresses that the last message could be sent to; `None` if
    /// there is none. What is left of the addresses comes behind it.
    pub(super) fn next_address(&self, mut others: Others) -> Option<(Socket, Others)> {
        while let Ok((socket, left)) = Socket::next_of(others) {
            let sent = socket.set_nonblocking().and_then(|()| match self.whole {
                true => socket.send(&self.output, None),
                false => Ok(()),
            });
            // Any other error is as if the datagram was lost.
            if !sent.is_err_and(|error| found_nobody(&error)) {
                return Some((socket, left));
            }
            others = left;
        }
        None
    }

    /// Where the next datagram belongs: one byte longer than it may be.
    pub(super) fn buffer<In, Out>(&mut self) -> &mut [u8]
    where
        C: DatagramCodec<In, Out>,
    {
        let room = self.limit() + 1;
        self.input.resize(room, 0);
        &mut self.input
    }

    pub(super) fn decode<In, Out>(&mut self, length: usize) -> Result<In, DecodeError>
    where
        C: DatagramCodec<In, Out>,
    {
        let limit = self.limit();
        match self.input.get(..length) {
            Some(datagram) if length <= limit => {
                self.codec.decode(datagram).map_err(DecodeError::recoverable)
            }
            _ => Err(DecodeError::too_long(limit)),
        }
    }
}

/// What receiving and sending fail with when a datagram that was sent before found nobody.
pub(super) fn found_nobody(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable)
}
