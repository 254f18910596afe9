//! The exact bytes that codecs write, bytes from other implementations, and limits of nesting.

#![forbid(unsafe_code)]

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use portcullis::codec::{
    Base64, Cbor, Codec, Concatenated, Crc32, Delimited, FixedSize, Format, HmacKey, HmacSha256,
    LengthPrefixed, MessagePack, NewlineDelimited, SelfDelimiting, Sha256, Zlib, Zstd,
};
use portcullis::prelude::*;
use portcullis::{Client, Postcard};
use portcullis_tests::{LIMIT, on_loops};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tokio_util::codec::{AnyDelimiterCodec, BytesCodec, LengthDelimitedCodec, LinesCodec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair {
    n: u32,
    s: String,
}

fn pair() -> Pair {
    Pair { n: 1, s: "x".to_owned() }
}

/// A key of 32 bytes, the size that EasyNetwork's `generate_key` uses.
enum Secret {}

impl HmacKey for Secret {
    fn key() -> &'static [u8] {
        const {
            &{
                let mut key = [0; 32];
                let mut at = 0;
                while at < 32 {
                    key[at] = at as u8;
                    at += 1;
                }
                key
            }
        }
    }
}

fn is_written<M, C>(mut codec: C, message: M, bytes: &[u8])
where
    M: Clone + Debug + PartialEq,
    C: Codec<M, M>,
{
    let mut buffer = BytesMut::new();
    codec.encode(message.clone(), &mut buffer).expect("can be written");
    assert_eq!(buffer, bytes);
    assert_eq!(codec.decode(&mut buffer).expect("can be read"), Some(message));
    assert!(buffer.is_empty());
}

fn read<M, C: Codec<M, u8>>(mut codec: C, bytes: &[u8]) -> Vec<Result<M, bool>> {
    let mut input = BytesMut::from(bytes);
    let mut out = Vec::new();
    while let Some(next) = codec.decode_eof(&mut input).transpose() {
        out.push(next.map_err(|error| error.is_recoverable()));
        if let Some(Err(false)) = out.last() {
            break;
        }
    }
    out
}

// The bytes in the tests `…_is_what_easynetwork_writes` were written by the serializers of
// EasyNetwork 1.2.0. `easynetwork_clients` tests that both sides interoperate.

#[test]
fn json_is_what_easynetwork_writes() {
    is_written(JsonLines::new(), pair(), b"{\"n\":1,\"s\":\"x\"}\n");
    // `use_lines=False`: objects, arrays and strings have no separator after them, other documents
    // a newline.
    let bytes = b"{\"n\":1,\"s\":\"x}\\\"\"}[1,[2]]\"a\\\"\"12\n3\nnull\ntrue\n";
    let read = read::<Shape, _>(Concatenated::<Json>::new(), bytes);
    let text = |text: &str| Ok(Shape::Text(text.to_owned()));
    let expected = [
        Ok(Shape::Pair { n: 1, s: "x}\"".to_owned() }),
        Ok(Shape::Lists(1, vec![2])),
        text("a\""),
        Ok(Shape::Number(12)),
        Ok(Shape::Number(3)),
        Ok(Shape::Null(())),
        Ok(Shape::Flag(true)),
    ];
    assert_eq!(read, expected);
}

