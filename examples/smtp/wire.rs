//! The codec: lines in, replies out (RFC 5321, 4.1 and 4.2).

use bytes::{Buf, BytesMut};
use memchr::memmem;
use portcullis::Codec;
use portcullis::codec::{DecodeError, EncodeError};

/// RFC 5321 requires at least 1000 bytes of text; clients send more.
const MAX_LINE: usize = 8 * 1024;

/// A line without its CRLF.
#[derive(Debug)]
pub(crate) struct Line {
    /// Any bytes, because of 8BITMIME.
    pub(crate) text: Vec<u8>,
    /// The line exceeded the maximum; `text` is its beginning.
    pub(crate) is_cut: bool,
}

impl Line {
    /// Whether this is the end of a message.
    pub(crate) fn is_dot(&self) -> bool {
        self.text == b"."
    }

    /// Whether the line is too long, or contains a CR or LF that another server might take for a
    /// line ending.
    pub(crate) fn is_bad(&self) -> bool {
        self.is_cut || self.text.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
    }
}

/// The commands that this server knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `EHLO client` or `HELO client`
    Hello(String),
    /// `MAIL FROM:<..>`, with the size that is declared, if one is
    Mail {
        from: String,
        size: usize,
    },
    /// `RCPT TO:<..>`
    Recipient(String),
    Data,
    Reset,
    Quit,
    Noop,
    Verify,
    Help,
    /// A known command with invalid arguments, and its syntax.
    BadArguments(&'static str),
    /// An unsupported parameter of `MAIL` or `RCPT`.
    BadParameter(String),
    Unknown,
}

impl Command {
    /// Parses a line. Verbs are case-insensitive.
    pub(crate) fn of(line: &Line) -> Self {
        let Ok(text) = std::str::from_utf8(&line.text) else { return Self::Unknown };
        if line.is_bad() {
            return Self::Unknown;
        }
        let (verb, arguments) = text.split_once(' ').unwrap_or((text, ""));
        let arguments = arguments.trim();
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" if arguments.is_empty() => Self::BadArguments("EHLO your.name"),
            "EHLO" | "HELO" => Self::Hello(arguments.to_owned()),
            "MAIL" => Self::mail(arguments),
            "RCPT" => Self::recipient(arguments),
            "DATA" => Self::without_arguments(arguments, Self::Data, "DATA"),
            "RSET" => Self::without_arguments(arguments, Self::Reset, "RSET"),
            "QUIT" => Self::without_arguments(arguments, Self::Quit, "QUIT"),
            "NOOP" => Self::Noop,
            "VRFY" => Self::Verify,
            "HELP" => Self::Help,
            _ => Self::Unknown,
        }
    }

    fn without_arguments(arguments: &str, command: Self, syntax: &'static str) -> Self {
        if arguments.is_empty() { command } else { Self::BadArguments(syntax) }
    }

    fn mail(arguments: &str) -> Self {
        let Some((from, parameters)) = path(arguments, "FROM:") else {
            return Self::BadArguments("MAIL FROM:<you@your.name>");
        };
        let mut size = 0;
        for parameter in parameters.split_ascii_whitespace() {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (key.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
                ("SIZE", value) => match value.parse() {
                    Ok(declared) => size = declared,
                    Err(_) => return Self::BadArguments("SIZE=bytes"),
                },
                ("BODY", "7BIT" | "8BITMIME") => {}
                _ => return Self::BadParameter(parameter.to_owned()),
            }
        }
        Self::Mail { from: from.to_owned(), size }
    }

    fn recipient(arguments: &str) -> Self {
        match path(arguments, "TO:") {
            None | Some(("", _)) => Self::BadArguments("RCPT TO:<somebody@our.name>"),
            Some((to, "")) => Self::Recipient(to.to_owned()),
            Some((_, parameters)) => Self::BadParameter(parameters.to_owned()),
        }
    }

    /// The reply to commands that every state answers in the same way. `order` explains which
    /// command must come first.
    pub(crate) fn reply_in_any_state(&self, order: &str) -> Reply {
        match self {
            Self::Noop => Reply::new(250, "2.0.0 ok"),
            Self::Verify => Reply::new(252, "2.1.5 cannot verify, send to try"),
            Self::Help => {
                Reply::new(214, "2.0.0 EHLO, MAIL, RCPT, DATA, RSET, NOOP, VRFY, QUIT: see RFC 5321")
            }
            Self::BadArguments(syntax) => Reply::new(501, format!("5.5.4 syntax: {syntax}")),
            Self::BadParameter(parameter) => Reply::new(555, format!("5.5.4 {parameter} is not supported")),
            Self::Unknown => Reply::new(500, "5.5.2 no such command"),
            _ => Reply::new(503, format!("5.5.1 {order}")),
        }
    }
}

/// Parses `FROM:<path> parameters` into the path and the parameters.
fn path<'a>(arguments: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let head = arguments.get(..keyword.len())?;
    let rest = arguments[keyword.len()..].trim_start().strip_prefix('<')?;
    let (path, parameters) = rest.split_once('>')?;
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic());
    (head.eq_ignore_ascii_case(keyword) && is_plain).then(|| (path, parameters.trim()))
}

/// A code and one or more lines of text.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    pub(crate) fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, lines: vec![text.into()] }
    }

    /// Appends a line.
    #[must_use]
    pub(crate) fn line(mut self, text: impl Into<String>) -> Self {
        self.lines.push(text.into());
        self
    }
}

/// The codec. Only CRLF ends a line: accepting other line endings enables SMTP smuggling.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    /// Whether the remainder of an oversized line is being skipped.
    is_skipping: bool,
}

impl Codec<Line, Reply> for Wire {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Line>, DecodeError> {
        loop {
            match memmem::find(input, b"\r\n") {
                Some(end) => {
                    let text = input[..end.min(MAX_LINE)].to_vec();
                    input.advance(end + 2);
                    if std::mem::take(&mut self.is_skipping) {
                        continue;
                    }
                    return Ok(Some(Line { text, is_cut: end > MAX_LINE }));
                }
                None if input.len() > MAX_LINE => {
                    let text = input[..MAX_LINE].to_vec();
                    // Keeps the last byte, which may be the CR of the line ending.
                    input.advance(input.len() - 1);
                    if std::mem::replace(&mut self.is_skipping, true) {
                        continue;
                    }
                    return Ok(Some(Line { text, is_cut: true }));
                }
                None => return Ok(None),
            }
        }
    }

    fn encode(&mut self, reply: Reply, output: &mut BytesMut) -> Result<(), EncodeError> {
        let last = reply.lines.len() - 1;
        for (number, line) in reply.lines.iter().enumerate() {
            let mark = if number == last { ' ' } else { '-' };
            // Some replies contain text from clients, which must not add lines to the reply.
            let line = line.replace(['\r', '\n'], " ");
            output.extend_from_slice(format!("{}{mark}{line}\r\n", reply.code).as_bytes());
        }
        Ok(())
    }
}
