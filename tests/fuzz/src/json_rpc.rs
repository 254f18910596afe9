//! JSON-RPC, in both framings and both directions. Whatever bytes come:
//!
//! - no panic, and the codec gets on;
//! - whether bytes come at once or in pieces makes no difference to the messages that are read;
//! - what a server writes is JSON, and no longer than the limit but for the brackets of a batch;
//! - each request has one answer, and nothing else has any;
//! - a call that was read can be written by a client, and is read again as the same.

use bytes::BytesMut;
use portcullis::codec::Codec;
use portcullis::rpc::{ClientMessage, JsonRpc, Protocol, ServerMessage};
use serde_json::Value;

use crate::LIMIT;
use crate::rpc::{FuzzCall, FuzzReply};

type Received = ClientMessage<FuzzCall>;
type Sent = ServerMessage<FuzzCall>;

/// The most calls of a batch.
const MAX_BATCH: usize = 8;

/// The first byte is the framing and the direction, and the second says in which pieces the others
/// come.
pub fn check(data: &[u8]) {
    let [choice, step, bytes @ ..] = data else { return };
    let codec = if choice & 1 == 0 { JsonRpc::lines() } else { JsonRpc::content_length() };
    let codec = codec.max_frame(LIMIT).max_batch(MAX_BATCH);
    let step = usize::from(*step).max(1);
    if choice & 2 == 0 { check_server(&codec, bytes, step) } else { check_client(&codec, bytes, step) }
}

/// Feeds a codec pieces, and passes on what it reads. Returns when it can read no more.
fn read<In, Out>(
    codec: &mut JsonRpc,
    bytes: &[u8],
    step: usize,
    mut take: impl FnMut(&mut JsonRpc, In),
) where
    JsonRpc: Codec<In, Out>,
{
    let (mut input, mut calls) = (BytesMut::new(), 0);
    let pieces = bytes.chunks(step).map(Some).chain([None]);
    for piece in pieces {
        input.extend_from_slice(piece.unwrap_or_default());
        loop {
            calls += 1;
            assert!(calls <= 4 * bytes.len() + 8, "it does not get on");
            let decoded = match piece {
                Some(_) => Codec::<In, Out>::decode(codec, &mut input),
                None => Codec::<In, Out>::decode_eof(codec, &mut input),
            };
            match decoded {
                Ok(Some(message)) => take(codec, message),
                Ok(None) => break,
                Err(error) if error.is_recoverable() => {}
                Err(_) => return,
            }
        }
        assert!(input.len() <= LIMIT + step + 4096, "it keeps {} bytes", input.len());
    }
}

fn check_server(codec: &JsonRpc, bytes: &[u8], step: usize) {
    let whole = serve(codec.clone(), bytes, bytes.len().max(1));
    let pieces = serve(codec.clone(), bytes, step);
    assert_eq!(whole, pieces, "pieces make a difference");
}

/// Returns what was read, and what was answered.
fn serve(mut codec: JsonRpc, bytes: &[u8], step: usize) -> (Vec<Received>, BytesMut) {
    let (mut received, mut output) = (Vec::new(), BytesMut::new());
    let mut in_flight = Vec::new();
    read::<Received, Sent>(&mut codec, bytes, step, |codec, message| {
        if let ClientMessage::Call { call, .. } = &message {
            check_call(call);
        }
        match &message {
            ClientMessage::Call { id, call, .. } => in_flight.push((*id, Some(answer(call)))),
            ClientMessage::Rejected { id, .. } => in_flight.push((*id, None)),
            _ => {}
        }
        received.push(message);
        // Some calls are in flight for a while.
        if in_flight.len() > 3 {
            let (id, reply) = in_flight.remove(in_flight.len() % 2);
            write_answer(codec, id, reply, &mut output);
        }
    });
    while let Some((id, reply)) = in_flight.pop() {
        write_answer(&mut codec, id, reply, &mut output);
    }
    // A second answer of the same call is not written.
    let length = output.len();
    for message in &received {
        if let ClientMessage::Call { id, .. } = message {
            write_answer(&mut codec, *id, None, &mut output);
        }
    }
    assert_eq!(output.len(), length, "a call is answered twice");
    check_output(&output);
    (received, output)
}

fn answer(call: &FuzzCall) -> FuzzReply {
    match call {
        FuzzCall::Nothing {} => FuzzReply::Nothing(()),
        FuzzCall::Number { number } if number % 2 == 0 => FuzzReply::Number(Ok(i64::from(*number))),
        FuzzCall::Number { number } => FuzzReply::Number(Err(format!("{number}\n is odd"))),
        FuzzCall::Many { text, .. } => FuzzReply::Many(vec![u16::try_from(text.len()).ok(); text.len()]),
    }
}

