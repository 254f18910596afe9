//! S3: a frame of a few bytes costs a few bytes of memory, whatever length it announces.
//!
//! This file has one test, because the allocation count is that of the whole process.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use bytes::BytesMut;
use cap::Cap;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use portcullis::codec::{Cbor, Codec, Concatenated, Delimited, LengthPrefixed, MessagePack, Zlib, Zstd};
use portcullis::{Json, Lines, Postcard};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Tree {
    Leaf(u64),
    Node(Vec<Tree>),
}

#[derive(Debug, Serialize, Deserialize)]
struct Branches(Vec<Branches>);

/// The same for every codec: far below the announced sizes, and above what the decompressors need.
const BUDGET: usize = 2 * 1024 * 1024;

fn refuses<In, C: Codec<In, u8>>(what: &str, mut codec: C, bytes: &[u8]) {
    let mut input = BytesMut::from(bytes);
    let before = HEAP.allocated();
    let mut refused = false;
    for _ in 0..4 {
        match codec.decode_eof(&mut input) {
            Ok(Some(_)) => panic!("{what} is no message"),
            Ok(None) => break,
            Err(error) => {
                refused = true;
                if !error.is_recoverable() {
                    break;
                }
            }
        }
    }
    assert!(refused, "{what} is an error");
    let most = HEAP.max_allocated().saturating_sub(before);
    assert!(most < BUDGET, "{what} made us allocate {most} bytes");
}

fn prefixed(frame: &[u8]) -> Vec<u8> {
    [&(frame.len() as u32).to_be_bytes(), frame].concat()
}

fn announcements<In: DeserializeOwned>(what: &str) {
    // An array, a map, bytes and text of 2^32 - 1 items, alone and nested.
    for kind in [0xddu8, 0xdf, 0xc6, 0xdb, 0xc9] {
        let once = [kind, 0xff, 0xff, 0xff, 0xff];
        for times in [1, 20, 100] {
            let frame = once.repeat(times);
            refuses::<In, _>(what, LengthPrefixed::<MessagePack>::new(), &prefixed(&frame));
            refuses::<In, _>(what, Concatenated::<MessagePack>::new(), &frame);
        }
    }
    for kind in [0x9au8, 0xba, 0x5a, 0x7a] {
        let once = [kind, 0xff, 0xff, 0xff, 0xff];
        for times in [1, 20, 100] {
            let frame = once.repeat(times);
            refuses::<In, _>(what, LengthPrefixed::<Cbor>::new(), &prefixed(&frame));
            refuses::<In, _>(what, Concatenated::<Cbor>::new(), &frame);
        }
    }
    refuses::<In, _>(what, Concatenated::<Cbor>::new(), &[0x9f; 1 << 20]);
    refuses::<In, _>(what, LengthPrefixed::<Postcard>::new(), &[0x7f, 0xff, 0xff, 0xff, 1]);
}

#[test]
fn s3_announced_lengths_allocate_nothing() {
    announcements::<Vec<u64>>("a list");
    announcements::<Vec<Vec<[u64; 32]>>>("a list of lists");
    announcements::<HashMap<String, BTreeMap<u32, Vec<u64>>>>("a map");
    announcements::<String>("text");
    announcements::<Tree>("a tree");
    announcements::<Branches>("a tree of lists");
    announcements::<IgnoredAny>("anything");

    // Postcard: a list of 2^56 items, nested.
    let frame = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f].repeat(120);
    refuses::<Branches, _>("a tree of lists", LengthPrefixed::<Postcard>::new(), &prefixed(&frame));
    refuses::<Vec<Vec<u64>>, _>("a list of lists", LengthPrefixed::<Postcard>::new(), &prefixed(&frame));

    // Bytes of a frame over the limit are not kept.
    let mut lines = Lines::new().max_length(1024);
    let mut words = Delimited::new(b"--").max_length(1024);
    let mut json = Concatenated::<Json>::new().max_frame(1024);
    for codec in [&mut lines as &mut dyn Decode, &mut words, &mut json] {
        let mut input = BytesMut::new();
        for _ in 0..10_000 {
            input.extend_from_slice(&[b'['; 1024]);
            codec.decode_and_forget(&mut input);
            assert!(input.len() <= 2048, "{} bytes are kept of a frame over the limit", input.len());
        }
    }

    // A thousand times the limit, and one byte over the limit.
    for size in [64 * 1024 + 1, 64 * 1024 * 1024] {
        let before = HEAP.allocated();
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        let mut zstd = zstd::Encoder::new(Vec::new(), 1).expect("a level");
        for _ in 0..size / 1024 {
            encoder.write_all(&[b'['; 1024]).expect("a Vec");
            zstd.write_all(&[b'['; 1024]).expect("a Vec");
        }
        encoder.write_all(b"[").expect("a Vec");
        zstd.write_all(b"[").expect("a Vec");
        let (zlib, zstd) = (encoder.finish().expect("a Vec"), zstd.finish().expect("a Vec"));
        assert!(HEAP.max_allocated() - before < BUDGET, "else the measure is the test's own");
        refuses::<IgnoredAny, _>("a bomb", LengthPrefixed::<Zlib<Json, 65536>>::new(), &prefixed(&zlib));
        refuses::<IgnoredAny, _>("a bomb", Concatenated::<Zlib<Json, 65536>>::new(), &zlib);
        refuses::<IgnoredAny, _>("a bomb", LengthPrefixed::<Zstd<Json, 65536>>::new(), &prefixed(&zstd));
    }
    // zstd: a frame that needs a window of 128 MiB, and a block that repeats one byte.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x43, 0x1f, 0x00, b'x'];
    refuses::<IgnoredAny, _>("a wide window", LengthPrefixed::<Zstd<Json, 65536>>::new(), &prefixed(&frame));
}

/// [`Codec::decode`] for tests of memory, which ignore the message.
trait Decode {
    fn decode_and_forget(&mut self, input: &mut BytesMut);
}

impl Decode for Lines {
    fn decode_and_forget(&mut self, input: &mut BytesMut) {
        let _ = Codec::<String, String>::decode(self, input);
    }
}

impl Decode for Delimited {
    fn decode_and_forget(&mut self, input: &mut BytesMut) {
        let _ = Codec::<Vec<u8>, Vec<u8>>::decode(self, input);
    }
}

impl Decode for Concatenated<Json> {
    fn decode_and_forget(&mut self, input: &mut BytesMut) {
        let _ = Codec::<IgnoredAny, u8>::decode(self, input);
    }
}
