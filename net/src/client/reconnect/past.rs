//! [`Past`]: what became of the connections up to now, and of the requests on this one.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;

use tokio::time::Instant;

use super::Backoff;
use crate::client::ClientError;

#[derive(Debug, Default)]
pub(super) struct Past {
    pub(super) backoff: Backoff,
    /// Connections, made or not, since a packet has come.
    failures: u32,
    not_before: Option<Instant>,
    /// Requests sent on this connection, less packets that have come.
    unanswered: u64,
}

impl Past {
    /// Until when to wait before connecting.
    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// There is a connection, on which nothing was asked yet.
    pub(super) fn connected(&mut self) {
        self.unanswered = 0;
    }

    /// A request is about to be sent.
    pub(super) fn asked(&mut self) {
        self.unanswered += 1;
    }

    /// What came of sending it.
    pub(super) fn sent<T>(
        &mut self,
        sent: Result<(), ClientError>,
        client: &mut Option<T>,
    ) -> Result<(), ClientError> {
        match sent {
            Err(ClientError::Encode(error)) => {
                self.unanswered -= 1;
                Err(error.into())
            }
            Err(ClientError::Io(error)) => {
                *client = None;
                self.lost();
                Err(ClientError::ConnectionLost(error))
            }
            sent => sent,
        }
    }

    /// A packet, or the end.
    pub(super) fn came<Rsp, T>(
        &mut self,
        next: Result<Option<Rsp>, ClientError>,
        client: &mut Option<T>,
    ) -> Result<Rsp, ClientError> {
        let result = self.settled(next.and_then(|packet| packet.ok_or(ClientError::Closed)), client);
        if matches!(result, Ok(_) | Err(ClientError::Decode(_))) {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        result
    }

    /// What was read, and what it means for the connection.
    pub(super) fn settled<Rsp, T>(
        &mut self,
        result: Result<Rsp, ClientError>,
        client: &mut Option<T>,
    ) -> Result<Rsp, ClientError> {
        match result {
            Ok(packet) => {
                (self.failures, self.not_before) = (0, None);
                Ok(packet)
            }
            Err(error) if error.goes_on() => Err(error),
            Err(error) => {
                *client = None;
                self.lost();
                Err(match error {
                    ClientError::Io(error) => ClientError::ConnectionLost(error),
                    ClientError::Closed => ClientError::ConnectionLost(io::ErrorKind::UnexpectedEof.into()),
                    other => other,
                })
            }
        }
    }

    /// The server has closed the connection: an error if requests are lost with it.
    pub(super) fn gone(&mut self) -> Result<(), ClientError> {
        let unanswered = self.unanswered;
        self.lost();
        if unanswered > 0 {
            Err(ClientError::ConnectionLost(io::ErrorKind::UnexpectedEof.into()))
        } else {
            Ok(())
        }
    }

    /// There is no connection, after so many attempts of one operation: an error if that was the
    /// last.
    pub(super) fn failed(&mut self, error: ClientError, attempts: u32) -> Result<(), ClientError> {
        self.lost();
        if self.backoff.gives_up_after(attempts) || is_for_good(&error) { Err(error) } else { Ok(()) }
    }

    pub(super) fn lost(&mut self) {
        self.unanswered = 0;
        let pause = self.backoff.pause(self.failures, random());
        self.not_before = Instant::now().checked_add(pause);
        self.failures = self.failures.saturating_add(1);
    }
}

/// What no later attempt will mend: a name that is none, a certificate that is not trusted, a login
/// that is refused.
fn is_for_good(error: &ClientError) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Unsupported};
    match error {
        ClientError::Io(error) => matches!(error.kind(), InvalidData | InvalidInput | Unsupported),
        ClientError::Decode(_) | ClientError::Encode(_) => true,
        ClientError::Closed | ClientError::Unread(_) | ClientError::ConnectionLost(_) => false,
    }
}

/// As random as the keys of a `HashMap`: enough for clients not to come all at once.
fn random() -> u64 {
    RandomState::new().hash_one(())
}
