//! From sockets to sessions.
//!
//! A server has several doors, of several kinds, and one task that stands at all of them: so that the limit of
//! sessions, and the rest after an error, are the same for all.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use tracing::{debug, warn};

use super::door::Door;
use crate::service::Service;
use crate::session::hub::Hub;

/// How long accepting rests when the system is out of something (S6).
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Acceptor {
    doors: Vec<Box<dyn Door>>,
    /// Where to look first, so that no door is starved by a busy one.
    first: usize,
}

impl Acceptor {
    pub(super) fn new(doors: Vec<Box<dyn Door>>) -> Self {
        Self { doors, first: 0 }
    }

    fn poll_admit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let count = self.doors.len();
        for step in 0..count {
            let index = (self.first + step) % count;
            if let Poll::Ready(admitted) = self.doors[index].poll_admit(cx) {
                self.first = (index + 1) % count;
                return Poll::Ready(admitted);
            }
        }
        Poll::Pending
    }

    /// Starts a session for each connection, and never ends.
    pub(super) async fn run<S: Service>(mut self, hub: &Hub<S>, max_connections: usize) {
        loop {
            hub.at_most(max_connections - 1).await;
            match poll_fn(|cx| self.poll_admit(cx)).await {
                Ok(()) => {}
                Err(error) if is_of_one_connection(&error) => debug!(%error, "a connection was not accepted"),
                Err(error) => {
                    warn!(%error, "accepting failed; trying again in {PAUSE:?}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// The peer went away between connecting and being accepted; the next one may be accepted at once.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
