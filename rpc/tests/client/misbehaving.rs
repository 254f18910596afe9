//! Servers that break the protocol, and codecs that panic.

use std::time::Duration;

use bytes::BytesMut;
use futures::future::join_all;
use portcullis_codec::{DecodeError, EncodeError, Json, NewlineDelimited};
use portcullis_rpc::{CallError, ClientMessage, Failure, RpcClient, ServerMessage};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::echo::{EchoCall, EchoClient};
use crate::peer::{Codec, KINDS, codec, connect, connect_raw, in_memory, in_time};
use crate::{failed, poll_once};

/// A client in JSON, and the raw stream of its server.
fn json() -> (EchoClient, DuplexStream) {
    let (near, far) = tokio::io::duplex(1024);
    (EchoClient(RpcClient::from_stream(near, NewlineDelimited::<Json>::new())), far)
}

async fn read_line(server: &mut DuplexStream) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(in_time(server.read_u8()).await.unwrap());
    }
    String::from_utf8(line).unwrap()
}

#[tokio::test]
async fn c12_a_reply_that_cannot_be_decoded_ends_its_own_call() {
    for reply in [
        r#"[0,1,["echo",5]]"#,
        r#"[0,1,["echo"]]"#,
        r#"[0,1,["no such method","text"]]"#,
        r#"[1,1,["echo","an error, which the method does not have"]]"#,
        r#"[2,1,"not a failure"]"#,
        r#"[9,1,"an unknown kind"]"#,
    ] {
        let (client, mut server) = json();
        let (mut bad, mut good) = (client.echo("bad"), client.echo("good"));
        assert!(poll_once(&mut bad).is_pending() && poll_once(&mut good).is_pending());
        assert_eq!(read_line(&mut server).await, "[0,1,[\"echo\",0,[\"bad\"]]]\n");
        assert_eq!(read_line(&mut server).await, "[0,2,[\"echo\",0,[\"good\"]]]\n");
        server.write_all(format!("{reply}\n[0,2,[\"echo\",\"fine\"]]\n").as_bytes()).await.unwrap();
        let error = in_time(bad).await.unwrap_err();
        assert!(matches!(error, CallError::Failure(Failure::InvalidReply(_))), "{reply}: {error}");
        assert_eq!(in_time(good).await, Ok("fine".to_owned()), "{reply}");
    }
}

#[tokio::test]
async fn c12_a_message_that_names_no_call_ends_the_connection() {
    for garbage in ["{}\n", "[0,\"one\",[\"echo\",\"text\"]]\n", "\u{7f}\u{7f}\u{7f}\n", "[]\n"] {
        let (client, mut server) = json();
        let mut call = client.echo("text");
        assert!(poll_once(&mut call).is_pending());
        read_line(&mut server).await;
        server.write_all(garbage.as_bytes()).await.unwrap();
        assert_eq!(in_time(call).await, failed(Failure::Lost), "{garbage}");
        assert_eq!(in_time(client.echo("later")).await, failed(Failure::Closed), "{garbage}");
    }
}

#[tokio::test]
async fn c9_half_a_frame_and_the_end_lose_the_calls() {
    for kind in KINDS {
        let (client, mut server) = connect_raw(kind).await;
        let mut call = client.echo("text");
        assert!(poll_once(&mut call).is_pending());
        in_time(server.read_u8()).await.unwrap();
        server.write_all(&[0, 0, 0, 100, 0, 1]).await.unwrap();
        server.shutdown().await.unwrap();
        assert_eq!(in_time(call).await, failed(Failure::Lost), "{kind:?}");
        assert_eq!(in_time(client.echo("later")).await, failed(Failure::Closed), "{kind:?}");
    }
}

