//! The example `mqtt`: its codec, and mosquitto's clients and paho as its clients.

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use portcullis::codec::DecodeError;
use portcullis::{Codec, Limit, Reason, Server, ServerThread};
use portcullis_tests::LIMIT;
use portcullis_tests::foreign::{is_installed, python_with, run};

#[path = "../../../examples/mqtt/service.rs"]
mod service;
#[path = "../../../examples/mqtt/sessions.rs"]
mod sessions;
#[path = "../../../examples/mqtt/topics.rs"]
mod topics;
#[path = "../../../examples/mqtt/wire.rs"]
mod wire;

use self::service::Broker;
use self::wire::{Connect, ConnectCode, Message, Mqtt, Packet, Qos};

fn serve() -> ServerThread {
    Server::new(Broker::default()).codec(Mqtt).bind("127.0.0.1:0").unwrap().spawn_thread().unwrap()
}

fn stop(server: ServerThread) {
    let report = server.stop().unwrap();
    assert!(report.is_clean(), "{report}");
}

/// Runs one of mosquitto's clients to its end, and returns what it prints.
fn mosquitto(program: &str, server: &ServerThread, args: &[&str], input: &str) -> String {
    let port = server.local_addr().port().to_string();
    let (output, success) = run(program, &[&["-p", &port], args].concat(), input, false);
    assert!(success, "{program} {args:?} failed after {output:?}");
    output
}

fn publish(server: &ServerThread, args: &[&str]) {
    assert_eq!(mosquitto("mosquitto_pub", server, args, ""), "");
}

fn subscribe(server: &ServerThread, args: &[&str]) -> String {
    mosquitto("mosquitto_sub", server, &[&["-W", "20"], args].concat(), "")
}

#[test]
fn mosquitto_gets_messages_of_every_quality_after_it_was_away() {
    if !is_installed("mosquitto_pub", "mosquitto-clients") {
        return;
    }
    let server = serve();
    let lasting = ["-c", "-i", "lamp", "-q", "2", "-v", "-t", "light/+", "-t", "door/#"];
    // Exits when the subscriptions are acknowledged.
    assert_eq!(subscribe(&server, &[&lasting[..], &["-E"]].concat()), "");
    publish(&server, &["-t", "light/hall", "-m", "lost", "-q", "0"]);
    publish(&server, &["-t", "light/hall", "-m", "one", "-q", "1"]);
    publish(&server, &["-t", "light/hall/left", "-m", "no such subscription", "-q", "1"]);
    publish(&server, &["-t", "door", "-m", "two", "-q", "2"]);
    // More than may be unacknowledged at once.
    let lines: String = (0..200).map(|n| format!("{n}\n")).collect();
    mosquitto("mosquitto_pub", &server, &["-t", "door/front", "-q", "2", "-l"], &lines);

    let count = ["-C", "202"];
    let expected: String = (0..200).map(|n| format!("door/front {n}\n")).collect();
    let output = subscribe(&server, &[&lasting[..], &count].concat());
    assert_eq!(output, format!("light/hall one\ndoor two\n{expected}"));
    stop(server);
}

#[test]
fn mosquitto_gets_messages_as_they_are_published() {
    if !is_installed("mosquitto_pub", "mosquitto-clients") {
        return;
    }
    let server = serve();
    thread::scope(|scope| {
        let subscriber = scope.spawn(|| subscribe(&server, &["-t", "news", "-C", "3"]));
        // There is no sign of the subscription, so this goes on until the subscriber has three.
        while !subscriber.is_finished() {
            publish(&server, &["-t", "news", "-m", "hello"]);
        }
        assert_eq!(subscriber.join().unwrap(), "hello\nhello\nhello\n");
    });
    stop(server);
}

