//! The session of RFC 5321 as a state machine.
//!
//! Each state is a method, and holds the data that is known in it. `DATA` before a recipient is
//! impossible, because only the state with an envelope handles it. The return value of a method is
//! the next state.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::{fs, mem};

use portcullis::prelude::*;

use super::wire::{Command, Line, Reply};

/// The maximum size of a message in bytes (RFC 1870).
pub(crate) const MAX_SIZE: usize = 10 * 1024 * 1024;
/// At least 100 recipients must be accepted (RFC 5321, 4.5.3.1.8).
const MAX_RECIPIENTS: usize = 100;

/// Accepts mail for one domain, and stores each message in a file.
pub(crate) struct Smtp {
    domain: String,
    spool: PathBuf,
    /// File operations block, so they run on this pool.
    disk: Pool,
    count: AtomicU64,
}

impl Smtp {
    /// Accepts mail for `domain` into the existing directory `spool`.
    pub(crate) fn open(domain: &str, spool: PathBuf) -> io::Result<Self> {
        let disk = Pool::builder("disk").threads(2).queue_capacity(64).build()?;
        Ok(Self { domain: domain.to_owned(), spool, disk, count: AtomicU64::new(0) })
    }
}

/// The sender and the recipients of a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// Empty for messages that must not be answered (RFC 5321, 4.5.5).
    pub(crate) from: String,
    /// At least one, once there is data.
    pub(crate) to: Vec<String>,
}

/// A message that is being received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    envelope: Envelope,
    text: Vec<u8>,
    /// Why the message will be refused at its end. Its lines must be read nevertheless.
    refused: Option<Refusal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    TooLarge,
    /// A line that another server might read as two, or as the end of the message ("SMTP
    /// smuggling").
    BadLine,
}

#[service(state(derive(Debug, PartialEq)))]
impl Smtp {
    /// The server speaks first.
    #[on(connect)]
    async fn greet(&self, peer: &Peer<Reply>) {
        let _ = peer.send(Reply::new(220, format!("{} ready", self.domain))).await;
    }

    /// Waits for `EHLO` or `HELO`.
    #[state(start, idle = "5m")]
    async fn connected(&self, line: Line) -> (Reply, SmtpState) {
        match Command::of(&line) {
            Command::Hello(client) => (self.hello(&client), SmtpState::Ready),
            Command::Quit => (self.bye(), SmtpState::Closed),
            other => (other.reply_in_any_state("send EHLO first"), SmtpState::Connected),
        }
    }

    /// Between two messages.
    #[state(idle = "5m")]
    async fn ready(&self, line: Line) -> (Reply, SmtpState) {
        match Command::of(&line) {
            Command::Mail { size, .. } if size > MAX_SIZE => (too_large(), SmtpState::Ready),
            Command::Mail { from, .. } => {
                (Reply::new(250, "2.1.0 sender ok"), SmtpState::Addressing(Envelope { from, to: Vec::new() }))
            }
            Command::Hello(client) => (self.hello(&client), SmtpState::Ready),
            Command::Reset => (Reply::new(250, "2.0.0 ok"), SmtpState::Ready),
            Command::Quit => (self.bye(), SmtpState::Closed),
            other => (other.reply_in_any_state("send MAIL first"), SmtpState::Ready),
        }
    }

    /// The sender is known; collects recipients.
    #[state(idle = "5m")]
    async fn addressing(&self, mut envelope: Envelope, line: Line) -> (Reply, SmtpState) {
        match Command::of(&line) {
            Command::Recipient(_) if envelope.to.len() >= MAX_RECIPIENTS => {
                (Reply::new(452, "4.5.3 too many recipients"), SmtpState::Addressing(envelope))
            }
            Command::Recipient(to) if !self.is_ours(&to) => {
                (Reply::new(550, "5.7.1 relaying denied"), SmtpState::Addressing(envelope))
            }
            Command::Recipient(to) => {
                envelope.to.push(to);
                (Reply::new(250, "2.1.5 recipient ok"), SmtpState::Addressing(envelope))
            }
            Command::Data if envelope.to.is_empty() => {
                (Reply::new(503, "5.5.1 send RCPT first"), SmtpState::Addressing(envelope))
            }
            Command::Data => (
                Reply::new(354, "end data with a line containing only a dot"),
                SmtpState::Receiving(Mail { envelope, text: Vec::new(), refused: None }),
            ),
            Command::Hello(client) => (self.hello(&client), SmtpState::Ready),
            Command::Reset => (Reply::new(250, "2.0.0 ok"), SmtpState::Ready),
            Command::Quit => (self.bye(), SmtpState::Closed),
            other => {
                (other.reply_in_any_state("a sender was already given"), SmtpState::Addressing(envelope))
            }
        }
    }

