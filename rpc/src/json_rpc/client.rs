//! The codec of a client.

use std::collections::HashMap;
use std::marker::PhantomData;

use bytes::{Buf, BufMut, BytesMut};
use portcullis_codec::private::{add_decode_cost, read_json};
use portcullis_codec::{DecodeError, EncodeError, Format, FrameWriter, Json};
use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::debug;

use super::error_object::{METHOD_ERROR, ReceivedError};
use super::framing::{Frame, Framing};
use super::id::Id;
use super::message::{Members, Parsed, TIME_LEFT, parse, string};
use super::server::{CANCEL, ITEM, takes_whole_object};
use crate::failure::Failure;
use crate::protocol::Protocol;
use crate::wire::{self, ClientMessage, Notification, Params, ServerMessage, ValueSeed};

/// The calls in flight, which the codec has sent and not read the answers of.
#[derive(Default)]
pub(super) struct Connection {
    /// Which method each call calls, by the number of the call.
    methods: HashMap<u64, usize>,
}

impl Connection {
    /// Appends a request, or the notification that cancels one.
    pub(super) fn encode<P: Protocol>(
        &mut self,
        message: &ClientMessage<P>,
        framing: &Framing,
        sends_deadlines: bool,
        output: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        if let ClientMessage::Credit { .. } = message {
            // JSON-RPC has no credit: the server sends items while the connection takes them.
            return Ok(());
        }
        framing.write(output, |output| encode(message, sends_deadlines, framing.limit(), output))?;
        match message {
            ClientMessage::Call { id, call, .. } => drop(self.methods.insert(*id, call.method())),
            // An answer may still arrive, and means nothing.
            ClientMessage::Cancel { id } => drop(self.methods.remove(id)),
            ClientMessage::Credit { .. } | ClientMessage::Rejected { .. } => {}
        }
        Ok(())
    }

