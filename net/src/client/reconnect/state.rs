//! [`ReconnectState`]: the requests in flight on the connection, and when to connect again.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::Backoff;
use crate::client::ClientError;

/// When a client connects again.
#[derive(Debug, Default)]
pub struct ReconnectState {
    pub(super) backoff: Backoff,
    /// Failed attempts and lost connections since the last received message.
    failures: u32,
    next_attempt_at: Option<Instant>,
    /// Requests sent on this connection minus received messages.
    in_flight: u64,
}

impl ReconnectState {
    /// Makes the state of a client that has not connected yet.
    pub fn new(backoff: Backoff) -> Self {
        Self { backoff, ..Self::default() }
    }

    /// Returns how long one attempt may take.
    pub fn attempt_timeout(&self) -> Option<Duration> {
        self.backoff.attempt_timeout()
    }

    /// Returns when to connect next. `None` is at once.
    pub fn next_attempt_at(&self) -> Option<Instant> {
        self.next_attempt_at
    }

    /// Call after a connection was made.
    pub fn on_connected(&mut self) {
        self.in_flight = 0;
    }

    /// Call before a request is sent.
    pub(super) fn request_started(&mut self) {
        self.in_flight += 1;
    }

    /// Call with the result of sending the request. Drops the client if the connection is lost.
    pub(super) fn request_sent<T>(
        &mut self,
        sent: Result<(), ClientError>,
        client: &mut Option<T>,
    ) -> Result<(), ClientError> {
        match sent {
            Err(ClientError::Encode(error)) => {
                self.in_flight -= 1;
                Err(error.into())
            }
            Err(ClientError::Io(error)) => {
                *client = None;
                self.on_connection_lost();
                Err(ClientError::ConnectionLost(error))
            }
            sent => sent,
        }
    }

    /// Call with the result of `next`: a message, the end (`None`), or an error.
    pub(super) fn response_received<Rsp, T>(
        &mut self,
        next: Result<Option<Rsp>, ClientError>,
        client: &mut Option<T>,
    ) -> Result<Rsp, ClientError> {
        let result = self.on_result(next.and_then(|message| message.ok_or(ClientError::Closed)), client);
        if matches!(result, Ok(_) | Err(ClientError::Decode(_))) {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
        result
    }

    /// Call with the result of a read. Drops the client after an unrecoverable error.
    pub(super) fn on_result<Rsp, T>(
        &mut self,
        result: Result<Rsp, ClientError>,
        client: &mut Option<T>,
    ) -> Result<Rsp, ClientError> {
        match result {
            Ok(message) => {
                self.on_message();
                Ok(message)
            }
            Err(error) if error.is_recoverable() => Err(error),
            Err(error) => {
                *client = None;
                self.on_connection_lost();
                Err(match error {
                    ClientError::Io(error) => ClientError::ConnectionLost(error),
                    ClientError::Closed => ClientError::ConnectionLost(io::ErrorKind::UnexpectedEof.into()),
                    other => other,
                })
            }
        }
    }

    /// Call when a message was received.
    pub fn on_message(&mut self) {
        (self.failures, self.next_attempt_at) = (0, None);
    }

    /// Call when the server has closed the connection.
    ///
    /// # Errors
    /// `ConnectionLost` if requests were in flight.
    pub(super) fn on_peer_closed(&mut self) -> Result<(), ClientError> {
        let in_flight = self.in_flight;
        self.on_connection_lost();
        if in_flight > 0 {
            Err(ClientError::ConnectionLost(io::ErrorKind::UnexpectedEof.into()))
        } else {
            Ok(())
        }
    }

    /// Call after an attempt to connect has failed, with the attempts of this operation so far.
    ///
    /// # Errors
    /// Returns `error` if the operation should not try again.
    pub fn on_connect_failed(&mut self, error: ClientError, attempts: u32) -> Result<(), ClientError> {
        self.on_connection_lost();
        if self.backoff.is_exhausted(attempts) || is_permanent(&error) { Err(error) } else { Ok(()) }
    }

    /// Call when a connection has ended. Determines when to connect next.
    pub fn on_connection_lost(&mut self) {
        self.in_flight = 0;
        let delay = self.backoff.delay(self.failures, random());
        self.next_attempt_at = Instant::now().checked_add(delay);
        self.failures = self.failures.saturating_add(1);
    }
}

/// Returns whether another attempt cannot succeed: the address is invalid, the certificate is not
/// trusted, or the login was rejected.
fn is_permanent(error: &ClientError) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Unsupported};
    match error {
        ClientError::Io(error) => matches!(error.kind(), InvalidData | InvalidInput | Unsupported),
        ClientError::Decode(_) | ClientError::Encode(_) => true,
        ClientError::Closed | ClientError::Unread(_) | ClientError::ConnectionLost(_) => false,
    }
}

/// Random enough that clients do not reconnect simultaneously.
fn random() -> u64 {
    RandomState::new().hash_one(())
}
