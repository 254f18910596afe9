//! What a frame may cost its reader in stack, memory and time, whatever its bytes announce; and
//! frames that must be read nevertheless.

#![forbid(unsafe_code)]

use std::fmt::{self, Debug};
use std::mem;

use bytes::BytesMut;
use portcullis::codec::{Cbor, Codec, Format, FrameWriter, LengthPrefixed, MessagePack};
use portcullis::{Json, Postcard};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const WIDE: usize = 8 * 1024 * 1024;

fn written<F: Format>(message: &impl Serialize) -> Result<BytesMut, String> {
    let mut frame = BytesMut::new();
    match F::write(message, &mut FrameWriter::new(&mut frame, WIDE)) {
        Ok(()) => Ok(frame),
        Err(error) => Err(error.to_string()),
    }
}

fn read<F: Format, T: DeserializeOwned>(frame: &[u8]) -> Result<T, String> {
    F::read(frame).map_err(|error| {
        assert!(error.is_recoverable(), "{error}");
        error.to_string()
    })
}

/// Defines each test for each format.
macro_rules! formats {
    ($($test:ident;)*) => {$(
        mod $test {
            use super::*;

            #[test]
            fn json() {
                super::$test::<Json>();
            }

            #[test]
            fn cbor() {
                super::$test::<Cbor>();
            }

            #[test]
            fn message_pack() {
                super::$test::<MessagePack>();
            }

            #[test]
            fn postcard() {
                super::$test::<Postcard>();
            }
        }
    )*};
}

formats! {
    a_recursive_message_with_large_nodes_is_an_error_not_a_stack_overflow;
    a_message_that_nests_without_bytes_is_an_error_not_a_stack_overflow;
    writing_a_message_that_is_too_deep_is_an_error_not_a_stack_overflow;
    lists_far_larger_than_their_frame_are_rejected_early;
    long_lists_of_small_things_are_read;
    strings_and_bytes_of_every_length_are_read_by_every_visitor;
}

// ---- stack

/// A node of 8 KiB that is encoded as one number.
#[derive(Serialize, Deserialize)]
struct Node {
    #[serde(with = "large")]
    large: [u64; 1024],
    next: Option<Box<Node>>,
}

mod large {
    use super::*;

    pub(super) fn serialize<S: Serializer>(large: &[u64; 1024], serializer: S) -> Result<S::Ok, S::Error> {
        large[0].serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u64; 1024], D::Error> {
        u64::deserialize(deserializer).map(|number| [number; 1024])
    }
}

impl Node {
    fn chain(length: usize) -> Option<Box<Self>> {
        (0..length).fold(None, |next, _| Some(Box::new(Self { large: [7; 1024], next })))
    }

    fn unchain(mut at: Option<Box<Self>>) -> usize {
        let mut length = 0;
        while let Some(mut node) = at {
            length += 1;
            at = node.next.take();
        }
        length
    }
}

fn a_recursive_message_with_large_nodes_is_an_error_not_a_stack_overflow<F: Format>() {
    for length in [1, 2, 4] {
        let few = Node::chain(length);
        let frame = written::<F>(&few).expect("few");
        assert_eq!(read::<F, Option<Box<Node>>>(&frame).map(Node::unchain), Ok(length));
        Node::unchain(few);
    }
    // These are within the limit of nesting levels. How many fit into the stack depends on the
    // compiler; the test checks that the stack does not overflow.
    for length in [16, 32, 63] {
        let many = Node::chain(length);
        let frame = written::<F>(&many).expect("a node is written from where it is");
        match read::<F, Option<Box<Node>>>(&frame) {
            Ok(read) => assert_eq!(Node::unchain(read), length),
            Err(error) => assert!(error.contains("too much stack"), "{error}"),
        }
        Node::unchain(many);
    }
}

/// In some formats `Some` and newtypes take no bytes, so any value is a valid encoding of endlessly
/// nested ones.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Maybe(Option<Box<Maybe>>);