    /// Returns the next answer.
    pub(super) fn decode<P: Protocol>(
        &mut self,
        input: &mut BytesMut,
        mut next_frame: impl FnMut(&mut BytesMut) -> Result<Option<Frame>, DecodeError>,
    ) -> Result<Option<ServerMessage<P>>, DecodeError> {
        while let Some(Frame { message, consume }) = next_frame(input)? {
            add_decode_cost(message.len());
            let answer = self.read_answer(&input[message]);
            input.advance(consume);
            if let Some(answer) = answer? {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// Reads an item of a call's stream. One that cannot be read fails the call.
    fn read_item<P: Protocol>(&mut self, members: &Members<'_>) -> Option<ServerMessage<P>> {
        #[derive(Deserialize)]
        struct ItemParams<'a> {
            id: u64,
            #[serde(borrow)]
            item: &'a RawValue,
        }
        let ItemParams { id, item } = serde_json::from_str(members.params?.get()).ok()?;
        let seed =
            ValueSeed::<P> { method: *self.methods.get(&id)?, kind: wire::ITEM, protocol: PhantomData };
        Some(match read_json(item.get().as_bytes(), seed) {
            Ok(item) => ServerMessage::Item { id, item },
            Err(error) => {
                self.methods.remove(&id);
                ServerMessage::Failed { id, failure: Failure::InvalidReply(error.to_string()) }
            }
        })
    }

    /// Reads an answer; `None` for what a server sends on its own.
    fn read_answer<P: Protocol>(&mut self, json: &[u8]) -> Result<Option<ServerMessage<P>>, DecodeError> {
        let members = match parse(json, 0).map_err(|error| DecodeError::new(error).recoverable())? {
            Parsed::Object(members) => members,
            _ => return Err(DecodeError::new("a server has sent what is not an object").recoverable()),
        };
        if let Some(method) = members.method {
            let message = match string(method) {
                Some(name) if name == ITEM => self.read_item(&members),
                Some(name) if members.id.is_none() => Some(notification(name.into_owned(), &members)),
                _ => None,
            };
            if message.is_none() {
                debug!(method = method.get(), "what a server has sent on its own was ignored");
            }
            return Ok(message);
        }
        let id = match members.id.and_then(Id::parse) {
            Some(Id::Integer(id)) => u64::try_from(id).ok(),
            // The server could not read what this client has sent. Which call that was is unknown,
            // and it would wait forever.
            None | Some(Id::Null) => {
                let error = members.error.map_or("an answer has no id", RawValue::get);
                return Err(DecodeError::new(format!("the server has rejected a message: {error}")));
            }
            Some(Id::Text(_)) => None,
        };
        let Some((id, method)) = id.and_then(|id| Some((id, self.methods.remove(&id)?))) else {
            debug!("an answer was ignored: its call is not in flight");
            return Ok(None);
        };
        Ok(Some(match read_outcome::<P>(method, &members) {
            Ok(reply) => ServerMessage::Reply { id, reply },
            Err(failure) => ServerMessage::Failed { id, failure },
        }))
    }
}

fn notification<P: Protocol>(method: String, members: &Members<'_>) -> ServerMessage<P> {
    let params = members.params.map_or("", RawValue::get).to_owned();
    ServerMessage::Notification(Box::new(Notification::new(method, params)))
}

fn encode<P: Protocol>(
    message: &ClientMessage<P>,
    sends_deadlines: bool,
    limit: usize,
    output: &mut BytesMut,
) -> Result<(), EncodeError> {
    let start = output.len();
    output.put_slice(br#"{"jsonrpc":"2.0","method":"#);
    match message {
        ClientMessage::Call { id, time_left, call } => {
            let method = &P::METHODS[call.method()];
            write(method.name, limit, output)?;
            if !method.params.is_empty() {
                output.put_slice(br#","params":"#);
                write_params(call, limit, output)?;
            }
            if let Some(time) = time_left.filter(|_| sends_deadlines) {
                let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
                output.put_slice(b",");
                write(TIME_LEFT, limit, output)?;
                output.put_slice(b":");
                write(&millis, limit, output)?;
            }
            output.put_slice(br#","id":"#);
            write(id, limit, output)?;
        }
        ClientMessage::Cancel { id } => {
            write(CANCEL, limit, output)?;
            output.put_slice(br#","params":{"id":"#);
            write(id, limit, output)?;
            output.put_slice(b"}");
        }
        ClientMessage::Credit { .. } | ClientMessage::Rejected { .. } => {
            return Err(EncodeError::new("a message that is not sent"));
        }
    }
    output.put_slice(b"}");
    if output.len() - start > limit {
        return Err(FrameWriter::new(output, limit).too_long());
    }
    Ok(())
}

fn write<T: serde::Serialize + ?Sized>(
    value: &T,
    limit: usize,
    output: &mut BytesMut,
) -> Result<(), EncodeError> {
    Json::write(&value, &mut FrameWriter::new(output, limit))
}

/// Appends the parameters: an array, or the object that is the only parameter.
fn write_params<P: Protocol>(call: &P, limit: usize, output: &mut BytesMut) -> Result<(), EncodeError> {
    let start = output.len();
    write(&Params(call), limit, output)?;
    let is_object = output[start..].starts_with(b"[{") && output.ends_with(b"}]");
    if is_object && takes_whole_object::<P>(call.method()) {
        let end = output.len() - 1;
        output.copy_within(start + 1..end, start);
        output.truncate(end - 1);
    }
    Ok(())
}

fn read_outcome<P: Protocol>(method: usize, members: &Members<'_>) -> Result<P::Reply, Failure> {
    let seed = |kind| ValueSeed::<P> { method, kind, protocol: PhantomData };
    let error = members.error.filter(|error| error.get() != "null");
    let Some(error) = error else {
        let result = members.result.map_or("null", RawValue::get);
        let reply = read_json(result.as_bytes(), seed(wire::VALUE));
        return reply.map_err(|error| Failure::InvalidReply(error.to_string()));
    };
    let Ok(received) = serde_json::from_str::<ReceivedError<'_>>(error.get()) else {
        return Err(Failure::InvalidReply("the error is not an error object".to_owned()));
    };
    if let Some(failure) = received.to_failure() {
        return Err(failure);
    }
    let read = |json: &str| read_json(json.as_bytes(), seed(wire::ERROR)).ok();
    let message = || read(&serde_json::to_string(&received.message).ok()?);
    let data = || received.data.and_then(|data| read(data.get()));
    let whole = || read(error.get());
    // A server of this crate writes the first if the code is this one, and else the second.
    let value = if received.code == METHOD_ERROR { data().or_else(whole) } else { whole().or_else(data) };
    value.or_else(message).ok_or_else(|| {
        let ReceivedError { code, message, .. } = received;
        Failure::InvalidReply(format!("error {code}: {message}"))
    })
}
