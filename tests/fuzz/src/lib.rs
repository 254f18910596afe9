//! What every fuzz target checks, whatever bytes come:
//!
//! - no panic (an overflown stack and a failed allocation are the fuzzer's own to find);
//! - the codec gets on, and keeps no more than its limit of a frame that is not complete;
//! - whether bytes come at once or in pieces makes no difference to the messages that are read;
//! - what was read can be written, and what is written is read again as the same.

#![forbid(unsafe_code)]

pub mod json_rpc;
pub mod rpc;

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::BytesMut;
use portcullis::codec::{Codec, HmacKey};
use serde::{Deserialize, Serialize};

/// A bit of everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Message {
    Nothing,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Fields { flag: Option<bool>, letter: char, map: BTreeMap<String, u16> },
    Many(Vec<Message>),
}

/// The key of the target `hmac`.
pub enum Secret {}

impl HmacKey for Secret {
    fn key() -> &'static [u8] {
        b"known to the fuzzer"
    }
}

/// The limit that targets give their codecs.
pub const LIMIT: usize = 256;

/// The first byte says in which pieces the others come. `header` is the most bytes that may precede
/// a frame.
pub fn check<M, C>(codec: C, data: &[u8], header: usize)
where
    M: Clone + Debug + PartialEq,
    C: Codec<M, M>,
{
    let Some((step, bytes)) = data.split_first() else { return };
    let whole = read::<M, C>(codec.clone(), bytes, bytes.len().max(1), header);
    let pieces = read::<M, C>(codec.clone(), bytes, usize::from(*step).max(1), header);
    assert_eq!(whole, pieces, "pieces make a difference");
    for message in whole {
        let mut output = BytesMut::new();
        // It may be longer as we write it than as it came, and over the limit.
        if codec.clone().encode(message.clone(), &mut output).is_ok() {
            let again = codec.clone().decode(&mut output).expect("it was written");
            assert_eq!(again, Some(message));
            // What may stand between frames, such as the newline behind JSON, is taken off with the
            // next one.
            let more = codec.clone().decode_eof(&mut output).expect("nothing is left");
            assert!(more.is_none() && output.is_empty(), "more was written than is read");
        }
    }
}

fn read<M, C: Codec<M, M>>(mut codec: C, bytes: &[u8], step: usize, header: usize) -> Vec<M> {
    let (mut input, mut out, mut calls) = (BytesMut::new(), Vec::new(), 0);
    let mut more = |codec: &mut C, input: &mut BytesMut, eof: bool| {
        calls += 1;
        assert!(calls <= 3 * bytes.len() + 3, "it does not get on");
        match if eof { codec.decode_eof(input) } else { codec.decode(input) } {
            Ok(None) => Some(false),
            Ok(Some(message)) => {
                out.push(message);
                Some(true)
            }
            Err(error) => error.is_recoverable().then_some(true),
        }
    };
    let mut lost = false;
    'pieces: for piece in bytes.chunks(step) {
        input.extend_from_slice(piece);
        loop {
            match more(&mut codec, &mut input, false) {
                Some(true) => {}
                Some(false) => break,
                None => {
                    lost = true;
                    break 'pieces;
                }
            }
        }
        assert!(input.len() <= LIMIT + step + header, "it keeps {} bytes", input.len());
    }
    while !lost && more(&mut codec, &mut input, true) == Some(true) {}
    out
}

/// A fuzz target: the type of its messages, its codec, and the most bytes before a frame.
#[macro_export]
macro_rules! target {
    ($message:ty, $codec:expr) => {
        $crate::target!($message, $codec, 16);
    };
    ($message:ty, $codec:expr, $header:expr) => {
        ::libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::check::<$message, _>($codec, data, $header));
    };
}
