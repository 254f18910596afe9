//! The example `resp`: its codec, and redis-cli, redis-benchmark and redis-py as its clients.

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use portcullis::codec::DecodeError;
use portcullis::{Codec, Server, ServerThread};
use portcullis_tests::LIMIT;
use portcullis_tests::foreign::{is_installed, python_with, run};
use portcullis_tests::streams::TempDir;

#[path = "../../../examples/resp/channels.rs"]
mod channels;
#[path = "../../../examples/resp/service.rs"]
mod service;
#[path = "../../../examples/resp/store.rs"]
mod store;
#[path = "../../../examples/resp/wire.rs"]
mod wire;

use self::service::Redis;
use self::wire::{Command, Reply, Resp};

fn serve(dir: &TempDir) -> ServerThread {
    let redis = Redis::open(dir.join("dump.resp")).unwrap();
    Server::new(redis).codec(Resp).bind("127.0.0.1:0").unwrap().spawn_thread().unwrap()
}

fn stop(server: ServerThread) {
    let report = server.stop().unwrap();
    assert!(report.is_clean(), "{report}");
}

fn port(server: &ServerThread) -> String {
    server.local_addr().port().to_string()
}

#[test]
fn redis_cli_gets_replies_of_every_kind() {
    if !is_installed("redis-cli", "redis-tools") {
        return;
    }
    let dir = TempDir::new();
    let server = serve(&dir);
    let port = port(&server);
    let cases = [
        ("ping", "PONG"),
        ("echo hello", "hello"),
        ("get absent", ""),
        ("set key value", "OK"),
        ("get key", "value"),
        ("incr key", "ERR value is not an integer or out of range\n"),
        ("incr counter", "1"),
        ("set short value ex 100", "OK"),
        ("ttl short", "100"),
        ("ttl key", "-1"),
        ("expire key 0", "1"),
        ("get key", ""),
        ("rpush list 1 2 3", "3"),
        ("lpush list 0", "4"),
        ("lpop list", "0"),
        ("get list", "WRONGTYPE Operation against a key holding the wrong kind of value\n"),
        ("blpop absent list 10", "list\n1"),
        ("blpop absent 0.01", ""),
        ("del list short absent", "2"),
        ("publish news hello", "0"),
        ("multi", "OK"),
        ("incr counter", "QUEUED"),
        ("incr counter", "QUEUED"),
        ("exec", "2\n3"),
        ("multi", "OK"),
        ("blpop list 0", "ERR 'BLPOP' cannot be part of this transaction\n"),
        ("exec", "EXECABORT Transaction discarded because of previous errors.\n"),
        ("set key", "ERR wrong number of arguments for 'SET' command\n"),
        ("wrong", "ERR unknown command 'WRONG', or wrong arguments\n"),
    ];
    let input: String = cases.iter().map(|(command, _)| format!("{command}\n")).collect();
    let expected: String = cases.iter().map(|(_, reply)| format!("{reply}\n")).collect();
    let (output, success) = run("redis-cli", &["-p", &port], &input, false);
    assert_eq!(output, expected);
    assert!(success);
    stop(server);
}

#[test]
fn redis_cli_saves_and_another_server_loads() {
    if !is_installed("redis-cli", "redis-tools") {
        return;
    }
    let dir = TempDir::new();
    let server = serve(&dir);
    let input = "set key value\nset short value ex 100\nrpush list 1 2\nsave\nset key unsaved\n";
    let (output, _) = run("redis-cli", &["-p", &port(&server)], input, false);
    assert_eq!(output, "OK\nOK\n2\nOK\nOK\n");
    stop(server);

    let server = serve(&dir);
    let input = "get key\nttl short\nrpush list 3\nlpop list\n";
    let (output, _) = run("redis-cli", &["-p", &port(&server)], input, false);
    let lines: Vec<_> = output.lines().collect();
    assert!(
        matches!(lines[..], ["value", ttl, "3", "1"] if (1..=100).contains(&ttl.parse().unwrap())),
        "{output}"
    );
    stop(server);
}

#[test]
fn redis_benchmark_finds_no_error() {
    if !is_installed("redis-benchmark", "redis-tools") {
        return;
    }
    let dir = TempDir::new();
    let server = serve(&dir);
    let port = port(&server);
    let tests = ["ping_inline", "ping_mbulk", "set", "get", "incr", "lpush", "rpush", "lpop"];
    let args = ["-p", &port, "-n", "2000", "-r", "100", "-e", "--csv", "-t", &tests.join(",")];
    for more in [&["-P", "32"][..], &["-c", "2", "-P", "500", "-d", "2000"]] {
        let (output, success) = run("redis-benchmark", &[&args[..], more].concat(), "", false);
        assert!(success, "{output}");
        let names: Vec<_> = output.lines().skip(1).filter_map(|line| line.split('"').nth(1)).collect();
        let expected = tests.map(|name| name.to_ascii_uppercase());
        assert_eq!(names, expected, "{output}");
    }
    stop(server);
}

#[test]
fn redis_py_writes_everything_before_it_reads() {
    let Some(python) = python_with("redis") else { return };
    let dir = TempDir::new();
    let server = serve(&dir);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/resp/client.py");
    let (output, success) = run(&python, &[script, &port(&server)], "", false);
    assert_eq!(output, "ok\n");
    assert!(success);
    stop(server);
}

