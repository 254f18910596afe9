//! A mail receiver: the session of RFC 5321 as states.
//!
//! Each state is a method, and holds what is known by then: nobody can say `DATA` before there is a
//! recipient, because only the state that has one understands it. Where a session goes is what its
//! methods return.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::{fs, mem};

use portcullis::prelude::*;

use super::wire::{Command, Line, Reply};

/// The longest message that is taken, in bytes (RFC 1870).
pub(crate) const MAX_SIZE: usize = 10 * 1024 * 1024;
/// RFC 5321, 4.5.3.1.8: at least 100 must be taken.
const MAX_RECIPIENTS: usize = 100;

/// Takes mail for one domain, and puts each message into a file of its own.
pub(crate) struct Smtp {
    domain: String,
    spool: PathBuf,
    /// Disks block: no file is touched on the loop.
    disk: Pool,
    taken: AtomicU64,
}

impl Smtp {
    /// Takes mail for `domain` into the folder `spool`, which is there.
    pub(crate) fn open(domain: &str, spool: PathBuf) -> io::Result<Self> {
        let disk = Pool::builder("disk").threads(2).queue_capacity(64).build()?;
        Ok(Self { domain: domain.to_owned(), spool, disk, taken: AtomicU64::new(0) })
    }
}

/// From whom, to whom.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// Empty for what must not be answered (RFC 5321, 4.5.5).
    pub(crate) from: String,
    /// At least one, once there is data.
    pub(crate) to: Vec<String>,
}

/// A message on its way in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    envelope: Envelope,
    text: Vec<u8>,
    /// Why the message is refused at its end, if it is. Its lines must be read all the same.
    refused: Option<Refusal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    TooLarge,
    /// A line that another server might take for two, or for the end: the smuggling of December 2023.
    BadLine,
}

#[service(state(derive(Debug, PartialEq)))]
impl Smtp {
    /// The server speaks first.
    #[on(connect)]
    async fn greet(&self, peer: &Peer<Reply>) {
        let _ = peer.send(Reply::new(220, format!("{} ready", self.domain))).await;
    }

    /// Nobody has said hello.
    #[state(start, idle = "5m")]
    async fn connected(&self, line: Line) -> (Reply, SmtpState) {
        match Command::of(&line) {
            Command::Hello(client) => (self.hello(&client), SmtpState::Ready),
            Command::Quit => (self.bye(), SmtpState::Closed),
            other => (other.anywhere("say EHLO first"), SmtpState::Connected),
        }
    }

    /// Between two messages.
    #[state(idle = "5m")]
    async fn ready(&self, line: Line) -> (Reply, SmtpState) {
        match Command::of(&line) {
            Command::Mail { size, .. } if size > MAX_SIZE => (too_large(), SmtpState::Ready),
            Command::Mail { from, .. } => (
                Reply::new(250, "2.1.0 sender is welcome"),
                SmtpState::Addressing(Envelope { from, to: Vec::new() }),
            ),
            Command::Hello(client) => (self.hello(&client), SmtpState::Ready),
            Command::Reset => (Reply::new(250, "2.0.0 nothing to forget"), SmtpState::Ready),
            Command::Quit => (self.bye(), SmtpState::Closed),
            other => (other.anywhere("say MAIL first"), SmtpState::Ready),
        }
    }

    /// The sender is known, and so are recipients, one by one.
    #[state(idle = "5m")]
    async fn addressing(&self, mut envelope: Envelope, line: Line) -> (Reply, SmtpState) {
        match Command::of(&line) {
            Command::Recipient(_) if envelope.to.len() >= MAX_RECIPIENTS => {
                (Reply::new(452, "4.5.3 too many recipients"), SmtpState::Addressing(envelope))
            }
            Command::Recipient(to) if !self.is_ours(&to) => {
                (Reply::new(550, "5.7.1 no mail for others is taken here"), SmtpState::Addressing(envelope))
            }
            Command::Recipient(to) => {
                envelope.to.push(to);
                (Reply::new(250, "2.1.5 recipient is ours"), SmtpState::Addressing(envelope))
            }
            Command::Data if envelope.to.is_empty() => {
                (Reply::new(503, "5.5.1 say RCPT first"), SmtpState::Addressing(envelope))
            }
            Command::Data => (
                Reply::new(354, "end with a dot on a line of its own"),
                SmtpState::Receiving(Mail { envelope, text: Vec::new(), refused: None }),
            ),
            Command::Hello(client) => (self.hello(&client), SmtpState::Ready),
            Command::Reset => (Reply::new(250, "2.0.0 forgotten"), SmtpState::Ready),
            Command::Quit => (self.bye(), SmtpState::Closed),
            other => (other.anywhere("sender was given already"), SmtpState::Addressing(envelope)),
        }
    }

    /// Lines are text now, and nothing is answered before the last: so the answer is sent, not
    /// returned.
    #[state(idle = "3m", max_duration = "10m", half_close = answer)]
    async fn receiving(&self, peer: &Peer<Reply>, mut mail: Mail, line: Line) -> SmtpState {
        if !line.is_dot() {
            mail.take(&line);
            return SmtpState::Receiving(mail);
        }
        let answer = match mail.refused {
            Some(Refusal::TooLarge) => too_large(),
            Some(Refusal::BadLine) => Reply::new(554, "5.6.0 a line ends with CRLF, and holds neither alone"),
            None => match self.store(mail).await {
                Ok(name) => Reply::new(250, format!("2.0.0 kept as {name}")),
                Err(error) => Reply::new(451, format!("4.3.0 could not be kept: {error}")),
            },
        };
        let _ = peer.send(answer).await;
        SmtpState::Ready
    }

    /// One file a message, there as a whole or not at all. The name is given only when the disk has
    /// it.
    #[blocking(pool = self.disk, deadline = "1m")]
    fn store(&self, mail: Mail) -> io::Result<String> {
        let name = format!("{:06}.eml", self.taken.fetch_add(1, Relaxed) + 1);
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

    /// What can't be read as a line at all.
    #[on(error)]
    async fn failed(&self, error: SessionError) -> ControlFlow<Reason, Reply> {
        ControlFlow::Continue(Reply::new(500, format!("5.5.2 {error}")))
    }

    /// A client that is sent away is told so (RFC 5321, 3.8).
    #[on(disconnect)]
    async fn gone(&self, peer: &Peer<Reply>, reason: Reason) {
        match reason {
            Reason::Timeout => drop(peer.try_send(Reply::new(421, "4.4.2 you are too slow"))),
            Reason::Stopped => drop(peer.try_send(Reply::new(421, "4.3.2 the server stops"))),
            _ => {}
        }
    }

    /// The disk's queue is emptied before the server is gone.
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
        Reply::new(221, format!("2.0.0 {} closes", self.domain))
    }

    /// Of this domain, or the `postmaster` that every server has (RFC 5321, 4.5.1).
    fn is_ours(&self, to: &str) -> bool {
        let is_ours = |(_, domain): (&str, &str)| domain.eq_ignore_ascii_case(&self.domain);
        to.rsplit_once('@').map_or(to.eq_ignore_ascii_case("postmaster"), is_ours)
    }
}

impl Mail {
    fn take(&mut self, line: &Line) {
        if self.refused.is_some() {
            return;
        }
        // A dot that a line begins with was put there so that no line is the end (RFC 5321, 4.5.2).
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