fn a_message_that_nests_without_bytes_is_an_error_not_a_stack_overflow<F: Format>() {
    let nothing = written::<F>(&Maybe(None)).expect("nothing");
    assert_eq!(read::<F, Maybe>(&nothing), Ok(Maybe(None)));
    let ones = [b'1'; 1000];
    let error = read::<F, Maybe>(if nothing == "null" { &b"1"[..] } else { &ones }).expect_err("without end");
    assert!(
        error.contains("nests deeper than") || error.contains("too much stack") || nothing == "\0",
        "{error}"
    );
    // Postcard encodes each `Some` in a byte.
    let somes = [1; 10_000];
    let error = read::<F, Maybe>(&somes).expect_err("without end");
    assert!(
        error.contains("nests deeper than") || error.contains("too much stack") || nothing == "null",
        "{error}"
    );
}

/// Drops without recursion.
#[derive(Serialize, Default)]
struct Long {
    next: Option<Box<Long>>,
}

impl Drop for Long {
    fn drop(&mut self) {
        let mut at = self.next.take();
        while let Some(mut node) = at {
            at = node.next.take();
        }
    }
}

fn writing_a_message_that_is_too_deep_is_an_error_not_a_stack_overflow<F: Format>() {
    let of = |length| (0..length).fold(Long::default(), |next, _| Long { next: Some(Box::new(next)) });
    assert!(written::<F>(&of(50)).is_ok());
    let error = written::<F>(&of(100_000)).expect_err("far too deep");
    assert!(error.contains("too much stack") || error.contains("depth limit"), "{error}");
    // A codec removes the partial output, so the next message is whole.
    let (mut codec, mut output) = (LengthPrefixed::<F>::new(), BytesMut::new());
    let refused = Codec::<u64, Long>::encode(&mut codec, of(100_000), &mut output);
    assert!(refused.is_err());
}

// ---- memory and time

/// A list of `count` values of `item` each, as the format writes it.
fn list<F: Format>(item: &impl Serialize, count: usize) -> Vec<u8> {
    struct List<'a, T>(&'a T, usize);
    impl<T: Serialize> Serialize for List<'_, T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut list = serializer.serialize_seq(Some(self.1))?;
            for _ in 0..self.1 {
                list.serialize_element(self.0)?;
            }
            list.end()
        }
    }
    written::<F>(&List(item, count)).expect("within the frame").to_vec()
}

/// Encoded in a byte or two, and takes 1 KiB in memory.
struct Inflated([u64; 128]);

impl<'de> Deserialize<'de> for Inflated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer).map(|byte| Self([byte.into(); 128]))
    }
}

impl Debug for Inflated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Puffed({})", self.0[0])
    }
}

fn lists_far_larger_than_their_frame_are_rejected_early<F: Format>() {
    const LARGE: &str = "the lists of the message are larger than its frame allows";
    let frame = list::<F>(&1, 100_000);
    assert_eq!(read::<F, Vec<u64>>(&frame).map(|list| list.len()), Ok(100_000));
    // A hundred megabytes of them fit into this frame.
    assert_eq!(read::<F, Vec<Inflated>>(&frame).map(mem::drop), Err(LARGE.to_owned()));
    let few = list::<F>(&1, 1000);
    assert_eq!(read::<F, Vec<Inflated>>(&few).map(|list| list.len()), Ok(1000));
}

fn long_lists_of_small_things_are_read<F: Format>() {
    let frame = list::<F>(&1, 1_000_000);
    assert_eq!(read::<F, Vec<u64>>(&frame).map(|list| list.len()), Ok(1_000_000));
    assert_eq!(read::<F, Vec<u8>>(&frame).map(|list| list.len()), Ok(1_000_000));
}

#[test]
fn a_list_with_a_huge_count_of_empty_items_is_rejected() {
    // A list of 2^63 units, which take no bytes.
    let frame = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1];
    assert!(read::<Postcard, Vec<()>>(&frame).expect_err("endless").contains("larger than its frame allows"));
    assert_eq!(read::<Postcard, Vec<()>>(&[100]).map(|list| list.len()), Ok(100));
}

// ---- texts and bytes

/// A string that is read with `deserialize_str`, as by a type that borrows it.
#[derive(Debug, PartialEq)]
struct Borrowing(String);

