//! What is echoed: frames of 64 bytes, and the codec of them that ours and the echoes by hand
//! share, so that nothing but what is around it differs.

use std::io;

use bytes::{Buf, BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

pub(crate) const SIZE: usize = 64;
pub(crate) type Frame = [u8; SIZE];

/// A frame as clients send it: text, and the end of a line.
pub(crate) const FRAME: Frame = {
    let mut frame = [b'x'; SIZE];
    frame[SIZE - 1] = b'\n';
    frame
};

/// For `Framed`, and for our servers, which take every codec of `tokio_util`.
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