#[test]
fn json_documents_may_be_separated_by_any_whitespace() {
    let read = read::<u8, _>(Concatenated::<Json>::new(), b" 1\r\n 2\t3");
    assert_eq!(read, [Ok(1), Ok(2), Ok(3)]);
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Shape {
    Pair { n: u32, s: String },
    Lists(u8, Vec<u8>),
    Text(String),
    Number(u64),
    Flag(bool),
    Null(()),
}

#[test]
fn msgpack_is_what_easynetwork_writes() {
    is_written(Concatenated::<MessagePack>::new(), pair(), b"\x82\xa1n\x01\xa1s\xa1x");
}

#[test]
fn cbor_is_what_easynetwork_writes() {
    is_written(Concatenated::<Cbor>::new(), pair(), b"\xa2\x61n\x01\x61s\x61x");
}

#[test]
fn base64_with_a_checksum_is_what_easynetwork_writes() {
    type Lines<F> = NewlineDelimited<Base64<F>>;
    is_written(Lines::<Json>::new().crlf(), pair(), b"eyJuIjoxLCJzIjoieCJ9\r\n");
    let sum = b"eyJuIjoxLCJzIjoieCJ9CKC5t1yBVDMJGf9e19NeDH6Sfv7ymjYkzqf7TOeCymY=\r\n";
    is_written(Lines::<Sha256<Json>>::new().crlf(), pair(), sum);
    let signed = b"eyJuIjoxLCJzIjoieCJ9Zeov1pAAWMogLajYWhySRbU7MLnR2p02nJRjK-1KHKo=\r\n";
    is_written(Lines::<HmacSha256<Json, Secret>>::new().crlf(), pair(), signed);
    // The sum is not the signature.
    assert_eq!(read::<Pair, _>(Lines::<HmacSha256<Json, Secret>>::new(), sum), [Err(true)]);
}

#[test]
fn a_crc_follows_its_frame_and_detects_damage() {
    let bytes = b"\0\0\0\x13{\"n\":1,\"s\":\"x\"}\x14\xa6\x65\x1b";
    is_written(LengthPrefixed::<Crc32<Json>>::new(), pair(), bytes);
    let mut damaged = bytes.to_vec();
    damaged[9] = b'2';
    damaged.extend(bytes);
    damaged.extend(b"\0\0\0\x02xx");
    let read = read::<Pair, _>(LengthPrefixed::<Crc32<Json>>::new(), &damaged);
    assert_eq!(read, [Err(true), Ok(pair()), Err(true)]);
}

#[test]
fn every_form_of_cbor_is_read() {
    // Definite and indefinite lengths, nested, with a tag; some are examples of RFC 8949.
    let forms: &[&[u8]] = &[
        b"\x9f\xff",
        b"\x9f\x01\x82\x02\x03\x9f\x04\x05\xff\xff",
        b"\x83\x01\x82\x02\x03\x9f\x04\x05\xff",
        b"\xbf\x61a\x01\x61b\x9f\x02\x03\xff\xff",
        b"\x82\x61a\xbf\x61b\x61c\xff",
        b"\x7f\x65strea\x64ming\xff",
        b"\x5f\x42\x01\x02\x43\x03\x04\x05\xff",
        b"\xc1\x1a\x51\x4b\x67\xb0",
        b"\x9f\xc1\x1a\x51\x4b\x67\xb0\xff",
        b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a",
        b"\xf9\x3c\x00",
        b"\xf6",
        b"\x80",
        b"\x40",
    ];
    let bytes = forms.concat();
    for step in [1, 2, 3, 5, bytes.len()] {
        let mut codec = Concatenated::<Cbor>::new();
        let (mut input, mut count) = (BytesMut::new(), 0);
        for piece in bytes.chunks(step) {
            input.extend_from_slice(piece);
            while let Some(IgnoredAny) = Codec::<_, u8>::decode(&mut codec, &mut input).expect("CBOR") {
                count += 1;
            }
        }
        assert_eq!((count, input.len()), (forms.len(), 0), "in pieces of {step}");
    }
}

#[test]
fn an_invalid_frame_ends_a_stream_without_lengths() {
    for bytes in [b"\x01\xc1\x01\x01".as_slice(), b"\x01\xc1\xc1\xc1\xc1\xc1\xc1\xc1"] {
        assert_eq!(read::<u8, _>(Concatenated::<MessagePack>::new(), bytes), [Ok(1), Err(false)]);
    }
    for bytes in [b"\x01\x1c\x01".as_slice(), b"\x01\xff\x01", b"\x01\x9f\xc1\xff\xff\x01"] {
        assert_eq!(read::<u8, _>(Concatenated::<Cbor>::new(), bytes), [Ok(1), Err(false)]);
    }
    // The stream stays ended.
    let mut codec = Concatenated::<MessagePack>::new();
    for bytes in [b"\xc1".as_slice(), b"\x01", b"\x01"] {
        let error = Codec::<u8, u8>::decode(&mut codec, &mut BytesMut::from(bytes)).expect_err("no frame");
        assert!(!error.is_recoverable());
    }
}

#[test]
fn a_valid_value_of_another_type_does_not_end_the_stream() {
    let bytes = b"\x01\xa1x\x93\x01\x02\x03\x02";
    assert_eq!(
        read::<u8, _>(Concatenated::<MessagePack>::new(), bytes),
        [Ok(1), Err(true), Err(true), Ok(2)]
    );
    let bytes = b"1 \"x\" [1,{\"]\":2}] 2 ";
    assert_eq!(read::<u8, _>(Concatenated::<Json>::new(), bytes), [Ok(1), Err(true), Err(true), Ok(2)]);
}

#[test]
fn trailing_bytes_in_a_frame_are_an_error() {
    fn one_more<F: Format>() {
        let mut bytes = BytesMut::new();
        let mut codec = LengthPrefixed::<F>::new();
        Codec::<u8, u8>::encode(&mut codec, 7, &mut bytes).expect("can be written");
        assert_eq!(read::<u8, _>(LengthPrefixed::<F>::new(), &bytes), [Ok(7)]);
        bytes[3] += 1;
        bytes.extend_from_slice(b"\x07");
        assert_eq!(
            read::<u8, _>(LengthPrefixed::<F>::new(), &bytes),
            [Err(true)],
            "{}",
            std::any::type_name::<F>()
        );
    }
    one_more::<Json>();
    one_more::<Postcard>();
    one_more::<MessagePack>();
    one_more::<Cbor>();
    one_more::<Zlib<Json>>();
    one_more::<Zstd<Json>>();
    one_more::<Crc32<Json>>();
    one_more::<Sha256<Json>>();
    one_more::<Base64<Json>>();
}

#[test]
fn a_decompressed_frame_has_its_own_limit_in_both_directions() {
    fn limited<F: Format, G: Format>() {
        let message = "[".repeat(2000);
        let mut bytes = BytesMut::new();
        let mut large = LengthPrefixed::<F>::new();
        Codec::<String, &str>::encode(&mut large, &message, &mut bytes).expect("can be written");
        assert!(bytes.len() < 200, "it compresses: {}", bytes.len());
        assert_eq!(read::<String, _>(large, &bytes), [Ok(message.clone())]);
        assert_eq!(read::<String, _>(LengthPrefixed::<G>::new(), &bytes), [Err(true)]);
        let mut small = LengthPrefixed::<G>::new();
        let error =
            Codec::<String, &str>::encode(&mut small, &message, &mut bytes).expect_err("over the limit");
        assert!(error.to_string().contains("1000 bytes"), "{error}");
    }
    limited::<Zlib<Json>, Zlib<Json, 1000>>();
    // Exactly the limit: 2000 characters and their quotes.
    limited::<Zlib<Json, 2002>, Zlib<Json, 1000>>();
    limited::<Zstd<Json>, Zstd<Json, 1000>>();
    limited::<Zstd<Json, 2002>, Zstd<Json, 1000>>();
}

#[derive(Debug, Serialize, Deserialize)]
enum Chain {
    End,
    Link(Box<Chain>),
}

#[derive(Debug, Serialize, Deserialize)]
struct Nest(Vec<Nest>);

#[derive(Debug, Serialize, Deserialize)]
struct Maybe(Option<Box<Maybe>>);

/// On the default stack size of threads of tokio and std.
#[test]
fn s3_endlessly_nested_frames_are_an_error_not_a_stack_overflow() {
    fn nested<F: Format>(frames: &[&[u8]]) {
        for frame in frames {
            let frame = frame.repeat((1 << 20) / frame.len());
            let framed = [&(frame.len() as u32).to_be_bytes(), &frame[..]].concat();
            refused::<F, Chain>(&framed);
            refused::<F, Nest>(&framed);
            // JSON would match the first bracket endlessly; no peer can have written a value of
            // this type.
            if std::any::TypeId::of::<F>() != std::any::TypeId::of::<Json>() {
                refused::<F, Maybe>(&framed);
            }
            refused::<F, IgnoredAny>(&framed);
        }
    }
    fn refused<F: Format, M: DeserializeOwned + Debug>(framed: &[u8]) {
        let read = read::<M, _>(LengthPrefixed::<F>::new(), framed);
        assert!(matches!(read[..], [Err(true)]), "{}", std::any::type_name::<(F, M)>());
    }
    fn streamed<F: SelfDelimiting>(frames: &[&[u8]]) {
        for frame in frames {
            let frame = frame.repeat((1 << 20) / frame.len());
            let read = read::<Nest, _>(Concatenated::<F>::new(), &frame);
            assert!(matches!(read[..], [.., Err(false)]), "{read:?}");
        }
    }
    let bombs = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(|| {
        nested::<Json>(&[b"[", b"{\"Link\":", b"{\"\":"]);
        nested::<MessagePack>(&[b"\x91", b"\x81\xa4Link", b"\x81\x91", b"\xdd\xff\xff\xff\xff"]);
        nested::<Cbor>(&[b"\x81", b"\x9f", b"\xc1", b"\xa1\x64Link", b"\xbf\x64Link", b"\xd8\x20", b"\x5f"]);
        nested::<Postcard>(&[b"\x01"]);
        streamed::<Json>(&[b"["]);
        streamed::<MessagePack>(&[b"\x91"]);
        streamed::<Cbor>(&[b"\x81", b"\x9f", b"\xc1"]);
    });
    assert!(bombs.expect("a thread").join().is_ok());
}

#[test]
fn messages_of_a_reasonable_depth_are_read() {
    fn round<F: Format>() {
        let mut nest = Nest(Vec::new());
        for _ in 0..50 {
            nest = Nest(vec![nest]);
        }
        let mut bytes = BytesMut::new();
        let mut codec = LengthPrefixed::<F>::new();
        Codec::<Nest, &Nest>::encode(&mut codec, &nest, &mut bytes).expect("can be written");
        assert!(matches!(read::<Nest, _>(codec, &bytes)[..], [Ok(_)]), "{}", std::any::type_name::<F>());
    }
    round::<Json>();
    round::<Postcard>();
    round::<MessagePack>();
    round::<Cbor>();
}

#[test]
fn a_delimiter_may_be_any_bytes_but_not_empty() {
    is_written(Delimited::new([0]), b"a\nb".to_vec(), b"a\nb\0");
    is_written(Delimited::new("END"), Bytes::from_static(b"ENEN"), b"ENENEND");
    let read = read_raw(Delimited::new("END"), b"aENDENDENENDbEN");
    assert_eq!(read, [Ok(b"a".to_vec()), Ok(vec![]), Ok(b"EN".to_vec()), Err(false)]);
    assert!(std::panic::catch_unwind(|| Delimited::new("")).is_err());
    for message in ["xENDx", "END", "xEND"] {
        let encoded = Codec::<Vec<u8>, _>::encode(&mut Delimited::new("END"), message, &mut BytesMut::new());
        assert!(encoded.is_err(), "{message}");
    }
    // Followed by its delimiter, this message would end one byte earlier.
    assert!(Codec::<Vec<u8>, _>::encode(&mut Delimited::new("aa"), "xa", &mut BytesMut::new()).is_err());
}

fn read_raw(mut codec: Delimited, bytes: &[u8]) -> Vec<Result<Vec<u8>, bool>> {
    let mut input = BytesMut::from(bytes);
    let mut out = Vec::new();
    while let Some(next) = Codec::<Vec<u8>, Vec<u8>>::decode_eof(&mut codec, &mut input).transpose() {
        out.push(next.map_err(|error| error.is_recoverable()));
        if let Some(Err(false)) = out.last() {
            break;
        }
    }
    out
}

#[test]
fn a_fixed_size_stream_continues_after_an_invalid_message() {
    #[derive(Debug, PartialEq)]
    struct Even(u16);

    impl TryFrom<[u8; 2]> for Even {
        type Error = std::io::Error;

        fn try_from(bytes: [u8; 2]) -> Result<Self, Self::Error> {
            match u16::from_be_bytes(bytes) {
                n if n % 2 == 0 => Ok(Self(n)),
                _ => Err(std::io::Error::other("odd")),
            }
        }
    }

    let mut codec = FixedSize::<2>::new();
    let mut input = BytesMut::from(&b"\0\x02\0\x03\0\x04\0"[..]);
    let mut next =
        || Codec::<Even, [u8; 2]>::decode_eof(&mut codec, &mut input).map_err(|error| error.is_recoverable());
    assert_eq!(
        [next(), next(), next(), next()],
        [Ok(Some(Even(2))), Err(true), Ok(Some(Even(4))), Err(false)]
    );
}

#[test]
fn codecs_of_tokio_util_are_codecs() {
    fn round<M: Clone + Debug + PartialEq, In: AsRef<[u8]>>(
        mut codec: impl Codec<In, M>,
        message: M,
        text: &[u8],
    ) {
        let mut buffer = BytesMut::new();
        codec.encode(message, &mut buffer).expect("can be written");
        let read = codec.decode(&mut buffer).expect("can be read").expect("all of it");
        assert_eq!(read.as_ref(), text);
    }
    let text = Bytes::from_static(b"text");
    round(BytesCodec::new(), text.clone(), b"text");
    round(LengthDelimitedCodec::new(), text.clone(), b"text");
    round(LinesCodec::new(), "text".to_owned(), b"text");
    round(AnyDelimiterCodec::new(b";".to_vec(), b";".to_vec()), "text", b"text");
}

struct Adder;

#[service]
impl Adder {
    #[request]
    async fn add(&self, numbers: Vec<u32>) -> u32 {
        numbers.iter().sum()
    }

    #[on(error)]
    async fn failed(&self, _: SessionError) -> ControlFlow<Reason, u32> {
        ControlFlow::Continue(0)
    }
}

on_loops! {
    async fn s3_a_bad_frame_is_answered_and_the_session_continues() {
        async fn talk<C>(codec: C)
        where
            C: Codec<Vec<u32>, u32> + Codec<u32, Vec<u32>> + Codec<u32, String>,
        {
            let server = Server::new(Adder).codec(codec.clone()).bind("127.0.0.1:0").expect("a port");
            let server = server.spawn().await.expect("a server");
            let io = tokio::net::TcpStream::connect(server.local_addr()).await.expect("a connection");
            let mut client = Client::<Either, u32, _>::from_stream(io, OneOf(codec));
            for (request, answer) in [
                (Either::Numbers(vec![1, 2]), 3),
                (Either::Text("text".to_owned()), 0),
                (Either::Numbers((0..2000).collect()), 1_999_000),
            ] {
                let answered = timeout(LIMIT, client.call(request)).await.expect("in time");
                assert_eq!(answered.expect("an answer"), answer);
            }
            server.stop().await.expect("stopped");
        }
        talk(LengthPrefixed::<Zlib<MessagePack>>::new()).await;
        talk(LengthPrefixed::<Crc32<Cbor>>::new()).await;
        talk(Concatenated::<MessagePack>::new()).await;
        talk(Concatenated::<Json>::new()).await;
        talk(NewlineDelimited::<Base64<Sha256<Json>>>::new().crlf()).await;
    }
}

/// A message that the service expects, or another one.
enum Either {
    Numbers(Vec<u32>),
    Text(String),
}

#[derive(Clone)]
struct OneOf<C>(C);

impl<C: Codec<u32, Vec<u32>> + Codec<u32, String>> Codec<u32, Either> for OneOf<C> {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<u32>, portcullis::codec::DecodeError> {
        Codec::<u32, String>::decode(&mut self.0, input)
    }

    fn encode(
        &mut self,
        message: Either,
        output: &mut BytesMut,
    ) -> Result<(), portcullis::codec::EncodeError> {
        match message {
            Either::Numbers(numbers) => self.0.encode(numbers, output),
            Either::Text(text) => self.0.encode(text, output),
        }
    }
}