fn write_answer(codec: &mut JsonRpc, id: u64, reply: Option<FuzzReply>, output: &mut BytesMut) {
    if let Some(FuzzReply::Many(_)) = &reply {
        let item = FuzzReply::ManyItem((7, "an item".to_owned()));
        let item = ServerMessage::Item { id, item };
        Codec::<Received, Sent>::encode(codec, item, output).expect("an item is short");
    }
    let message = match reply {
        Some(reply) => ServerMessage::Reply { id, reply },
        None => ServerMessage::Failed { id, failure: portcullis::rpc::Failure::Internal },
    };
    Codec::<Received, Sent>::encode(codec, message, output).expect("an answer can be written");
}

/// Every message of the output is JSON, on its own line or after a header.
fn check_output(output: &[u8]) {
    let mut rest = output;
    while !rest.is_empty() {
        let message = match rest.strip_prefix(b"Content-Length: ") {
            Some(header) => {
                let end = header.iter().position(|byte| *byte == b'\r').expect("a header");
                let length = std::str::from_utf8(&header[..end]).expect("a length");
                let (message, after) = header[end + 4..].split_at(length.parse().expect("a length"));
                rest = after;
                message
            }
            None => {
                let end = rest.iter().position(|byte| *byte == b'\n').expect("a whole line");
                let (message, after) = rest.split_at(end);
                rest = &after[1..];
                message
            }
        };
        let json: Value = serde_json::from_slice(message).expect("JSON");
        let messages = match &json {
            Value::Array(answers) => answers.as_slice(),
            one => std::slice::from_ref(one),
        };
        assert!(!messages.is_empty() && messages.len() <= MAX_BATCH, "{json}");
        for message in messages {
            assert_eq!(message["jsonrpc"], "2.0");
            let members = ["result", "error", "method"].map(|name| message.get(name).is_some());
            assert_eq!(members.iter().filter(|is_there| **is_there).count(), 1, "{message}");
        }
    }
}

/// What was read is written and read again.
fn check_call(call: &FuzzCall) {
    let mut output = BytesMut::new();
    let message = ClientMessage::Call { id: 1, time_left: None, call: call.clone() };
    let mut codec = JsonRpc::lines();
    Codec::<Sent, Received>::encode(&mut codec, message, &mut output).expect("a call can be written");
    let again = Codec::<Received, Sent>::decode(&mut codec, &mut output).expect("it was written");
    let Some(ClientMessage::Call { call: again, .. }) = again else { panic!("not a call") };
    assert_eq!(*call, again);
    assert!(output.is_empty());
}

fn check_client(codec: &JsonRpc, bytes: &[u8], step: usize) {
    let whole = receive(codec.clone(), bytes, bytes.len().max(1));
    let pieces = receive(codec.clone(), bytes, step);
    assert_eq!(whole, pieces, "pieces make a difference");
}

/// Sends calls, and returns what is read as answers to them.
fn receive(mut codec: JsonRpc, bytes: &[u8], step: usize) -> Vec<String> {
    let calls = [
        FuzzCall::Nothing {},
        FuzzCall::Number { number: 7 },
        FuzzCall::Many { text: "text".to_owned(), bytes: vec![1], flag: None },
    ];
    let mut output = BytesMut::new();
    for (id, call) in (1..).zip(calls) {
        let message = ClientMessage::Call { id, time_left: None, call };
        Codec::<Sent, Received>::encode(&mut codec, message, &mut output).expect("a call can be written");
    }
    let mut received = Vec::new();
    read::<Sent, Received>(&mut codec, bytes, step, |_, message| {
        received.push(match &message {
            ServerMessage::Reply { id, reply } => {
                assert_eq!(FuzzCall::reply_method(reply) as u64 + 1, *id, "the reply of another method");
                format!("{id}: {reply:?}")
            }
            ServerMessage::Item { id, item } => format!("{id}: {item:?}"),
            other => format!("{other:?}"),
        });
    });
    let answered = |id: u64| {
        let (reply, failed) = (format!("{id}: N"), format!("Failed {{ id: {id},"));
        received.iter().filter(|text| text.starts_with(&reply) || text.starts_with(&failed)).count()
    };
    assert!(answered(1) <= 1 && answered(2) <= 1, "a call is answered twice");
    received
}
