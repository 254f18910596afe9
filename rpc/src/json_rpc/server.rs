//! [`Connection`]: what a server remembers of a connection.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use portcullis_codec::private::{add_decode_cost, read_json};
use portcullis_codec::{DecodeError, EncodeError, Format, FrameWriter, Json};
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess};
use serde_json::value::RawValue;
use tracing::{debug, warn};

use super::error_object::{
    INTERNAL_ERROR, INVALID_REQUEST, PARSE_ERROR, write_error, write_failure, write_method_error,
};
use super::framing::{Frame, Framing};
use super::id::Id;
use super::message::{Incoming, Invocation, Parsed, parse};
use crate::failure::Failure;
use crate::protocol::Protocol;
use crate::wire::{ClientMessage, Notification, ParamsSeed, ServerMessage, Value, WITHOUT_CREDIT, shorten};

/// The notification that cancels a call.
pub(super) const CANCEL: &str = "$/cancelRequest";

/// The calls of a connection that are not answered, and the batches that they belong to.
#[derive(Default)]
pub(super) struct Connection {
    last_number: u64,
    calls: HashMap<u64, Unanswered>,
    /// Batches with calls that are not answered.
    batches: HashMap<u64, Batch>,
    /// The bytes of all their answers.
    collected: usize,
    /// The batch that is being split into calls.
    splitting: Splitting,
}

/// A call that the session has and that is not answered.
struct Unanswered {
    id: Id,
    batch: Option<u64>,
    /// The answer, if the session cannot know it.
    rejection: Option<Rejection>,
}

/// Why a message is no request.
enum Rejection {
    NotJson(String),
    NotARequest(String),
}

struct Batch {
    /// The array of answers so far, without its end.
    answers: BytesMut,
    /// How many answers are missing.
    missing: usize,
}

#[derive(Default)]
struct Splitting {
    /// The number of the batch, unless nothing in it is answered.
    batch: Option<u64>,
    elements: VecDeque<Bytes>,
}

impl Connection {
    /// Returns the next message for the session.
    pub(super) fn decode<P: Protocol>(
        &mut self,
        input: &mut BytesMut,
        max_batch: usize,
        mut next_frame: impl FnMut(&mut BytesMut) -> Result<Option<Frame>, DecodeError>,
    ) -> Result<Option<ClientMessage<P>>, DecodeError> {
        loop {
            if let Some(element) = self.splitting.elements.pop_front() {
                if let Some(message) = self.accept(classify(&element), self.splitting.batch) {
                    return Ok(Some(message));
                }
                continue;
            }
            let Frame { message, consume } = match next_frame(input) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(None),
                // A frame over the limit, which is skipped.
                Err(error) if error.is_recoverable() => {
                    let rejection = Rejection::NotARequest(error.to_string());
                    return Ok(Some(self.reject(Id::Null, None, rejection)));
                }
                Err(error) => return Err(error),
            };
            add_decode_cost(message.len());
            let found = if input[message.clone()].trim_ascii_start().starts_with(b"[") {
                let frame = input.split_to(consume).freeze().slice(message);
                self.begin_batch(&frame, max_batch)
            } else {
                let found = match parse(&input[message], 0) {
                    Ok(parsed) => self.accept(Incoming::new(parsed), None),
                    Err(error) => Some(self.reject(Id::Null, None, Rejection::NotJson(error.to_string()))),
                };
                input.advance(consume);
                found
            };
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Splits a batch into its elements. Returns a rejection if it is not a batch.
    fn begin_batch<P: Protocol>(&mut self, frame: &Bytes, max_batch: usize) -> Option<ClientMessage<P>> {
        let rejection = match parse(frame, max_batch) {
            Err(error) => Rejection::NotJson(error.to_string()),
            Ok(Parsed::LongArray) => {
                Rejection::NotARequest(format!("a batch has at most {max_batch} elements"))
            }
            Ok(Parsed::Array(elements)) if !elements.is_empty() => {
                let elements: VecDeque<_> =
                    elements.into_iter().map(|element| frame.slice_ref(element.get().as_bytes())).collect();
                let missing = elements.iter().filter(|element| classify(element).is_answered()).count();
                // The answers of notifications alone would be an empty array, which is not sent.
                let batch = (missing > 0).then(|| {
                    let number = self.next_number();
                    self.batches.insert(number, Batch { answers: BytesMut::new(), missing });
                    number
                });
                self.splitting = Splitting { batch, elements };
                return None;
            }
            Ok(_) => Rejection::NotARequest("a batch has at least one element".to_owned()),
        };
        Some(self.reject(Id::Null, None, rejection))
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number | WITHOUT_CREDIT
    }

    /// Remembers a call that is to be answered, and returns its number.
    fn register(&mut self, id: Id, batch: Option<u64>, rejection: Option<Rejection>) -> u64 {
        let number = self.next_number();
        self.calls.insert(number, Unanswered { id, batch, rejection });
        number
    }

    /// Has the session answer a message that it need not see. The answer is `rejection`, not the
    /// failure.
    fn reject<P>(&mut self, id: Id, batch: Option<u64>, rejection: Rejection) -> ClientMessage<P> {
        let id = self.register(id, batch, Some(rejection));
        ClientMessage::Rejected { id, failure: Failure::Internal }
    }

    /// Returns what the session gets of a message, if anything.
    fn accept<P: Protocol>(
        &mut self,
        incoming: Incoming<'_>,
        batch: Option<u64>,
    ) -> Option<ClientMessage<P>> {
        match incoming {
            Incoming::Request { id, invocation } => {
                let call = read_call(&invocation);
                let id = self.register(id, batch, None);
                Some(match call {
                    Ok(call) => ClientMessage::Call { id, time_left: invocation.time_left, call },
                    Err(failure) => ClientMessage::Rejected { id, failure },
                })
            }
            Incoming::Notification(invocation) if invocation.method == CANCEL => {
                self.cancel(&invocation).map(|id| ClientMessage::Cancel { id })
            }
            Incoming::Notification(invocation) => match read_call(&invocation) {
                // A number that is not registered, so that the answer is not written.
                Ok(call) => Some(ClientMessage::Call {
                    id: self.next_number(),
                    time_left: invocation.time_left,
                    call,
                }),
                Err(failure) => {
                    debug!(method = %invocation.method, %failure, "a notification was ignored");
                    None
                }
            },
            Incoming::Response => {
                debug!("a response was ignored: this server sends no requests");
                None
            }
            Incoming::Invalid { id, why } => {
                Some(self.reject(id, batch, Rejection::NotARequest(why.to_owned())))
            }
        }
    }

    /// Finds the call that a `$/cancelRequest` means: the oldest one with that id.
    fn cancel(&mut self, invocation: &Invocation<'_>) -> Option<u64> {
        #[derive(Deserialize)]
        struct CancelParams<'a> {
            #[serde(borrow)]
            id: &'a RawValue,
        }
        let params: CancelParams<'_> = serde_json::from_str(invocation.params?.get()).ok()?;
        let id = Id::parse(params.id)?;
        let same = self.calls.iter().filter(|(_, call)| call.id == id && call.rejection.is_none());
        same.map(|(number, _)| *number).min()
    }

