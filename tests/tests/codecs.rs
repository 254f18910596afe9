//! Properties of every codec, checked with generated messages and bytes: round trips, frames in
//! pieces, truncated streams, frames over the limit, and garbage.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::BytesMut;
use portcullis::codec::{
    Base64, Cbor, Codec, Concatenated, ContentLength, Crc32, Delimited, FixedSize, HmacKey, HmacSha256,
    LengthPrefixed, Lines, MessagePack, NewlineDelimited, Sha256, Standard, Zlib, Zstd,
};
use portcullis::{Json, JsonLines, Postcard};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Message {
    Nothing,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Fields { flag: Option<bool>, letter: char, map: BTreeMap<String, u16> },
    Many(Vec<Message>),
}

enum Secret {}

impl HmacKey for Secret {
    fn key() -> &'static [u8] {
        b"a secret of the tests"
    }
}

/// Messages of any size that do not compress.
trait OfLength: PartialEq + Sized {
    fn of_length(length: usize) -> Self;

    /// Whether this may be read if the stream ended inside `whole`: the last line of a stream needs
    /// no line ending.
    fn may_be_cut_from(&self, whole: &Self) -> bool {
        self == whole
    }
}

fn noise(length: usize) -> String {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + (state >> 24) as u8 % 26)
    };
    (0..length).map(|_| next()).collect()
}

impl OfLength for Message {
    fn of_length(length: usize) -> Self {
        Self::Text(noise(length))
    }
}

impl OfLength for String {
    fn of_length(length: usize) -> Self {
        noise(length)
    }

    fn may_be_cut_from(&self, whole: &Self) -> bool {
        whole.starts_with(self.as_str())
    }
}

impl OfLength for [u8; 7] {
    fn of_length(_: usize) -> Self {
        [7; 7]
    }
}

impl OfLength for Vec<u8> {
    fn of_length(length: usize) -> Self {
        noise(length).into_bytes()
    }
}

fn messages() -> impl Strategy<Value = Message> {
    let leaf = prop_oneof![
        Just(Message::Nothing),
        any::<i64>().prop_map(Message::Number),
        any::<String>().prop_map(Message::Text),
        vec(any::<u8>(), 0..40).prop_map(Message::Bytes),
        (any::<Option<bool>>(), any::<char>(), btree_map(any::<String>(), any::<u16>(), 0..3))
            .prop_map(|(flag, letter, map)| Message::Fields { flag, letter, map }),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| vec(inner, 0..3).prop_map(Message::Many))
}

fn lines() -> impl Strategy<Value = String> {
    "[^\n]{0,30}".prop_filter("the CR would be part of the ending", |line| !line.ends_with('\r'))
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    // Full of bytes that look like the delimiter.
    vec(prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..30).prop_filter(
        "a separator in a message is refused",
        |frame| {
            let mut with = frame.clone();
            with.extend(b"\r\n");
            with.windows(2).position(|two| two == b"\r\n") == Some(frame.len())
        },
    )
}

/// A message, or an error and whether it is recoverable.
type Outcome<M> = Result<M, bool>;

/// Decodes bytes that arrive in pieces of `step`. Checks that the codec makes progress and does not
/// accumulate data.
fn read<M, C: Codec<M, M>>(mut codec: C, bytes: &[u8], step: usize, limit: usize) -> Vec<Outcome<M>> {
    let (mut input, mut out) = (BytesMut::new(), Vec::new());
    for piece in bytes.chunks(step) {
        input.extend_from_slice(piece);
        while let Some(next) = codec.decode(&mut input).transpose() {
            let next = next.map_err(|error| error.is_recoverable());
            let lost = matches!(next, Err(false));
            out.push(next);
            assert!(out.len() <= bytes.len() + 1, "it does not get on");
            if lost {
                return out;
            }
        }
        assert!(input.len() <= limit.saturating_add(16), "it hoards {} bytes", input.len());
    }
    while let Some(next) = codec.decode_eof(&mut input).transpose() {
        let next = next.map_err(|error| error.is_recoverable());
        let lost = matches!(next, Err(false));
        out.push(next);
        assert!(out.len() <= bytes.len() + 2, "it does not get on");
        if lost {
            return out;
        }
    }
    assert!(input.is_empty(), "{} bytes are left without an error", input.len());
    out
}

