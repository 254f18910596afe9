//! Input in pieces, floods, garbage, and EOF inside a frame (S3, S7, S9).

use std::collections::VecDeque;
use std::io;

use bytes::{BufMut, BytesMut};
use portcullis::codec::{Json, JsonLines, LengthPrefixed, Postcard};
use tokio::task::JoinSet;
use tokio_util::codec::{Decoder, Encoder};

use super::*;

on_loops! {
    async fn s7_ten_thousand_pipelined_requests_are_answered_in_order() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, Lines::new().max_length(1 << 20)).await;
        let (mut reads, mut writes) = server.connect().await.into_split();
        let text: String = (0..10_000).map(|n| format!("{n}\n")).collect();
        let bytes = text.clone();
        let writing = tokio::spawn(async move { writes.write_all(bytes.as_bytes()).await.map(|()| writes) });
        let mut back = vec![0; text.len()];
        reads.read_exact(&mut back).await.unwrap();
        assert!(back == text.as_bytes());
        drop(writing.await.unwrap().unwrap());
        assert_eq!(service.end(1).await, Reason::PeerClosed);
        assert!(server.stop().await.is_clean());
    }

    async fn a_pipelining_client_does_not_monopolise_the_loop() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, Lines::new().max_length(1 << 20)).await;
        let ticking = service.clone();
        let ticker = tokio::spawn(async move {
            loop {
                ticking.ticks.fetch_add(1, SeqCst);
                yield_now().await;
            }
        });
        let mut stream = server.connect().await;
        let bytes = b"tick\n".repeat(10_000);
        let (mut reads, mut writes) = stream.split();
        let mut back = vec![0; bytes.len()];
        let (wrote, read) = tokio::join!(writes.write_all(&bytes), reads.read_exact(&mut back));
        wrote.unwrap();
        read.unwrap();
        ticker.abort();
        // With several threads the ticker has its own, unless the machine has only one.
        if tokio::runtime::Handle::current().metrics().num_workers() == 1 {
            assert!(service.most.load(SeqCst) <= 256, "{} requests in one turn", service.most.load(SeqCst));
        }
        drop(stream);
        server.stop().await;
    }

    async fn s9_frames_are_assembled_from_single_bytes() {
        let service = Arc::new(TestService::default());
        let codecs: (_, _, _, _) =
            (Lines::new(), JsonLines::new(), LengthPrefixed::<Json>::new(), LengthPrefixed::<Postcard>::new());
        async fn drip<C: Codec<String, String>>(service: &Arc<TestService>, mut codec: C) {
            let server = serve(service, codec.clone()).await;
            let mut bytes = BytesMut::new();
            for text in ["a", "", "two words", &"x".repeat(300)] {
                codec.encode(text.to_owned(), &mut bytes).unwrap();
            }
            let mut stream = server.connect().await;
            for byte in &bytes[..] {
                stream.write_all(&[*byte]).await.unwrap();
                yield_now().await;
            }
            let mut back = vec![0; bytes.len()];
            for byte in back.chunks_mut(1) {
                stream.read_exact(byte).await.unwrap();
            }
            assert_eq!(back, bytes[..]);
            server.stop().await;
        }
        drip(&service, codecs.0).await;
        drip(&service, codecs.1).await;
        drip(&service, codecs.2).await;
        drip(&service, codecs.3).await;
    }

    async fn s9_an_oversized_frame_is_skipped_to_its_last_byte_however_it_is_split() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, LengthPrefixed::<Json>::new().max_frame(64)).await;
        // The rejected frame contains bytes that look like a frame.
        let inner = [&8u32.to_be_bytes()[..], br#""inside""#].concat();
        let refused = [&(inner.len() as u32 * 20).to_be_bytes()[..], &inner.repeat(20)].concat();
        let good = [&6u32.to_be_bytes()[..], br#""good""#].concat();
        let bytes = [refused, good.clone()].concat();
        let mut stream = server.connect().await;
        for cut in [1, 3, 4, 5, 70, bytes.len() - 1, bytes.len() - good.len()] {
            for part in [&bytes[..cut], &bytes[cut..]] {
                stream.write_all(part).await.unwrap();
                yield_now().await;
            }
            for answer in [r#""what?""#, r#""good""#] {
                let mut back = vec![0; 4 + answer.len()];
                stream.read_exact(&mut back).await.unwrap();
                assert_eq!(&back[4..], answer.as_bytes(), "cut at {cut}");
            }
        }
        drop(stream);
        server.stop().await;
    }

    async fn s3_garbage_ends_at_most_its_own_session() {
        async fn throw<C: Codec<String, String>>(codec: C) {
            let service = Arc::new(TestService::default());
            let server = serve(&service, codec).await;
            let mut seed = 1u64;
            let mut garbage: Vec<Vec<u8>> = (0..20).map(|_| (0..5000).map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 56) as u8
            }).collect()).collect();
            garbage.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()); // TLS, the beginning of a ClientHello
            garbage.push(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec());
            garbage.push(vec![0; 10_000]);
            garbage.push(vec![0xff; 10_000]);
            garbage.push(b"\n".repeat(10_000));
            let count = garbage.len();
            let mut throwing = JoinSet::new();
            for bytes in garbage {
                let (mut reads, mut writes) = server.connect().await.into_split();
                throwing.spawn(async move {
                    // Reads meanwhile, because a client that does not read would be blocked.
                    let write = async { let _ = writes.write_all(&bytes).await; let _ = writes.shutdown().await; };
                    let mut back = Vec::new();
                    let (_, ()) = tokio::join!(reads.read_to_end(&mut back), write);
                });
            }
            timeout(LIMIT, throwing.join_all()).await.expect("in time");
            service.end(count).await;
            assert!(service.ended().iter().all(|end| matches!(end, Reason::PeerClosed | Reason::Decode(_))), "{:?}", service.ended());
            assert!(server.stop().await.is_clean());
        }
        throw(Lines::new()).await;
        throw(JsonLines::new()).await;
        throw(LengthPrefixed::<Json>::new()).await;
        throw(LengthPrefixed::<Postcard>::new()).await;
    }

    async fn an_eof_inside_a_frame_is_an_error() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, LengthPrefixed::<Json>::new()).await;
        let mut stream = server.connect().await;
        stream.write_all(b"\0\0\0\x09\"half").await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(read_remaining(&mut stream).await, b"\0\0\0\x07\"what?\"");
        let end = service.end(1).await;
        assert!(matches!(&end, Reason::Decode(text) if text.contains("ended inside a frame")), "{end}");
        server.stop().await;
    }

    async fn a_codec_may_decode_several_messages_from_one_read() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, Pairs::default()).await;
        let mut stream = server.connect().await;
        stream.write_all(b"abcdef").await.unwrap();
        let mut back = [0; 6];
        timeout(LIMIT, stream.read_exact(&mut back)).await.expect("nothing is left in the codec").unwrap();
        assert_eq!(&back, b"abcdef");
        drop(stream);
        server.stop().await;
    }
}

/// Takes all bytes that are there, and returns them one by one.
#[derive(Clone, Default)]
struct Pairs(VecDeque<u8>);

impl Decoder for Pairs {
    type Item = String;
    type Error = io::Error;

    fn decode(&mut self, input: &mut BytesMut) -> io::Result<Option<String>> {
        self.0.extend(input.split());
        Ok(self.0.pop_front().map(|byte| char::from(byte).to_string()))
    }
}

impl Encoder<String> for Pairs {
    type Error = io::Error;

    fn encode(&mut self, text: String, output: &mut BytesMut) -> io::Result<()> {
        output.put_slice(text.as_bytes());
        Ok(())
    }
}