/// A client that writes `input` at once.
fn connect(server: &ServerThread, input: &[u8]) -> TcpStream {
    let mut client = TcpStream::connect(server.local_addr()).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.write_all(input).unwrap();
    client
}

fn read_to_end(mut client: TcpStream) -> String {
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_stop_does_not_wait_for_a_handler_in_blpop() {
    let dir = TempDir::new();
    let server = serve(&dir);
    let mut client = connect(&server, b"PING\r\nBLPOP absent 0\r\n");
    // The reply to `PING` is written when the handler of `BLPOP` waits.
    let mut pong = [0; 7];
    client.read_exact(&mut pong).unwrap();
    assert_eq!(pong, *b"+PONG\r\n");
    let report = server.stop().unwrap();
    assert!(report.is_clean() && report.sessions_cancelled == 0, "{report}");
    assert!(report.took < Duration::from_secs(5), "within less than the grace period: {report}");
    assert_eq!(read_to_end(client), "-UNBLOCKED the server is stopping\r\n");
}

#[test]
fn a_subscriber_that_does_not_read_is_disconnected() {
    let dir = TempDir::new();
    let server = serve(&dir);
    let mut subscriber = connect(&server, b"SUBSCRIBE news\r\n");
    let mut subscribed = [0; b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n".len()];
    subscriber.read_exact(&mut subscribed).unwrap();

    // 500 of these are more than the kernel and the queues of a session hold.
    let message =
        [&b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$200000\r\n"[..], &[b'x'; 200_000], b"\r\n"].concat();
    let mut publisher = connect(&server, b"");
    let has_ended = (0..500).any(|_| {
        publisher.write_all(&message).unwrap();
        let mut subscribers = [0; 4];
        publisher.read_exact(&mut subscribers).unwrap();
        subscribers == *b":0\r\n"
    });
    assert!(has_ended, "the subscriber was not disconnected");
    stop(server);
}

#[test]
fn malformed_input_is_answered_and_ends_the_session() {
    let dir = TempDir::new();
    let server = serve(&dir);
    for (input, error) in [
        (&b"*1\r\n$-4\r\n"[..], "invalid bulk length"),
        (b"*1\r\n$1048577\r\n", "invalid bulk length"),
        (b"*99999999\r\n", "invalid multibulk length"),
        (b"*1\r\n:4\r\n", "expected '$'"),
        (b"*1\r\n$4\r\nPING..", "no line ending after the bytes of a string"),
        (&[b'x'; 4096], "too big inline request"),
    ] {
        let client = connect(&server, &[b"PING\r\n", input].concat());
        assert_eq!(read_to_end(client), format!("+PONG\r\n-ERR Protocol error: {error}\r\n"));
    }
    stop(server);
}

fn decode_command(input: &mut BytesMut) -> Result<Option<Command>, DecodeError> {
    Codec::<Command, Reply>::decode(&mut Resp, input)
}

fn decode_reply(input: &mut BytesMut) -> Result<Option<Reply>, DecodeError> {
    Codec::<Reply, Command>::decode(&mut Resp, input)
}

/// Decodes `bytes` as they arrive in two parts, for every way to split them.
fn assert_decoded<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    expected: &[T],
    decode: impl Fn(&mut BytesMut) -> Result<Option<T>, DecodeError>,
) {
    for split in 0..=bytes.len() {
        let mut decoded = Vec::new();
        let mut input = BytesMut::from(&bytes[..split]);
        while let Some(message) = decode(&mut input).unwrap() {
            decoded.push(message);
        }
        input.extend_from_slice(&bytes[split..]);
        while let Some(message) = decode(&mut input).unwrap() {
            decoded.push(message);
        }
        assert_eq!(decoded, expected, "split at {split}");
        assert_eq!(input, b""[..]);
    }
}

#[test]
fn a_command_is_decoded_wherever_it_is_split() {
    let bytes = b"\r\nset a  b\r\n*0\r\n*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\0\xff\r\nPING\n*1\r\n$4\r\npInG\r\n";
    let expected = [
        Command::new("SET", ["a".into(), "b".into()]),
        Command::new("ECHO", [Bytes::from_static(b"\r\n\0\xff")]),
        Command::new("PING", []),
        Command::new("PING", []),
    ];
    assert_decoded(bytes, &expected, decode_command);
}

#[test]
fn a_reply_is_decoded_as_it_was_encoded() {
    let replies = [
        Reply::Status("OK"),
        Reply::error("ERR no"),
        Reply::Integer(-7),
        Reply::text("a\r\nb"),
        Reply::Null,
        Reply::NullArray,
        Reply::Array(vec![Reply::Array(vec![Reply::Integer(1)]), Reply::Null, Reply::text("")]),
    ];
    let mut bytes = BytesMut::new();
    for reply in &replies {
        Codec::<Command, Reply>::encode(&mut Resp, reply.clone(), &mut bytes).unwrap();
    }
    assert_decoded(&bytes, &replies, decode_reply);
    // A reply cannot be split into two by text of a client.
    bytes.clear();
    Codec::<Command, Reply>::encode(&mut Resp, Reply::error("ERR a\r\n+OK"), &mut bytes).unwrap();
    assert_eq!(bytes, b"-ERR a  +OK\r\n"[..]);
}

#[test]
fn arrays_are_limited_in_depth() {
    let mut input = BytesMut::from(&*b"*1\r\n".repeat(100_000));
    assert!(decode_reply(&mut input).is_err());
}