fn written<M: Clone, C: Codec<M, M>>(mut codec: C, messages: &[M]) -> (Vec<u8>, Vec<usize>) {
    let (mut output, mut ends) = (BytesMut::new(), vec![0]);
    for message in messages {
        codec.encode(message.clone(), &mut output).expect("can be written");
        ends.push(output.len());
    }
    (output.to_vec(), ends)
}

fn round_trip<M, C>(codec: C, messages: &[M])
where
    M: Clone + Debug + PartialEq,
    C: Codec<M, M>,
{
    let (bytes, _) = written(codec.clone(), messages);
    let expected: Vec<_> = messages.iter().cloned().map(Ok).collect();
    for step in (1..40).chain([bytes.len().max(1)]) {
        assert_eq!(read(codec.clone(), &bytes, step, usize::MAX), expected, "in pieces of {step}");
    }
}

/// A truncated stream yields its complete messages, and then an error for the incomplete one.
fn cut<M, C>(codec: C, messages: &[M], at: usize, step: usize)
where
    M: OfLength + Clone + Debug + PartialEq,
    C: Codec<M, M>,
{
    let (bytes, ends) = written(codec.clone(), messages);
    let at = at % (bytes.len() + 1);
    let whole = ends.iter().filter(|end| **end <= at).count() - 1;
    let mut out = read(codec, &bytes[..at], step, usize::MAX);
    if at != ends[whole] {
        match out.pop() {
            Some(Err(_)) => {}
            Some(Ok(last)) if last.may_be_cut_from(&messages[whole]) => {}
            Some(Ok(last)) => panic!("{last:?} passes for {:?}", messages[whole]),
            None => panic!("the incomplete message is not reported"),
        }
    }
    for (index, outcome) in out.iter().enumerate() {
        assert_eq!(outcome.as_ref().ok(), messages.get(index), "{index}");
    }
}

/// Garbage causes no panic, no accumulation and no endless loop, and the messages do not depend on
/// how the bytes are split.
fn garbage<M, C>(codec: C, bytes: &[u8], step: usize, limit: usize)
where
    M: Debug + PartialEq,
    C: Codec<M, M>,
{
    let understood = |step| {
        let outcomes = read(codec.clone(), bytes, step, limit.saturating_add(step)).into_iter();
        outcomes.filter_map(Result::ok).collect::<Vec<M>>()
    };
    assert_eq!(understood(step), understood(bytes.len().max(1)));
}

fn over_long<M, C>(codec: impl Fn(usize) -> C)
where
    M: OfLength + Clone + Debug + PartialEq,
    C: Codec<M, M>,
{
    const LIMIT: usize = 300;
    let messages = [10, 3000, 20, 40_000, 30].map(M::of_length);
    let (bytes, _) = written(codec(1 << 20), &messages);
    for step in [1, 2, 3, 7, 64, 299, 300, 301, 4096, bytes.len()] {
        let out = read(codec(LIMIT), &bytes, step, LIMIT + step);
        let [a, _, b, _, c] = &messages;
        assert_eq!(
            out,
            [Ok(a.clone()), Err(true), Ok(b.clone()), Err(true), Ok(c.clone())],
            "in pieces of {step}"
        );
    }
    let mut output = BytesMut::new();
    assert!(
        codec(LIMIT).encode(messages[1].clone(), &mut output).is_err(),
        "it writes what it would not read"
    );
}

