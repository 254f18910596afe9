//! One task polls all acceptors of a server, so that the limit of connections and the back-off
//! after an error apply to all of them.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use tracing::{debug, warn};

use super::Acceptor;
use super::refusal::Refuser;
use crate::error::catch_panic;
use crate::service::Service;
use crate::session::registry::SessionRegistry;

/// How long the loop waits when the system is out of a resource (S6).
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

pub(crate) struct AcceptLoop {
    acceptors: Vec<Box<dyn Acceptor>>,
    /// Where to look first, so that a busy acceptor cannot starve the others.
    next: usize,
    refuser: Option<Refuser>,
}

impl AcceptLoop {
    pub(crate) fn new(acceptors: Vec<Box<dyn Acceptor>>, refuser: Option<Refuser>) -> Self {
        Self { acceptors, next: 0, refuser }
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let count = self.acceptors.len();
        for step in 0..count {
            let index = (self.next + step) % count;
            let acceptor = &mut self.acceptors[index];
            // This calls the user's code: a listener of their own, and the clone of the codec.
            let accepted = catch_panic(|| acceptor.poll_accept_session(cx))
                .unwrap_or_else(|panic| Poll::Ready(Err(io::Error::other(format!("panicked: {panic}")))));
            if let Poll::Ready(accepted) = accepted {
                self.next = (index + 1) % count;
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }

    /// Starts a session for each connection, or refuses it. Never completes.
    pub(crate) async fn run<S: Service>(&mut self, registry: &SessionRegistry<S>) {
        loop {
            match &self.refuser {
                None => registry.wait_for_capacity().await,
                Some(refuser) => tokio::select! {
                    biased;
                    () = registry.wait_for_capacity() => {}
                    () = refuser.wait_for_permit() => {}
                },
            }
            match poll_fn(|cx| self.poll_accept(cx)).await {
                Ok(()) => {}
                Err(error) if is_connection_error(&error) => debug!(%error, "a connection was not accepted"),
                Err(error) => {
                    warn!(%error, "accepting failed; trying again in {ACCEPT_BACKOFF:?}");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }
}

impl AcceptLoop {
    /// Closes the acceptors after the last connection was accepted, all of them together. Each is
    /// dropped as soon as it is closed.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.acceptors.retain_mut(|acceptor| {
            // This calls a listener of the user's.
            let closed = catch_panic(|| acceptor.poll_close(cx)).unwrap_or_else(|panic| {
                warn!(%panic, "a listener panicked while it was closed");
                Poll::Ready(())
            });
            closed.is_pending()
        });
        if self.acceptors.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The peer went away between connecting and being accepted; the next one may be accepted at once.
fn is_connection_error(error: &io::Error) -> bool {
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
    use crate::session::registry::MaxSessions;
    use crate::sync::Mutex;

    /// Fails with the given errors, then accepts this many connections, and records when.
    struct FakeAcceptor {
        name: &'static str,
        fails: VecDeque<io::ErrorKind>,
        admits: usize,
        seen: Arc<Mutex<Vec<(&'static str, Duration)>>>,
        began: Instant,
    }

    impl Acceptor for FakeAcceptor {
        fn poll_accept_session(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
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

    /// The order in which the acceptors were served within ten seconds that pass at once.
    fn accept_order(
        acceptors: impl IntoIterator<Item = (&'static str, Vec<io::ErrorKind>, usize)>,
    ) -> Vec<(&'static str, Duration)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let seen = Arc::new(Mutex::new(Vec::new()));
        runtime.expect("a runtime").block_on(async {
            let began = Instant::now();
            let acceptors = acceptors.into_iter().map(|(name, fails, admits)| {
                Box::new(FakeAcceptor { name, fails: fails.into(), admits, seen: Arc::clone(&seen), began })
                    as Box<dyn Acceptor>
            });
            let mut accept_loop = AcceptLoop::new(acceptors.collect(), None);
            let Options { limits, queue_limits, .. } = Options::default();
            let max = MaxSessions { connections: 10, per_host: None, lingering: 0 };
            let stopping = crate::service::Stopping::never();
            let registry = SessionRegistry::new(Arc::new(scripted().0), limits, queue_limits, max, stopping);
            let _never = timeout(Duration::from_secs(10), accept_loop.run(&registry)).await;
        });
        std::mem::take(&mut *seen.lock())
    }

    #[test]
    fn s6_a_connection_that_is_gone_costs_no_time_and_a_lack_of_something_a_pause() {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, Other, OutOfMemory};
        let fails = vec![ConnectionAborted, Other, ConnectionReset, Interrupted, OutOfMemory];
        let times: Vec<_> =
            accept_order([("one", fails, 1)]).into_iter().map(|(_, at)| at.as_millis()).collect();
        assert_eq!(times, [0, 0, 100, 100, 100, 200]);
    }

    #[test]
    fn s6_no_acceptor_is_starved_by_one_that_is_busy() {
        let order = accept_order([
            ("busy", vec![], 100),
            ("quiet", vec![], 2),
            ("late", vec![io::ErrorKind::Other], 1),
        ]);
        let names: Vec<_> = order.iter().map(|(name, _)| *name).take(6).collect();
        assert_eq!(names, ["busy", "quiet", "late", "busy", "quiet", "late"]);
    }
}
