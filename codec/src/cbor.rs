//! [`Cbor`]: the CBOR format, and a scanner for the end of a CBOR item.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::concatenated::{Scanner, SelfDelimiting};
use super::format::{Format, FrameWriter};
use super::read_limits::ReadLimits;
use super::{DecodeError, EncodeError, write_limits};

/// [CBOR](https://cbor.io) (RFC 8949).
///
/// The crate [`cbor2`](https://docs.rs/cbor2) reads and writes it. The `Value` of that crate and
/// its types for tags can be messages or parts of messages. Text and byte strings can have definite
/// or indefinite length. Tags are ignored unless the type of the message asks for them.
///
/// A frame with trailing bytes is an error, and so is a message that nests deeper than 128 levels.
///
/// For a CBOR sequence (RFC 8742), values with nothing between them, use
/// [`Concatenated<Cbor>`](super::Concatenated).
#[derive(Debug)]
pub enum Cbor {}

/// The most levels of containers of indefinite length.
const MAX_DEPTH: usize = 128;

impl Format for Cbor {
    fn read<T: DeserializeOwned>(frame: &[u8]) -> Result<T, DecodeError> {
        let mut reader = cbor2::de::Deserializer::from_slice(frame);
        let message = ReadLimits::new(frame.len()).read(PhantomData, &mut reader)?;
        super::reject_trailing_bytes(&frame[reader.offset()..])?;
        Ok(message)
    }

    fn write<T: Serialize>(message: &T, frame: &mut FrameWriter<'_>) -> Result<(), EncodeError> {
        write_limits::write(message, frame, |message, frame| cbor2::to_writer(message, frame))
    }
}

impl SelfDelimiting for Cbor {
    type Scanner = CborScanner;
}

/// Finds the end of an item without decoding it.
#[derive(Debug, Default)]
pub struct CborScanner {
    /// The number of items to come: at the top level, and in each open container of indefinite
    /// length, where `None` means "until its break". A container of definite length adds to the
    /// count of its parent.
    open: Vec<Option<u64>>,
    started: bool,
    payload: u64,
    /// The bytes of an incomplete head.
    head: [u8; 9],
    held: usize,
}

/// The additional information of a head of indefinite length.
const INDEFINITE_LENGTH: u8 = 31;

/// The error of a length that overflows.
fn length_overflow() -> DecodeError {
    DecodeError::new("a CBOR item has more than 2^64 parts")
}

impl CborScanner {
    /// Returns how many bytes of an argument follow the first byte of a head.
    fn argument_len(first: u8) -> Result<usize, DecodeError> {
        match (first & 0x1f, first >> 5) {
            (0..=23, _) => Ok(0),
            (more @ 24..=27, _) => Ok(1 << (more - 24)),
            (INDEFINITE_LENGTH, 2..=5 | 7) => Ok(0),
            _ => Err(DecodeError::new(format!("invalid CBOR byte {first:#04x}"))),
        }
    }

    /// Processes a complete head.
    fn add_head(&mut self, first: u8, argument: &[u8]) -> Result<(), DecodeError> {
        let short = first & 0x1f;
        let value = match argument {
            [] => u64::from(short),
            bytes => bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        if first == 0xff {
            // A break ends a container of indefinite length. Nothing else may be open.
            return match self.open.pop() {
                Some(None) => {
                    self.close();
                    Ok(())
                }
                _ => Err(DecodeError::new("unexpected CBOR break")),
            };
        }
        let more = match first >> 5 {
            2..=5 if short == INDEFINITE_LENGTH => {
                if self.open.len() >= MAX_DEPTH {
                    return Err(DecodeError::new(format!(
                        "the message nests deeper than {MAX_DEPTH} levels"
                    )));
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
            5 => value.checked_mul(2).ok_or_else(length_overflow)?,
            6 => 1,
            _ => 0,
        };
        self.count(more)?;
        self.close();
        Ok(())
    }

    /// Counts an item that has arrived, with `more` items to come at its level.
    fn count(&mut self, more: u64) -> Result<(), DecodeError> {
        match self.open.last_mut() {
            Some(Some(left)) => {
                *left = (*left - 1).checked_add(more).ok_or_else(length_overflow)?;
            }
            // A container of definite length in one of indefinite length.
            Some(None) if more > 0 => self.open.push(Some(more)),
            _ => {}
        }
        Ok(())
    }

    /// Removes the counts that have reached zero.
    fn close(&mut self) {
        while let Some(Some(0)) = self.open.last() {
            self.open.pop();
        }
    }
}

impl Scanner for CborScanner {
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
            let whole = 1 + Self::argument_len(first)?;
            at += 1;
            self.head[self.held] = *byte;
            self.held += 1;
            if self.held == whole {
                self.held = 0;
                let head = self.head;
                self.add_head(first, &head[1..whole])?;
            }
        }
    }

    fn min_remaining(&self) -> u64 {
        // A break is one byte.
        self.open.iter().fold(self.payload, |sum, level| sum.saturating_add(level.unwrap_or(1)))
    }
}