#[test]
fn mosquitto_gets_and_clears_retained_messages() {
    if !is_installed("mosquitto_pub", "mosquitto-clients") {
        return;
    }
    let server = serve();
    publish(&server, &["-r", "-t", "weather/today", "-m", "rain"]);
    publish(&server, &["-r", "-t", "weather/today", "-m", "sun"]);
    publish(&server, &["-r", "-t", "weather/tomorrow", "-m", "snow"]);
    publish(&server, &["-t", "weather/yesterday", "-m", "not retained"]);
    let format = ["-F", "%r %t %p"];
    let output = subscribe(&server, &[&format[..], &["-t", "weather/#", "-C", "2"]].concat());
    assert_eq!(output, "1 weather/today sun\n1 weather/tomorrow snow\n");
    publish(&server, &["-r", "-t", "weather/today", "-n"]);
    assert_eq!(subscribe(&server, &["-t", "+/+", "-C", "1"]), "snow\n");
    stop(server);
}

#[test]
fn paho_sees_wills_and_takes_over_sessions() {
    let Some(python) = python_with("paho.mqtt.client") else { return };
    let server = serve();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mqtt/client.py");
    let port = server.local_addr().port().to_string();
    let (output, success) = run(&python, &[script, &port], "", false);
    assert_eq!(output, "ok\n");
    assert!(success);
    stop(server);
}

/// A client in the packets of the codec.
struct Raw {
    stream: TcpStream,
    input: BytesMut,
}

impl Raw {
    fn connect(server: &ServerThread, connect: Connect) -> Self {
        let stream = TcpStream::connect(server.local_addr()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut client = Self { stream, input: BytesMut::new() };
        client.send(&[Packet::Connect(connect)]);
        let code = ConnectCode::Accepted;
        assert_eq!(client.next(), Some(Packet::ConnAck { session_present: false, code }));
        client
    }

    fn send(&mut self, packets: &[Packet]) {
        self.stream.write_all(&encode(packets)).unwrap();
    }

    /// Returns `None` when the broker has closed the connection.
    fn next(&mut self) -> Option<Packet> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(packet) = decode(&mut self.input).unwrap() {
                return Some(packet);
            }
            match self.stream.read(&mut buffer).unwrap() {
                0 => return None,
                read => self.input.extend_from_slice(&buffer[..read]),
            }
        }
    }
}

fn clean(client_id: &str) -> Connect {
    Connect {
        client_id: client_id.into(),
        clean_session: true,
        keep_alive: 0,
        will: None,
        username: None,
        password: None,
    }
}

fn message(topic: &str, payload: &'static [u8], qos: Qos) -> Message {
    Message { topic: topic.into(), payload: payload.into(), qos, retain: false }
}

fn encode(packets: &[Packet]) -> BytesMut {
    let mut bytes = BytesMut::new();
    for packet in packets {
        Codec::<Packet, Packet>::encode(&mut Mqtt, packet.clone(), &mut bytes).unwrap();
    }
    bytes
}

fn decode(input: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
    Codec::<Packet, Packet>::decode(&mut Mqtt, input)
}

#[test]
fn malformed_input_ends_the_connection_and_publishes_the_will() {
    let server = serve();
    let mut observer = Raw::connect(&server, clean("observer"));
    observer.send(&[Packet::Subscribe { id: 1, filters: vec![("will/#".into(), Qos::AtMostOnce)] }]);
    observer.next();
    let cases: [&[u8]; 6] = [
        // An unknown kind, flags that do not belong to the kind, an identifier of 0, a packet that
        // is too long, a wildcard in a topic, and a second `CONNECT`.
        &[0xf0, 0],
        &[0xc1, 0],
        &[0x40, 2, 0, 0],
        &[0x30, 0xff, 0xff, 0xff, 0x7f],
        &[0x30, 3, 0, 1, b'#'],
        &encode(&[Packet::Connect(clean("again"))]),
    ];
    for input in cases {
        let will = Some(message("will/x", b"lost", Qos::AtMostOnce));
        let mut client = Raw::connect(&server, Connect { will, ..clean("x") });
        client.stream.write_all(input).unwrap();
        assert_eq!(client.next(), None, "{input:?}");
        let message = message("will/x", b"lost", Qos::AtMostOnce);
        assert_eq!(observer.next(), Some(Packet::Publish { message, id: None, is_duplicate: false }));
    }
    drop(observer);
    stop(server);
}