    /// Collects the lines of the message. Answers only the last one, through the peer.
    #[state(idle = "3m", max_duration = "10m", half_close = answer)]
    async fn receiving(&self, peer: &Peer<Reply>, mut mail: Mail, line: Line) -> SmtpState {
        if !line.is_dot() {
            mail.append(&line);
            return SmtpState::Receiving(mail);
        }
        let answer = match mail.refused {
            Some(Refusal::TooLarge) => too_large(),
            Some(Refusal::BadLine) => {
                Reply::new(554, "5.6.0 lines must end with CRLF and contain no other CR or LF")
            }
            None => match self.store(mail).await {
                Ok(name) => Reply::new(250, format!("2.0.0 stored as {name}")),
                Err(error) => Reply::new(451, format!("4.3.0 could not be stored: {error}")),
            },
        };
        let _ = peer.send(answer).await;
        SmtpState::Ready
    }

    /// Stores a message in a file atomically, and returns its name.
    #[blocking(pool = self.disk, deadline = "1m")]
    fn store(&self, mail: Mail) -> io::Result<String> {
        let name = format!("{:06}.eml", self.count.fetch_add(1, Relaxed) + 1);
        let unfinished = self.spool.join(format!(".{name}"));
        let mut file = fs::File::create_new(&unfinished)?;
        write!(file, "Return-Path: <{}>\r\n", mail.envelope.from)?;
        for to in &mail.envelope.to {
            write!(file, "Delivered-To: {to}\r\n")?;
        }
        file.write_all(&mail.text)?;
        file.sync_all()?;
        fs::rename(&unfinished, self.spool.join(&name))?;
        Ok(name)
    }

    /// Answers malformed input.
    #[on(error)]
    async fn failed(&self, error: SessionError) -> ControlFlow<Reason, Reply> {
        ControlFlow::Continue(Reply::new(500, format!("5.5.2 {error}")))
    }

    /// Informs a client that the server disconnects (RFC 5321, 3.8).
    #[on(disconnect)]
    async fn disconnected(&self, peer: &Peer<Reply>, reason: Reason) {
        match reason {
            Reason::Timeout(_) => drop(peer.try_send(Reply::new(421, "4.4.2 timeout"))),
            Reason::Stopped => drop(peer.try_send(Reply::new(421, "4.3.2 server shutting down"))),
            _ => {}
        }
    }

    /// Queued messages are stored before the server ends.
    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) {
        cleanup.pool(self.disk.clone());
    }
}

impl Smtp {
    fn hello(&self, client: &str) -> Reply {
        Reply::new(250, format!("{} greets {client}", self.domain))
            .line("PIPELINING")
            .line("8BITMIME")
            .line(format!("SIZE {MAX_SIZE}"))
            .line("ENHANCEDSTATUSCODES")
    }

    fn bye(&self) -> Reply {
        Reply::new(221, format!("2.0.0 {} closing connection", self.domain))
    }

    /// Whether the address is in this domain, or is the `postmaster` of every server (RFC 5321,
    /// 4.5.1).
    fn is_ours(&self, to: &str) -> bool {
        let is_ours = |(_, domain): (&str, &str)| domain.eq_ignore_ascii_case(&self.domain);
        to.rsplit_once('@').map_or(to.eq_ignore_ascii_case("postmaster"), is_ours)
    }
}

impl Mail {
    fn append(&mut self, line: &Line) {
        if self.refused.is_some() {
            return;
        }
        // A leading dot was added by the client so that no line looks like the end (RFC 5321,
        // 4.5.2).
        let text = line.text.strip_prefix(b".").unwrap_or(&line.text);
        if line.is_bad() {
            self.refuse(Refusal::BadLine);
        } else if self.text.len() + text.len() + 2 > MAX_SIZE {
            self.refuse(Refusal::TooLarge);
        } else {
            self.text.extend_from_slice(text);
            self.text.extend_from_slice(b"\r\n");
        }
    }

    fn refuse(&mut self, why: Refusal) {
        self.refused = Some(why);
        drop(mem::take(&mut self.text));
    }
}

fn too_large() -> Reply {
    Reply::new(552, "5.3.4 message is too large")
}