#[tokio::test]
async fn c10_replies_to_unknown_calls_are_ignored() {
    for kind in KINDS {
        let (client, mut peer) = connect(kind).await;
        let mut call = client.echo("one");
        assert!(poll_once(&mut call).is_pending());
        let (id, _) = peer.next_echo().await;
        for unknown in [0, id + 1, id + 16, id + 1024, u64::MAX] {
            peer.reply(unknown, "unknown").await;
        }
        peer.reply(id, "first").await;
        peer.reply(id, "second").await;
        assert_eq!(in_time(call).await, Ok("first".to_owned()));
        peer.reply(id, "third").await;
        let mut call = client.echo("two");
        assert!(poll_once(&mut call).is_pending());
        peer.reply(id, "fourth").await;
        let (id, _) = peer.next_echo().await;
        peer.reply(id, "fifth").await;
        assert_eq!(in_time(call).await, Ok("fifth".to_owned()), "{kind:?}");
    }
}

#[tokio::test]
async fn c13_a_server_that_does_not_read_delays_no_deadline() {
    for kind in KINDS {
        let (client, mut peer) = connect(kind).await;
        // More than the buffers of a socket.
        let large = "x".repeat(500 * 1024);
        let mut sent: Vec<_> = (0..20).map(|_| client.echo(large.clone())).collect();
        assert!(sent.iter_mut().all(|call| poll_once(call).is_pending()));
        for _ in 0..100 {
            let calls = join_all((0..10).map(|_| client.echo("text").deadline(Duration::from_millis(1))));
            assert!(
                in_time(calls).await.iter().all(|result| *result == failed(Failure::Deadline)),
                "{kind:?}"
            );
        }
        let reading = async {
            for _ in 0..20 {
                let (id, text) = peer.next_echo().await;
                assert!(text == large, "{} bytes", text.len());
                peer.reply(id, "read").await;
            }
        };
        let (results, ()) = in_time(async { tokio::join!(join_all(sent), reading) }).await;
        assert!(results.iter().all(|result| *result == Ok("read".to_owned())), "{kind:?}");
        assert_eq!(
            in_time(async { tokio::join!(client.echo("next"), peer.serve_one("next")) }).await.0,
            Ok("next".to_owned())
        );
    }
}

#[tokio::test]
async fn c14_a_client_of_a_server_that_does_not_read_can_be_dropped() {
    let (client, mut peer) = in_memory(64);
    let mut call = client.echo("x".repeat(1000));
    assert!(poll_once(&mut call).is_pending());
    tokio::task::yield_now().await;
    drop((client, call));
    // The task of the connection drops its stream, so the frame ends in the middle.
    assert!(in_time(peer.try_next()).await.is_err());
}

/// Panics when it encodes the text "encode" and when it decodes a reply to "decode".
#[derive(Clone)]
struct Panics {
    codec: Codec,
    decodes: bool,
}

impl portcullis_codec::Codec<ServerMessage<EchoCall>, ClientMessage<EchoCall>> for Panics {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<ServerMessage<EchoCall>>, DecodeError> {
        assert!(input.is_empty() || !self.decodes, "as asked");
        <Codec as portcullis_codec::Codec<_, ClientMessage<EchoCall>>>::decode(&mut self.codec, input)
    }

    fn encode(&mut self, message: ClientMessage<EchoCall>, output: &mut BytesMut) -> Result<(), EncodeError> {
        if let ClientMessage::Call { call: EchoCall::Echo { text }, .. } = &message {
            assert!(text != "encode", "as asked");
            self.decodes = text == "decode";
        }
        <Codec as portcullis_codec::Codec<ServerMessage<EchoCall>, _>>::encode(
            &mut self.codec,
            message,
            output,
        )
    }
}

#[tokio::test]
async fn c12_a_codec_that_panics_closes_the_client() {
    for text in ["encode", "decode"] {
        let (near, far) = tokio::io::duplex(1024);
        let client = EchoClient(RpcClient::from_stream(near, Panics { codec: codec(), decodes: false }));
        let served = tokio::spawn(crate::peer::Peer::new(far).serve());
        assert_eq!(in_time(client.echo("fine")).await, Ok("fine".to_owned()));
        assert_eq!(in_time(client.echo(text)).await, failed(Failure::Lost), "{text}");
        in_time(client.0.closed()).await;
        assert_eq!(in_time(client.echo("later")).await, failed(Failure::Closed), "{text}");
        in_time(served).await.unwrap();
    }
}