macro_rules! properties {
    ($($name:ident: $message:ty, $strategy:expr, $codec:expr $(, header of $header:expr)?;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn a_frame_over_the_limit_is_skipped_and_the_next_one_read() {
                over_long::<$message, _>($codec);
            }

            properties!(@ $message, $strategy, $codec, 0 $(+ $header)?);
        }
    )*};
    (@ $message:ty, $strategy:expr, $codec:expr, $header:expr) => {
        proptest! {
            #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

            #[test]
            fn round_trips_in_any_pieces(messages in vec($strategy, 0..4)) {
                round_trip($codec(1 << 20), &messages);
            }

            #[test]
            fn a_truncated_stream_yields_whole_messages_only(
                messages in vec($strategy, 1..4), at in any::<usize>(), step in 1usize..50,
            ) {
                cut($codec(1 << 20), &messages, at, step);
            }

            #[test]
            fn garbage_neither_panics_nor_accumulates(bytes in vec(any::<u8>(), 0..400), step in 1usize..50) {
                garbage::<$message, _>($codec(64), &bytes, step, 64 + $header);
            }

            #[test]
            fn damaged_frames_neither_panic_nor_accumulate(
                messages in vec($strategy, 1..4), step in 1usize..50,
                damage in vec((any::<usize>(), any::<u8>()), 1..4),
            ) {
                let (mut bytes, _) = written($codec(1 << 20), &messages);
                for (at, byte) in damage {
                    let length = bytes.len();
                    if length > 0 {
                        bytes[at % length] = byte;
                    }
                }
                garbage::<$message, _>($codec(256), &bytes, step, 256 + $header);
            }
        }
    };
}

properties! {
    lines_of_text: String, lines(), |limit| Lines::new().max_length(limit);
    delimited: Vec<u8>, frames(), |limit| Delimited::new(b"\r\n").max_length(limit);
    json_lines: Message, messages(), |limit| JsonLines::new().max_frame(limit);
    length_prefixed_json: Message, messages(), |limit| LengthPrefixed::<Json>::new().max_frame(limit);
    length_prefixed_postcard: Message, messages(), |limit| LengthPrefixed::<Postcard>::new().max_frame(limit);
    length_prefixed_msgpack: Message, messages(), |limit| LengthPrefixed::<MessagePack>::new().max_frame(limit);
    length_prefixed_cbor: Message, messages(), |limit| LengthPrefixed::<Cbor>::new().max_frame(limit);
    content_length: Message, messages(), |limit| ContentLength::<Json>::new().max_frame(limit), header of 4096;
    concatenated_json: Message, messages(), |limit| Concatenated::<Json>::new().max_frame(limit);
    concatenated_msgpack: Message, messages(), |limit| Concatenated::<MessagePack>::new().max_frame(limit);
    concatenated_cbor: Message, messages(), |limit| Concatenated::<Cbor>::new().max_frame(limit);
    concatenated_zlib: Message, messages(), |limit| Concatenated::<Zlib<Json>>::new().max_frame(limit);
    zlib: Message, messages(), |limit| LengthPrefixed::<Zlib<MessagePack>>::new().max_frame(limit);
    zstd: Message, messages(), |limit| LengthPrefixed::<Zstd<Json>>::new().max_frame(limit);
    crc32: Message, messages(), |limit| LengthPrefixed::<Crc32<Json>>::new().max_frame(limit);
    sha256: Message, messages(), |limit| LengthPrefixed::<Sha256<Postcard>>::new().max_frame(limit);
    hmac: Message, messages(), |limit| LengthPrefixed::<HmacSha256<Cbor, Secret>>::new().max_frame(limit);
    base64: Message, messages(), |limit| NewlineDelimited::<Base64<Json>>::new().crlf().max_frame(limit);
    base64_standard: Message, messages(), |limit| NewlineDelimited::<Base64<MessagePack, Standard>>::new().max_frame(limit);
    all_at_once: Message, messages(),
        |limit| NewlineDelimited::<Base64<HmacSha256<Crc32<Zlib<Sha256<Zstd<Cbor>>>>, Secret>>>::new().max_frame(limit);
}

mod fixed_size {
    use super::*;

    properties!(@ [u8; 7], any::<[u8; 7]>(), |_| FixedSize::<7>::new(), 0);
}
