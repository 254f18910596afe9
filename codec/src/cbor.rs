//! [`Cbor`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::concatenated::{Scanner, SelfDelimiting};
use super::format::{Format, FrameWriter};
use super::guard::Guard;
use super::{DecodeError, EncodeError, shallow};

/// [CBOR](https://cbor.io) (RFC 8949). Bytes left over in a frame are an error, and so is a message that nests deeper than 128
/// levels.
///
/// Texts and byte strings may be of any length, in one piece or in chunks. Tags that the message does not ask for are ignored.
/// The crate [`cbor2`](https://docs.rs/cbor2) reads and writes; its `Value` and its types for tags can be messages, or parts
/// of them.
///
/// A stream of values with nothing between them, a CBOR sequence (RFC 8742), is
/// [`Concatenated<Cbor>`](super::Concatenated).
#[derive(Debug)]
pub enum Cbor {}

/// How deep containers of unknown length nest.
const DEEPEST: usize = 128;

impl Format for Cbor {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let mut reader = cbor2::de::Deserializer::from_slice(frame);
        let message = Guard::new(frame.len()).read(&mut reader)?;
        super::nothing_left(&frame[reader.offset()..])?;
        Ok(message)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        shallow::write(message, frame, |message, frame| cbor2::to_writer(message, frame))
    }
}

impl SelfDelimiting for Cbor {
    type Scanner = Items;
}

/// Finds the end of an item without reading it.
#[derive(Debug, Default)]
pub struct Items {
    /// How many items are still to come: at the top, and in each open container of unknown length (`None`: until its break).
    /// Containers of known length add to the count of what they are in.
    open: Vec<Option<u64>>,
    started: bool,
    payload: u64,
    /// The bytes of a head that is not complete.
    head: [u8; 9],
    held: usize,
}

const UNKNOWN: u8 = 31;

fn too_much() -> DecodeError {
    DecodeError::new("a CBOR item of 2^64 parts and more")
}

impl Items {
    /// How many bytes of an argument follow the first byte of a head.
    fn argument(first: u8) -> Result<usize, DecodeError> {
        match (first & 0x1f, first >> 5) {
            (0..=23, _) => Ok(0),
            (more @ 24..=27, _) => Ok(1 << (more - 24)),
            (UNKNOWN, 2..=5 | 7) => Ok(0),
            _ => Err(DecodeError::new(format!("{first:#04x} is no CBOR"))),
        }
    }

    /// Takes in a whole head.
    fn item(&mut self, first: u8, argument: &[u8]) -> Result<(), DecodeError> {
        let short = first & 0x1f;
        let value = match argument {
            [] => u64::from(short),
            bytes => bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        if first == 0xff {
            // A break closes what is open, and nothing that still counts.
            return match self.open.pop() {
                Some(None) => {
                    self.close();
                    Ok(())
                }
                _ => Err(DecodeError::new("a CBOR break where nothing is to be ended")),
            };
        }
        let more = match first >> 5 {
            2..=5 if short == UNKNOWN => {
                if self.open.len() >= DEEPEST {
                    return Err(DecodeError::new(format!("the message nests deeper than {DEEPEST} levels")));
                }
                self.count(0)?;
                self.open.push(None);
                return Ok(());
            }
            2 | 3 => {
                self.payload = value;
                0
            }
            4 => value,
            5 => value.checked_mul(2).ok_or_else(too_much)?,
            6 => 1,
            _ => 0,
        };
        self.count(more)?;
        self.close();
        Ok(())
    }

    /// An item is there, and so many more are to come at its level.
    fn count(&mut self, more: u64) -> Result<(), DecodeError> {
        match self.open.last_mut() {
            Some(Some(left)) => {
                *left = (*left - 1).checked_add(more).ok_or_else(too_much)?;
            }
            // Of known length in one of unknown length.
            Some(None) if more > 0 => self.open.push(Some(more)),
            _ => {}
        }
        Ok(())
    }

    /// Leaves the counts that are at their end.
    fn close(&mut self) {
        while let Some(Some(0)) = self.open.last() {
            self.open.pop();
        }
    }
}

impl Scanner for Items {
    fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
        if !self.started {
            self.started = true;
            self.open.push(Some(1));
        }
        let mut at = 0;
        loop {
            let here = self.payload.min((bytes.len() - at) as u64);
            self.payload -= here;
            at += here as usize;
            if self.payload > 0 {
                return Ok(None);
            }
            if self.open.is_empty() {
                return Ok(Some(at));
            }
            let Some(byte) = bytes.get(at) else { return Ok(None) };
            let first = if self.held == 0 { *byte } else { self.head[0] };
            let whole = 1 + Self::argument(first)?;
            at += 1;
            self.head[self.held] = *byte;
            self.held += 1;
            if self.held == whole {
                self.held = 0;
                let head = self.head;
                self.item(first, &head[1..whole])?;
            }
        }
    }

    fn at_least(&self) -> u64 {
        // A break is a byte, too.
        self.open.iter().fold(self.payload, |sum, level| sum.saturating_add(level.unwrap_or(1)))
    }
}