#[test]
fn a_message_of_exactly_once_that_is_sent_twice_is_published_once() {
    let server = serve();
    let mut client = Raw::connect(&server, clean("x"));
    let publish = |id, is_duplicate| Packet::Publish {
        message: message("a", b"payload", Qos::ExactlyOnce),
        id: Some(id),
        is_duplicate,
    };
    client.send(&[
        Packet::Subscribe { id: 1, filters: vec![("a".into(), Qos::AtMostOnce)] },
        publish(7, false),
        publish(7, true),
        Packet::PubRel(7),
        publish(7, false),
        Packet::PingReq,
    ]);
    let mut counts = [0; 2];
    loop {
        match client.next().unwrap() {
            Packet::PubRec(7) => counts[0] += 1,
            Packet::Publish { .. } => counts[1] += 1,
            Packet::PingResp if counts[1] == 2 => break,
            Packet::PingResp => client.send(&[Packet::PingReq]),
            _ => {}
        }
    }
    assert_eq!(counts, [3, 2]);
    stop(server);
}

#[test]
fn the_first_packet_is_a_connect_of_this_version() {
    let server = serve();
    let cases: [(&[u8], &[u8]); 3] = [
        // MQTT 3.1 is answered, and so is a client that wants to keep a session without a name.
        (b"\x10\x0d\0\x06MQIsdp\x03\x02\0\0\0", &[0x20, 2, 0, 1]),
        (b"\x10\x0c\0\x04MQTT\x04\0\0\0\0\0", &[0x20, 2, 0, 2]),
        (b"\xc0\0", &[]),
    ];
    for (input, expected) in cases {
        let mut client = TcpStream::connect(server.local_addr()).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        client.write_all(input).unwrap();
        let mut output = Vec::new();
        client.read_to_end(&mut output).unwrap();
        assert_eq!(output, expected, "{input:?}");
    }
    stop(server);
}

#[test]
fn the_number_of_subscriptions_is_limited() {
    let server = serve();
    let mut client = Raw::connect(&server, clean("x"));
    let filters = (0..101).map(|n| (n.to_string(), Qos::AtMostOnce)).collect();
    client.send(&[Packet::Subscribe { id: 1, filters }]);
    let mut granted = vec![Some(Qos::AtMostOnce); 100];
    granted.push(None);
    assert_eq!(client.next(), Some(Packet::SubAck { id: 1, granted }));
    stop(server);
}

#[tokio::test]
async fn a_client_that_is_silent_for_too_long_is_disconnected() {
    let time = portcullis::test::pause();
    let mut observer = portcullis::test::connect(Broker::default()).await.unwrap();
    observer.call(Packet::Connect(clean("observer"))).await.unwrap();
    let filters = vec![("will".into(), Qos::AtMostOnce)];
    observer.call(Packet::Subscribe { id: 1, filters }).await.unwrap();

    let will = message("will", b"silent", Qos::AtMostOnce);
    let mut client = observer.connect_another().await.unwrap();
    let connect = Connect { keep_alive: 60, will: Some(will.clone()), ..clean("client") };
    client.call(Packet::Connect(connect)).await.unwrap();
    // A client may be silent for one and a half times what it has announced.
    for _ in 0..3 {
        time.advance(Duration::from_secs(85)).await;
        assert_eq!(client.call(Packet::PingReq).await.unwrap(), Packet::PingResp);
    }
    time.advance(Duration::from_secs(91)).await;
    assert!(matches!(client.ended().await.unwrap(), Reason::Timeout(Limit::Idle)));
    let expected = Packet::Publish { message: will, id: None, is_duplicate: false };
    assert_eq!(observer.next().await.unwrap(), expected);
    // The observer has announced nothing.
    time.advance(Duration::from_secs(100_000)).await;
    assert_eq!(observer.call(Packet::PingReq).await.unwrap(), Packet::PingResp);
}

