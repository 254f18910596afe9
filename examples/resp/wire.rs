//! The codec of RESP 2: commands in one direction, replies in the other.

use std::fmt::Write as _;
use std::str;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;
use portcullis::Codec;
use portcullis::codec::{DecodeError, EncodeError};

/// The longest command, and the longest reply that a client accepts.
const MAX_LENGTH: usize = 1 << 20;
/// The maximum number of arguments of a command, and of elements of an array.
const MAX_ELEMENTS: usize = 1024;
/// The longest line: an inline command, a length, or an error.
const MAX_LINE: usize = 4096;
/// Arrays in arrays.
const MAX_DEPTH: u32 = 8;

/// The name of a command, in capitals, and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    name: String,
    args: Vec<Bytes>,
}

impl Command {
    pub(crate) fn new(name: &str, args: impl IntoIterator<Item = Bytes>) -> Self {
        Self { name: name.to_ascii_uppercase(), args: args.into_iter().collect() }
    }

    /// A match on this pair checks the name and the number of arguments.
    pub(crate) fn parts(&self) -> (&str, &[Bytes]) {
        (&self.name, &self.args)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Status(&'static str),
    /// A code in capitals, and a text.
    Error(String),
    Integer(i64),
    Bulk(Bytes),
    Null,
    NullArray,
    Array(Vec<Reply>),
    /// A reply that is encoded once and sent to many clients.
    Encoded(Bytes),
}

impl Reply {
    pub(crate) fn error(text: impl Into<String>) -> Self {
        Self::Error(text.into())
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Bulk(text.into().into())
    }

    /// Encodes the reply, so that the bytes can be sent to many clients.
    pub(crate) fn encoded(&self) -> Self {
        let mut output = BytesMut::new();
        self.encode(&mut output);
        Self::Encoded(output.freeze())
    }

    fn encode(&self, output: &mut BytesMut) {
        match self {
            Self::Status(text) => line(output, '+', text),
            // Some errors contain text from clients, which must not add lines.
            Self::Error(text) => line(output, '-', text.replace(['\r', '\n'], " ")),
            Self::Integer(number) => line(output, ':', number),
            Self::Bulk(bytes) => bulk(output, bytes),
            Self::Null => output.extend_from_slice(b"$-1\r\n"),
            Self::NullArray => output.extend_from_slice(b"*-1\r\n"),
            Self::Array(replies) => {
                line(output, '*', replies.len());
                for reply in replies {
                    reply.encode(output);
                }
            }
            Self::Encoded(bytes) => output.extend_from_slice(bytes),
        }
    }
}

fn line(output: &mut BytesMut, kind: char, text: impl std::fmt::Display) {
    // Writing to a `BytesMut` does not fail: it grows.
    let _ = write!(output, "{kind}{text}\r\n");
}

fn bulk(output: &mut BytesMut, bytes: &[u8]) {
    line(output, '$', bytes.len());
    output.extend_from_slice(bytes);
    output.extend_from_slice(b"\r\n");
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resp;

/// The server's direction.
impl Codec<Command, Reply> for Resp {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Command>, DecodeError> {
        parse(input, |parser| parser.command())
    }

    fn encode(&mut self, reply: Reply, output: &mut BytesMut) -> Result<(), EncodeError> {
        reply.encode(output);
        Ok(())
    }
}

/// The client's direction.
impl Codec<Reply, Command> for Resp {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Reply>, DecodeError> {
        parse(input, |parser| parser.reply(MAX_DEPTH))
    }

    fn encode(&mut self, command: Command, output: &mut BytesMut) -> Result<(), EncodeError> {
        line(output, '*', 1 + command.args.len());
        bulk(output, command.name.as_bytes());
        for arg in &command.args {
            bulk(output, arg);
        }
        Ok(())
    }
}

/// Why there is no message.
enum Stop {
    /// The input ends too early.
    Incomplete,
    Malformed(&'static str),
}

/// Removes a message from the input if it is complete, and leaves the input as it is otherwise.
fn parse<T>(
    input: &mut BytesMut,
    message: impl Fn(&mut Parser<'_>) -> Result<T, Stop>,
) -> Result<Option<T>, DecodeError> {
    let mut parser = Parser { input, at: 0 };
    match message(&mut parser) {
        Ok(message) => {
            let length = parser.at;
            input.advance(length);
            Ok(Some(message))
        }
        Err(Stop::Incomplete) => Ok(None),
        // The position of the next command is unknown, so the session ends after the reply.
        Err(Stop::Malformed(what)) => Err(DecodeError::new(format!("Protocol error: {what}"))),
    }
}

/// Reads from the beginning of the input, up to `at` so far.
struct Parser<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    /// `*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n`, or the inline command `ECHO hi\r\n`.
    fn command(&mut self) -> Result<Command, Stop> {
        loop {
            let words: Vec<_> = match self.input.get(self.at) {
                None => return Err(Stop::Incomplete),
                Some(b'*') => {
                    let count = self.array_length()?.unwrap_or(0);
                    // No memory is reserved for what a client only announces.
                    (0..count).map(|_| self.bulk()).collect::<Result<_, _>>()?
                }
                Some(_) => {
                    self.line()?.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect()
                }
            };
            // An empty command has no reply.
            let Some((name, args)) = words.split_first() else { continue };
            let name =
                str::from_utf8(name).map_err(|_| Stop::Malformed("the name of a command is not text"))?;
            // The arguments are copied. A slice of the input would keep a whole read buffer alive
            // for as long as the store keeps the value.
            return Ok(Command::new(name, args.iter().map(|arg| Bytes::copy_from_slice(arg))));
        }
    }

    fn reply(&mut self, depth: u32) -> Result<Reply, Stop> {
        match self.input.get(self.at) {
            None => Err(Stop::Incomplete),
            Some(b'$') if self.input[self.at..].starts_with(b"$-") => self.line().map(|_| Reply::Null),
            Some(b'$') => Ok(Reply::Bulk(Bytes::copy_from_slice(self.bulk()?))),
            Some(b'*') if depth == 0 => Err(Stop::Malformed("too many arrays in arrays")),
            Some(b'*') => match self.array_length()? {
                None => Ok(Reply::NullArray),
                Some(count) => {
                    (0..count).map(|_| self.reply(depth - 1)).collect::<Result<_, _>>().map(Reply::Array)
                }
            },
            Some(b':') => self.number().map(Reply::Integer),
            Some(b'-') => Ok(Reply::error(String::from_utf8_lossy(&self.line()?[1..]))),
            Some(b'+') => Ok(match &self.line()?[1..] {
                b"OK" => Reply::Status("OK"),
                b"PONG" => Reply::Status("PONG"),
                b"QUEUED" => Reply::Status("QUEUED"),
                text => Reply::Bulk(Bytes::copy_from_slice(text)),
            }),
            Some(_) => Err(Stop::Malformed("unknown kind of reply")),
        }
    }

    /// The text before the next line ending.
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let remaining = &self.input[self.at..];
        match memchr(b'\n', &remaining[..remaining.len().min(MAX_LINE)]) {
            Some(end) => {
                self.at += end + 1;
                Ok(remaining[..end].strip_suffix(b"\r").unwrap_or(&remaining[..end]))
            }
            None if remaining.len() >= MAX_LINE => Err(Stop::Malformed("too big inline request")),
            None => Err(Stop::Incomplete),
        }
    }

    /// The number in a line, after the byte for its kind.
    fn number(&mut self) -> Result<i64, Stop> {
        let digits = self.line()?.get(1..).and_then(|digits| str::from_utf8(digits).ok());
        digits.and_then(|digits| digits.parse().ok()).ok_or(Stop::Malformed("invalid length"))
    }

    fn array_length(&mut self) -> Result<Option<usize>, Stop> {
        match self.number()? {
            -1 => Ok(None),
            count => match usize::try_from(count) {
                Ok(count) if count <= MAX_ELEMENTS => Ok(Some(count)),
                _ => Err(Stop::Malformed("invalid multibulk length")),
            },
        }
    }

    /// A length, and as many bytes.
    fn bulk(&mut self) -> Result<&'a [u8], Stop> {
        match self.input.get(self.at) {
            None => return Err(Stop::Incomplete),
            Some(b'$') => {}
            Some(_) => return Err(Stop::Malformed("expected '$'")),
        }
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        // The length comes from the peer. It is refused before its bytes arrive.
        if length > MAX_LENGTH - self.at.min(MAX_LENGTH) {
            return Err(Stop::Malformed("invalid bulk length"));
        }
        let Some((bytes, remaining)) = self.input[self.at..].split_at_checked(length) else {
            return Err(Stop::Incomplete);
        };
        match remaining {
            [b'\r', b'\n', ..] => {
                self.at += length + 2;
                Ok(bytes)
            }
            [] | [b'\r'] => Err(Stop::Incomplete),
            _ => Err(Stop::Malformed("no line ending after the bytes of a string")),
        }
    }
}
