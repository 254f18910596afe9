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
use crate::error::catch_panic;
use crate::service::Service;
use crate::session::registry::SessionRegistry;

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
            let door = &mut self.doors[index];
            // A codec is cloned there, which is the user's code: its panic is of one connection.
            let admitted = catch_panic(|| door.poll_admit(cx))
                .unwrap_or_else(|panic| Poll::Ready(Err(io::Error::other(format!("panicked: {panic}")))));
            if let Poll::Ready(admitted) = admitted {
                self.first = (index + 1) % count;
                return Poll::Ready(admitted);
            }
        }
        Poll::Pending
    }

    /// Starts a session for each connection, and never ends.
    pub(super) async fn run<S: Service>(mut self, hub: &SessionRegistry<S>, max_connections: usize) {
        loop {
            hub.place(max_connections).await;
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;

    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::server::Options;
    use crate::server::tests::scripted;
    use crate::sync::Mutex;

    /// Fails as it was told to, then admits so many; and says when.
    struct Told {
        name: &'static str,
        fails: VecDeque<io::ErrorKind>,
        admits: usize,
        seen: Arc<Mutex<Vec<(&'static str, Duration)>>>,
        began: Instant,
    }

    impl Door for Told {
        fn poll_admit(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            let result = match self.fails.pop_front() {
                Some(kind) => Err(kind.into()),
                None if self.admits > 0 => {
                    self.admits -= 1;
                    Ok(())
                }
                None => return Poll::Pending,
            };
            self.seen.lock().push((self.name, self.began.elapsed()));
            Poll::Ready(result)
        }
    }

    /// Whom the doors met within ten seconds that pass at once.
    fn met(
        doors: impl IntoIterator<Item = (&'static str, Vec<io::ErrorKind>, usize)>,
    ) -> Vec<(&'static str, Duration)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let seen = Arc::new(Mutex::new(Vec::new()));
        runtime.expect("a runtime").block_on(async {
            let began = Instant::now();
            let doors = doors.into_iter().map(|(name, fails, admits)| {
                Box::new(Told { name, fails: fails.into(), admits, seen: Arc::clone(&seen), began })
                    as Box<dyn Door>
            });
            let acceptor = Acceptor::new(doors.collect());
            let Options { limits, queue_limits, .. } = Options::default();
            let hub = SessionRegistry::new(Arc::new(scripted().0), limits, queue_limits, None, 0);
            let _never = timeout(Duration::from_secs(10), acceptor.run(&hub, 10)).await;
        });
        std::mem::take(&mut *seen.lock())
    }

    #[test]
    fn s6_a_connection_that_is_gone_costs_no_time_and_a_lack_of_something_a_pause() {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, Other, OutOfMemory};
        let fails = vec![ConnectionAborted, Other, ConnectionReset, Interrupted, OutOfMemory];
        let times: Vec<_> = met([("door", fails, 1)]).into_iter().map(|(_, at)| at.as_millis()).collect();
        assert_eq!(times, [0, 0, 100, 100, 100, 200]);
    }

    #[test]
    fn s6_no_door_is_starved_by_one_that_is_busy() {
        let met = met([("busy", vec![], 100), ("quiet", vec![], 2), ("late", vec![io::ErrorKind::Other], 1)]);
        let names: Vec<_> = met.iter().map(|(name, _)| *name).take(6).collect();
        assert_eq!(names, ["busy", "quiet", "late", "busy", "quiet", "late"]);
    }
}