/// One packet of each kind at least.
fn packets() -> Vec<Packet> {
    let publish = |qos, id, length| Packet::Publish {
        message: Message { payload: vec![b'x'; length].into(), ..message("a/b", b"", qos) },
        id,
        is_duplicate: false,
    };
    let will = Some(Message { retain: true, ..message("w", b"\0\xff", Qos::AtLeastOnce) });
    let (username, password) = (Some("ann".into()), Some("secret".into()));
    vec![
        Packet::Connect(clean("")),
        Packet::Connect(Connect { will, username, password, keep_alive: 60, ..clean("x") }),
        Packet::ConnAck { session_present: true, code: ConnectCode::Accepted },
        publish(Qos::AtMostOnce, None, 0),
        publish(Qos::AtLeastOnce, Some(1), 121),
        publish(Qos::ExactlyOnce, Some(0xffff), 300),
        Packet::PubAck(1),
        Packet::PubRec(1),
        Packet::PubRel(1),
        Packet::PubComp(1),
        Packet::Subscribe {
            id: 1,
            filters: vec![("#".into(), Qos::ExactlyOnce), ("+/a".into(), Qos::AtMostOnce)],
        },
        Packet::SubAck { id: 1, granted: vec![Some(Qos::AtLeastOnce), None] },
        Packet::Unsubscribe { id: 1, filters: vec!["a/+/#".into()] },
        Packet::UnsubAck(1),
        Packet::PingReq,
        Packet::PingResp,
        Packet::Disconnect,
    ]
}

#[test]
fn a_packet_is_decoded_wherever_it_is_split() {
    let bytes = encode(&packets());
    for split in 0..=bytes.len() {
        let mut decoded = Vec::new();
        let mut input = BytesMut::from(&bytes[..split]);
        while let Some(packet) = decode(&mut input).unwrap() {
            decoded.push(packet);
        }
        input.extend_from_slice(&bytes[split..]);
        while let Some(packet) = decode(&mut input).unwrap() {
            decoded.push(packet);
        }
        assert_eq!(decoded, packets(), "split at {split}");
    }
}

/// A packet in which a byte was changed is refused, or is another packet that can be encoded again.
#[test]
fn no_byte_makes_the_codec_panic() {
    for packet in packets() {
        let bytes = encode(&[packet]);
        for at in 0..bytes.len().min(64) {
            for byte in 0..=u8::MAX {
                let mut changed = bytes.clone();
                changed[at] = byte;
                if let Ok(Some(other)) = decode(&mut changed)
                    && other != Packet::ConnectOfAnotherVersion
                {
                    assert_eq!(decode(&mut encode(std::slice::from_ref(&other))).unwrap(), Some(other));
                }
            }
        }
    }
}

#[test]
fn filters_match_topics_as_the_standard_says() {
    for (filter, topic, expected) in [
        ("a/b", "a/b", true),
        ("a/b", "a/b/c", false),
        ("a/+", "a/b", true),
        ("a/+", "a", false),
        ("a/+", "a/", true),
        ("+/+", "/a", true),
        ("a/#", "a", true),
        ("a/#", "a/b/c", true),
        ("#", "a/b", true),
        ("#", "$SYS/uptime", false),
        ("+/uptime", "$SYS/uptime", false),
        ("$SYS/#", "$SYS/uptime", true),
    ] {
        assert_eq!(topics::matches(filter, topic), expected, "{filter} {topic}");
    }
    for filter in ["", "a#", "#/a", "a+/b", "a/#/b"] {
        assert!(!topics::is_filter(filter), "{filter}");
    }
}
