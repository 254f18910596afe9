//! [`MessagePack`]: the MessagePack format, and a scanner for the end of a value.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::concatenated::{Scanner, SelfDelimiting};
use super::format::{Format, FrameWriter};
use super::read_limits::ReadLimits;
use super::{DecodeError, EncodeError, write_limits};

/// [MessagePack](https://msgpack.org). The crate `rmp-serde` reads and writes it.
///
/// It writes structs as maps with the names of the fields, like the libraries of most other
/// languages, and reads structs from maps and from arrays. A frame with trailing bytes is an error,
/// and so is a message that nests deeper than 128 levels.
///
/// For values with nothing between them, as peers in other languages send them, use
/// [`Concatenated<MessagePack>`](super::Concatenated).
#[derive(Debug)]
pub enum MessagePack {}

/// The most levels of a message. The default of `rmp-serde` is too many for the stack of a test
/// thread.
const MAX_DEPTH: usize = 128;

impl Format for MessagePack {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let mut rest = frame;
        let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
        deserializer.set_max_depth(MAX_DEPTH);
        let message = ReadLimits::new(frame.len()).read(PhantomData, &mut deserializer)?;
        super::reject_trailing_bytes(rest)?;
        Ok(message)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        write_limits::write(message, frame, |message, frame| rmp_serde::encode::write_named(frame, message))
    }
}

impl SelfDelimiting for MessagePack {
    type Scanner = MsgpackScanner;
}

/// Finds the end of a value without decoding it. It counts the values and the payload bytes that
/// are still to come.
///
/// One count of values serves all levels, because only the end of the outermost value matters.
#[derive(Debug)]
pub struct MsgpackScanner {
    values: u64,
    payload: u64,
    /// The bytes of an incomplete header: its type and a part of its length.
    header: [u8; 5],
    held: usize,
}

impl Default for MsgpackScanner {
    fn default() -> Self {
        Self { values: 1, payload: 0, header: [0; 5], held: 0 }
    }
}

/// What follows a header: nested values, and bytes of payload.
struct HeaderInfo {
    values: u64,
    payload: u64,
}

impl MsgpackScanner {
    /// Returns how many bytes of length follow the type `kind`.
    fn length_len(kind: u8) -> Result<usize, DecodeError> {
        match kind {
            0xc1 => Err(DecodeError::new("invalid MessagePack byte 0xc1")),
            0xc4 | 0xc7 | 0xd9 => Ok(1),
            0xc5 | 0xc8 | 0xda | 0xdc | 0xde => Ok(2),
            0xc6 | 0xc9 | 0xdb | 0xdd | 0xdf => Ok(4),
            _ => Ok(0),
        }
    }

    /// Parses a complete header.
    fn parse_header(kind: u8, length: &[u8]) -> HeaderInfo {
        let length = length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let (values, payload) = match kind {
            0x80..=0x8f => (2 * u64::from(kind & 0x0f), 0),
            0x90..=0x9f => (u64::from(kind & 0x0f), 0),
            0xa0..=0xbf => (0, u64::from(kind & 0x1f)),
            0xc4..=0xc6 | 0xd9..=0xdb => (0, length),
            // An extension: one byte for its type, then the data.
            0xc7..=0xc9 => (0, 1 + length),
            0xd4..=0xd8 => (0, 1 + (1 << (kind - 0xd4))),
            0xcc | 0xd0 => (0, 1),
            0xcd | 0xd1 => (0, 2),
            0xca | 0xce | 0xd2 => (0, 4),
            0xcb | 0xcf | 0xd3 => (0, 8),
            0xdc | 0xdd => (length, 0),
            0xde | 0xdf => (2 * length, 0),
            _ => (0, 0),
        };
        HeaderInfo { values, payload }
    }
}

impl Scanner for MsgpackScanner {
    fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
        let mut at = 0;
        loop {
            let here = self.payload.min((bytes.len() - at) as u64);
            self.payload -= here;
            at += here as usize;
            if self.payload > 0 {
                return Ok(None);
            }
            if self.values == 0 {
                return Ok(Some(at));
            }
            let Some(byte) = bytes.get(at) else { return Ok(None) };
            let kind = if self.held == 0 { *byte } else { self.header[0] };
            let length = Self::length_len(kind)?;
            at += 1;
            self.header[self.held] = *byte;
            self.held += 1;
            if self.held == 1 + length {
                let info = Self::parse_header(kind, &self.header[1..self.held]);
                self.held = 0;
                // Each header adds less than 2^33, and a frame within the limit has less than 2^31
                // headers. The scanner also counts the remaining bytes of a rejected frame, so the
                // sum saturates.
                self.values = (self.values - 1).saturating_add(info.values);
                self.payload = info.payload;
            }
        }
    }

    fn min_remaining(&self) -> u64 {
        self.values.saturating_add(self.payload)
    }
}
