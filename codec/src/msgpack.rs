//! [`MessagePack`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::concatenated::{Scanner, SelfDelimiting};
use super::format::{Format, FrameWriter};
use super::guard::Guard;
use super::{DecodeError, EncodeError, shallow};

/// [MessagePack](https://msgpack.org), by `rmp-serde`: structs are maps with the names of their fields, as other languages
/// write objects. Structs that come as arrays are read, too. Bytes left over in a frame are an error.
///
/// A peer of another language that packs one value after the other, with nothing between them, is
/// [`Concatenated<MessagePack>`](super::Concatenated).
#[derive(Debug)]
pub enum MessagePack {}

/// Lower than the crate's own, which is more than the stack of a test's thread holds.
const DEEPEST: usize = 128;

impl Format for MessagePack {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let mut rest = frame;
        let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
        deserializer.set_max_depth(DEEPEST);
        let message = Guard::new(frame.len()).read(&mut deserializer)?;
        super::nothing_left(rest)?;
        Ok(message)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        shallow::write(message, frame, |message, frame| rmp_serde::encode::write_named(frame, message))
    }
}

impl SelfDelimiting for MessagePack {
    type Scanner = Values;
}

/// Finds the end of a value without reading it: how many values are still to come, and how many bytes of this one.
///
/// That is one number for any depth, because where an array ends does not matter to who looks for the end of all of it.
#[derive(Debug)]
pub struct Values {
    values: u64,
    payload: u64,
    /// The bytes of a head that is not complete: its type and a part of its length.
    head: [u8; 5],
    held: usize,
}

impl Default for Values {
    fn default() -> Self {
        Self { values: 1, payload: 0, head: [0; 5], held: 0 }
    }
}

/// What a head says is behind it.
struct Behind {
    values: u64,
    payload: u64,
}

impl Values {
    /// How many bytes of length follow a type.
    fn length(kind: u8) -> Result<usize, DecodeError> {
        match kind {
            0xc1 => Err(DecodeError::new("0xc1 is no MessagePack")),
            0xc4 | 0xc7 | 0xd9 => Ok(1),
            0xc5 | 0xc8 | 0xda | 0xdc | 0xde => Ok(2),
            0xc6 | 0xc9 | 0xdb | 0xdd | 0xdf => Ok(4),
            _ => Ok(0),
        }
    }

    fn behind(kind: u8, length: &[u8]) -> Behind {
        let length = length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let (values, payload) = match kind {
            0x80..=0x8f => (2 * u64::from(kind & 0x0f), 0),
            0x90..=0x9f => (u64::from(kind & 0x0f), 0),
            0xa0..=0xbf => (0, u64::from(kind & 0x1f)),
            0xc4..=0xc6 | 0xd9..=0xdb => (0, length),
            // An extension: a byte that says which, then the data.
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
        Behind { values, payload }
    }
}

impl Scanner for Values {
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
            let kind = if self.held == 0 { *byte } else { self.head[0] };
            let length = Self::length(kind)?;
            at += 1;
            self.head[self.held] = *byte;
            self.held += 1;
            if self.held == 1 + length {
                let behind = Self::behind(kind, &self.head[1..self.held]);
                self.held = 0;
                // Each head adds less than 2^33, and there are not 2^31 of them in a frame that is not refused; one that
                // is goes on to be counted.
                self.values = (self.values - 1).saturating_add(behind.values);
                self.payload = behind.payload;
            }
        }
    }

    fn at_least(&self) -> u64 {
        self.values.saturating_add(self.payload)
    }
}