    /// Appends the answer of a call, or keeps it for the array of its batch. Appends nothing for a
    /// call that is answered already, and for a notification.
    pub(super) fn encode<P: Protocol>(
        &mut self,
        message: ServerMessage<P>,
        framing: &Framing,
        output: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let limit = framing.limit();
        let number = match &message {
            ServerMessage::Reply { id, .. } | ServerMessage::Failed { id, .. } => id,
            ServerMessage::Item { id, item } => {
                let Some(call) = self.calls.get(id) else { return Ok(()) };
                let start = output.len();
                let written = framing.write(output, |output| write_item::<P>(&call.id, item, limit, output));
                let Err(error) = written else { return Ok(()) };
                // Without the item, the stream is not what the method has sent.
                warn!(%error, "an item of a call cannot be written");
                output.truncate(start);
                let failed = ServerMessage::Failed { id: *id, failure: Failure::Internal };
                return self.encode::<P>(failed, framing, output);
            }
            ServerMessage::Notification(notification) => {
                write_notification(notification, framing, output);
                return Ok(());
            }
            // The end of the connection says that.
            ServerMessage::Closing { .. } => return Ok(()),
        };
        let Some(call) = self.calls.remove(number) else { return Ok(()) };
        let Some(number) = call.batch else {
            return framing.write(output, |output| write_answer(&call, &message, limit, output));
        };
        let Entry::Occupied(mut batch) = self.batches.entry(number) else { return Ok(()) };
        let Batch { answers, missing } = batch.get_mut();
        let before = answers.len();
        answers.put_u8(if before == 0 { b'[' } else { b',' });
        write_answer(&call, &message, limit.saturating_sub(self.collected), answers)?;
        self.collected += answers.len() - before;
        *missing -= 1;
        if *missing > 0 {
            return Ok(());
        }
        let Batch { mut answers, .. } = batch.remove();
        self.collected -= answers.len();
        answers.put_u8(b']');
        framing.write(output, |output| {
            output.put_slice(&answers);
            Ok(())
        })
    }
}

/// What an element of a batch is.
fn classify(element: &[u8]) -> Incoming<'_> {
    // An array in an array is not a request.
    Incoming::new(parse(element, 0).unwrap_or(Parsed::Other))
}

/// Reads the method and its parameters.
fn read_call<P: Protocol>(invocation: &Invocation<'_>) -> Result<P, Failure> {
    let method = P::METHODS.iter().position(|method| method.name == invocation.method);
    let method = method.ok_or(Failure::UnknownMethod)?;
    let json = invocation.params.map_or("[]", RawValue::get).as_bytes();
    let seed = ParamsSeed::<P>(method, PhantomData);
    let takes_all = json.starts_with(b"{") && takes_whole_object::<P>(method);
    let call = if takes_all { read_json(json, OnlyElement(seed)) } else { read_json(json, seed) };
    call.map_err(|error| Failure::InvalidParams(shorten(error.to_string())))
}