impl Serialize for Borrowing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Borrowing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Borrowing;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Borrowing, E> {
                Ok(Borrowing(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Bytes, as `serde_bytes` reads and writes them.
#[derive(Debug, PartialEq)]
struct Blob(Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> de::Visitor<'de> for Bytes {
            type Value = Blob;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_owned()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Blob, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = list.next_element()? {
                    bytes.push(byte);
                }
                Ok(Blob(bytes))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Kept {
    Text(Borrowing),
    Both { text: String, blob: Blob },
}

fn strings_and_bytes_of_every_length_are_read_by_every_visitor<F: Format>() {
    for length in [0, 1, 23, 24, 255, 256, 4095, 4096, 4097, 65_535, 65_536, 1_000_000] {
        let (text, blob) = (|| "ä".repeat(length / 2), || Blob(vec![0xa5; length]));
        let messages = vec![
            Kept::Text(Borrowing(text())),
            Kept::Both { text: text(), blob: blob() },
            Kept::Text(Borrowing("".into())),
        ];
        let frame = written::<F>(&messages).expect("within the frame");
        assert_eq!(read::<F, Vec<Kept>>(&frame), Ok(messages), "{length} bytes");
    }
}

/// The CBOR of a text (0x60) or byte string (0x40) in chunks of `step` bytes, each after its length
/// in four bytes.
fn chunked(major: u8, bytes: &[u8], step: usize) -> Vec<u8> {
    let mut frame = vec![major | 31];
    for chunk in bytes.chunks(step) {
        frame.push(major | 26);
        frame.extend(u32::try_from(chunk.len()).unwrap().to_be_bytes());
        frame.extend(chunk);
    }
    frame.push(0xff);
    frame
}

#[test]
fn chunked_cbor_is_read_in_every_position() {
    let long = "ab".repeat(10_000);
    for step in [1, 7, 4096, 100_000] {
        let text = chunked(0x60, long.as_bytes(), step);
        assert_eq!(read::<Cbor, String>(&text), Ok(long.clone()));
        assert_eq!(read::<Cbor, Borrowing>(&text), Ok(Borrowing(long.clone())));
        let bytes = chunked(0x40, long.as_bytes(), step);
        assert_eq!(read::<Cbor, Blob>(&bytes), Ok(Blob(long.clone().into_bytes())));
        assert_eq!(read::<Cbor, Vec<u8>>(&bytes), Ok(long.clone().into_bytes()));
        // The names of a variant and of fields, in a list and a map of indefinite length.
        let both = [
            &[0x9f, 0xa1][..],
            &chunked(0x60, b"Both", step),
            &[0xbf],
            &chunked(0x60, b"text", step),
            &text,
            &chunked(0x60, b"blob", step),
            &bytes,
            &[0xff, 0xff],
        ]
        .concat();
        let expected = vec![Kept::Both { text: long.clone(), blob: Blob(long.clone().into_bytes()) }];
        assert_eq!(read::<Cbor, Vec<Kept>>(&both), Ok(expected));
    }
    // A text must not end inside a character, and a chunk must have the type of its string.
    assert!(read::<Cbor, String>(&chunked(0x60, &"ä".as_bytes()[..1], 1)).is_err());
    assert!(read::<Cbor, String>(&[0x7f, 0x41, b'x', 0xff]).is_err());
}

#[test]
fn cbor_with_too_many_or_too_few_items_is_rejected() {
    // Three items in a list where two are expected, with a definite and an indefinite length.
    assert!(read::<Cbor, Vec<(u8, u8)>>(&[0x82, 0x83, 1, 2, 3, 0x82, 1, 2]).is_err());
    assert!(read::<Cbor, Vec<(u8, u8)>>(&[0x82, 0x9f, 1, 2, 3, 0xff, 0x82, 1, 2]).is_err());
    assert_eq!(read::<Cbor, Vec<(u8, u8)>>(&[0x82, 0x9f, 1, 2, 0xff, 0x82, 3, 4]), Ok(vec![(1, 2), (3, 4)]));
    // The name of a variant without its value.
    assert!(read::<Cbor, Vec<Kept>>(b"\x82\x64Text\x61x").is_err());
}

/// The value that `ciborium` reads, if it reads all bytes.
fn by_ciborium<T: DeserializeOwned>(frame: &[u8]) -> Option<T> {
    let mut rest = frame;
    let value = ciborium::from_reader(&mut rest).ok()?;
    rest.is_empty().then_some(value)
}

fn value() -> impl Strategy<Value = ciborium::Value> {
    use ciborium::Value;
    let leaf = prop_oneof![
        any::<i64>().prop_map(|number| Value::Integer(number.into())),
        any::<f64>().prop_map(Value::Float),
        any::<f32>().prop_map(|number| Value::Float(number.into())),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
        ".{0,20}".prop_map(Value::Text),
        vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((inner.clone(), inner.clone()), 0..5).prop_map(Value::Map),
            (4..u64::MAX, inner).prop_map(|(tag, value)| Value::Tag(tag, Box::new(value))),
        ]
    })
}

proptest! {
    /// In both directions: `ciborium` reads what we write, and we read what it writes.
    #[test]
    fn cbor_is_read_as_ciborium_reads_it(value in value()) {
        let frame = written::<Cbor>(&value).expect("within the frame");
        let text = format!("{value:?}");
        prop_assert_eq!(format!("{:?}", by_ciborium::<ciborium::Value>(&frame).expect("what it has written")), text.as_str());
        prop_assert_eq!(format!("{:?}", read::<Cbor, ciborium::Value>(&frame).expect("what was written")), text.as_str());
    }

    /// The same for arbitrary bytes.
    #[test]
    fn arbitrary_bytes_are_read_as_ciborium_reads_them(frame in vec(any::<u8>(), 0..40)) {
        if let Some(value) = by_ciborium::<ciborium::Value>(&frame) {
            let read = read::<Cbor, ciborium::Value>(&frame).expect("it reads it");
            prop_assert_eq!(format!("{read:?}"), format!("{value:?}"));
        }
        macro_rules! as_well {
            ($($ty:ty)*) => {$(
                if let Some(value) = by_ciborium::<$ty>(&frame) {
                    let read = read::<Cbor, $ty>(&frame).expect("it reads it");
                    prop_assert_eq!(format!("{read:?}"), format!("{value:?}"));
                }
            )*};
        }
        as_well! { u8 i8 u64 i64 u128 i128 f32 f64 bool char String Option<u8> Vec<u8> Vec<i64> () }
    }
}

// ---- compression

/// A message that compresses a thousandfold, in a frame written without limits.
fn bomb(length: usize, compress: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    compress(format!("\"{}\"", "0".repeat(length)).as_bytes())
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, plain).unwrap();
    encoder.finish().unwrap()
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(plain, 3).unwrap()
}

#[test]
fn a_decompression_bomb_is_rejected_before_it_is_decompressed() {
    use portcullis::codec::{Concatenated, Zlib, Zstd};
    const RATIO: &str = "a frame is more than 100 times as long when it is decompressed";
    // Within the eight megabytes that a frame may hold.
    let (zlibbed, zstdded) = (bomb(4_000_000, zlib), bomb(4_000_000, zstd));
    assert_eq!(read::<Zlib<Json>, String>(&zlibbed), Err(RATIO.to_owned()));
    assert_eq!(read::<Zstd<Json>, String>(&zstdded), Err(RATIO.to_owned()));
    let mut input = BytesMut::from(&zlibbed[..]);
    let refused = Codec::<String, u8>::decode(&mut Concatenated::<Zlib<Json>>::new(), &mut input);
    assert_eq!(refused.expect_err("it ends the stream").to_string(), RATIO);
    // A higher ratio can be allowed.
    assert_eq!(read::<Zlib<Json, { 8 << 20 }, 2000>, String>(&zlibbed).map(|text| text.len()), Ok(4_000_000));
    assert_eq!(
        read::<Zstd<Json, { 8 << 20 }, 100_000>, String>(&zstdded).map(|text| text.len()),
        Ok(4_000_000)
    );
    // Small frames are not limited by their ratio.
    assert_eq!(read::<Zlib<Json>, String>(&bomb(1_000_000, zlib)).map(|text| text.len()), Ok(1_000_000));
    assert_eq!(read::<Zstd<Json>, String>(&bomb(1_000_000, zstd)).map(|text| text.len()), Ok(1_000_000));
    // A frame that could not be read is not written.
    assert_eq!(written::<Zlib<Json>>(&"0".repeat(4_000_000)), Err(RATIO.to_owned()));
    assert_eq!(written::<Zstd<Json>>(&"0".repeat(4_000_000)), Err(RATIO.to_owned()));
    assert!(written::<Zlib<Json>>(&"0".repeat(60_000)).is_ok());
}
