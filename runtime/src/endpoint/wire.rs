//! [`Wire`]: messages to datagrams and back, in buffers that are used again.

use std::io;

use bytes::BytesMut;

use crate::codec::{DatagramCodec, DecodeError, EncodeError};
use crate::datagram::Socket;

pub(super) struct Wire<C> {
    codec: C,
    ceiling: usize,
    /// Made when it is needed.
    input: Vec<u8>,
    output: BytesMut,
}

impl<C> Wire<C> {
    pub(super) fn new(socket: &Socket, codec: C) -> Self {
        Self { codec, ceiling: socket.ceiling(), input: Vec::new(), output: BytesMut::new() }
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
        self.codec.encode(message, &mut self.output)?;
        let limit = self.limit();
        if self.output.len() > limit { Err(EncodeError::too_long(limit)) } else { Ok(()) }
    }

    pub(super) fn encoded(&self) -> &[u8] {
        &self.output
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
            Some(datagram) if length <= limit => self.codec.decode(datagram).map_err(DecodeError::resumable),
            _ => Err(DecodeError::too_long(limit)),
        }
    }
}

/// What receiving fails with when a datagram that was sent before found nobody.
pub(super) fn found_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
}
