//! The frames of 64 bytes that are echoed, and their codec, which our servers and the servers by
//! hand share.

use std::io;

use bytes::{Buf, BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

pub(crate) const SIZE: usize = 64;
pub(crate) type Frame = [u8; SIZE];

/// The frame that clients send: text and a line ending.
pub(crate) const FRAME: Frame = {
    let mut frame = [b'x'; SIZE];
    frame[SIZE - 1] = b'\n';
    frame
};

/// The codec, for `Framed` and for our servers, which accept every codec of `tokio_util`.
#[derive(Clone, Copy)]
pub(crate) struct Frames;

impl Decoder for Frames {
    type Item = Frame;
    type Error = io::Error;

    fn decode(&mut self, input: &mut BytesMut) -> io::Result<Option<Frame>> {
        let frame = input.first_chunk().copied();
        if frame.is_some() {
            input.advance(SIZE);
        }
        Ok(frame)
    }
}

impl Encoder<Frame> for Frames {
    type Error = io::Error;

    fn encode(&mut self, frame: Frame, output: &mut BytesMut) -> io::Result<()> {
        output.reserve(SIZE);
        output.put_slice(&frame);
        Ok(())
    }
}