/// Whether the object of the parameters is the value of the method's only parameter.
pub(super) fn takes_whole_object<P: Protocol>(method: usize) -> bool {
    P::METHODS[method].params == ["params"]
}

/// Gives the seed a sequence whose only element is the value.
struct OnlyElement<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for OnlyElement<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(SeqAccessDeserializer::new(Once(Some(deserializer))))
    }
}

struct Once<D>(Option<D>);

impl<'de, D: Deserializer<'de>> SeqAccess<'de> for Once<D> {
    type Error = D::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, D::Error> {
        self.0.take().map(|deserializer| seed.deserialize(deserializer)).transpose()
    }
}

/// The notification of a server that carries an item of a call's stream.
pub(super) const ITEM: &str = "$/item";

/// Appends the notification of an item.
fn write_item<P: Protocol>(
    id: &Id,
    item: &P::Reply,
    limit: usize,
    output: &mut BytesMut,
) -> Result<(), EncodeError> {
    output.put_slice(br#"{"jsonrpc":"2.0","method":"$/item","params":{"id":"#);
    id.write(output);
    output.put_slice(br#","item":"#);
    Json::write(&Value::<P>(item), &mut FrameWriter::new(output, limit))?;
    output.put_slice(b"}}");
    Ok(())
}

/// Appends a notification of the server's own. One over the limit is logged and left out: no client
/// waits for it.
fn write_notification(notification: &Notification, framing: &Framing, output: &mut BytesMut) {
    let start = output.len();
    let written = framing.write(output, |output| {
        let start = output.len();
        output.put_slice(br#"{"jsonrpc":"2.0","method":"#);
        Json::write(&notification.method(), &mut FrameWriter::new(output, framing.limit()))?;
        if !notification.params_json().is_empty() {
            output.put_slice(br#","params":"#);
            output.put_slice(notification.params_json().as_bytes());
        }
        output.put_u8(b'}');
        match output.len() - start > framing.limit() {
            true => Err(FrameWriter::new(output, framing.limit()).too_long()),
            false => Ok(()),
        }
    });
    if let Err(error) = written {
        warn!(%error, method = notification.method(), "a notification cannot be written");
        output.truncate(start);
    }
}

/// Appends an answer. If it has more than `limit` bytes, or cannot be written, it is an error,
/// which is short.
fn write_answer<P: Protocol>(
    call: &Unanswered,
    message: &ServerMessage<P>,
    limit: usize,
    output: &mut BytesMut,
) -> Result<(), EncodeError> {
    let start = output.len();
    let written = write_outcome(call, message, limit, output).and_then(|()| {
        write_id(call, output);
        let length = output.len() - start;
        if length > limit { Err(FrameWriter::new(output, limit).too_long()) } else { Ok(()) }
    });
    let is_reply = matches!(message, ServerMessage::Reply { .. }) && call.rejection.is_none();
    match written {
        Err(error) if is_reply => {
            warn!(%error, "the outcome of a call cannot be written");
            output.truncate(start);
            output.put_slice(ERROR);
            write_error(INTERNAL_ERROR, "Internal error", Some(&error.to_string()), output)?;
            write_id(call, output);
            Ok(())
        }
        // Those are short.
        _ => Ok(()),
    }
}

fn write_id(call: &Unanswered, output: &mut BytesMut) {
    output.put_slice(b",\"id\":");
    call.id.write(output);
    output.put_u8(b'}');
}

const RESULT: &[u8] = br#"{"jsonrpc":"2.0","result":"#;
const ERROR: &[u8] = br#"{"jsonrpc":"2.0","error":"#;

/// Appends the beginning of an answer, up to its result or error.
fn write_outcome<P: Protocol>(
    call: &Unanswered,
    message: &ServerMessage<P>,
    limit: usize,
    output: &mut BytesMut,
) -> Result<(), EncodeError> {
    match (&call.rejection, message) {
        (Some(Rejection::NotJson(why)), _) => {
            output.put_slice(ERROR);
            write_error(PARSE_ERROR, "Parse error", Some(why), output)
        }
        (Some(Rejection::NotARequest(why)), _) => {
            output.put_slice(ERROR);
            write_error(INVALID_REQUEST, "Invalid Request", Some(why), output)
        }
        (None, ServerMessage::Failed { failure, .. }) => {
            output.put_slice(ERROR);
            write_failure(failure, output)
        }
        (None, ServerMessage::Reply { reply, .. }) if P::is_error(reply) => {
            let mut error = BytesMut::new();
            Json::write(&Value::<P>(reply), &mut FrameWriter::new(&mut error, limit))?;
            output.put_slice(ERROR);
            write_method_error(&error, output)
        }
        (None, ServerMessage::Reply { reply, .. }) => {
            output.put_slice(RESULT);
            Json::write(&Value::<P>(reply), &mut FrameWriter::new(output, limit))
        }
        // These are no answers.
        (
            None,
            ServerMessage::Item { .. } | ServerMessage::Closing { .. } | ServerMessage::Notification(_),
        ) => Ok(()),
    }
}
