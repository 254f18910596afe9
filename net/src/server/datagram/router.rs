//! [`Router`]: passes the datagrams of one socket to sessions.
//!
//! For each datagram, it looks up the inbox of the sender and pushes the datagram; for a new sender
//! it starts a session first. It waits only for the socket: a datagram that exceeds a limit is
//! dropped.
//!
//! A session closes its inbox before it removes it from the map. If a datagram arrives between the
//! two, it finds a closed inbox and starts a new session, whose inbox replaces the old one in the
//! map.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use super::inbox::{Inbox, PushResult};
use super::rate::Rates;
use super::stats::{Counters, DropReason};
use super::stream::DatagramStream;
use crate::codec::Codec;
use crate::datagram::{AsyncSocket, DatagramAddr, PacketInfoBuffer};
use crate::error::catch_panic;
use crate::scope::Scope;
use crate::server::serve::ServeContext;
use crate::service::Service;
use crate::service::internal::Origin;
use crate::session::driver::Drive;
use crate::session::registry::{SessionRegistry, limit_key};
use crate::sync::Mutex;

/// How long receiving pauses when the system is out of a resource (S6).
const RECV_BACKOFF: Duration = Duration::from_millis(100);
/// The capacity above which an empty map is freed.
const MIN_SHRINK_CAPACITY: usize = 1024;

/// The key of a session: the peer, and the address of this host that it sends to. A peer that sends
/// to two addresses has two sessions, each of which answers from its address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Conversation {
    pub(super) addr: DatagramAddr,
    /// The address of this host that the peer sends to, if known: for sockets at the wildcard
    /// address.
    pub(super) local: Option<IpAddr>,
}

/// What the sessions of one socket share.
pub(super) struct Shared {
    pub(super) socket: AsyncSocket,
    pub(super) counters: Arc<Counters>,
    inboxes: Mutex<HashMap<Conversation, Arc<Inbox>>>,
}

impl Shared {
    fn find(&self, conversation: &Conversation) -> Option<Arc<Inbox>> {
        self.inboxes.lock().get(conversation).cloned()
    }

    /// Removes the inbox of an ended session, unless another inbox has replaced it.
    pub(super) fn remove(&self, conversation: &Conversation, inbox: &Arc<Inbox>) {
        let mut inboxes = self.inboxes.lock();
        let removed = match inboxes.get(conversation) {
            Some(there) if Arc::ptr_eq(there, inbox) => inboxes.remove(conversation),
            _ => None,
        };
        if inboxes.is_empty() && inboxes.capacity() > MIN_SHRINK_CAPACITY {
            *inboxes = HashMap::new();
        }
        drop(inboxes);
        drop(removed);
    }
}

/// Passes datagrams of one socket to the sessions of one server.
pub(in crate::server) struct Router<S: Service> {
    shared: Arc<Shared>,
    registry: Arc<SessionRegistry<S>>,
    scope: Arc<Scope>,
    max_sessions: usize,
    max_queued_datagram_bytes: usize,
    rates: Rates,
    /// The longest datagram that is accepted, in bytes.
    max_datagram: usize,
}

impl<S: Service> Router<S> {
    pub(in crate::server) fn new(
        context: &ServeContext<S>,
        socket: AsyncSocket,
        max_datagram: usize,
    ) -> Self {
        let counters = Arc::clone(&context.counters);
        let shared = Arc::new(Shared { socket, counters, inboxes: Mutex::default() });
        let (registry, scope) = (Arc::clone(&context.registry), Arc::clone(&context.scope));
        let (max_sessions, max_queued_datagram_bytes) =
            (context.max_datagram_sessions, context.max_queued_datagram_bytes);
        let [datagrams, sessions] = context.datagram_rates;
        Self {
            shared,
            registry,
            scope,
            max_sessions,
            max_queued_datagram_bytes,
            rates: Rates::new(datagrams, sessions),
            max_datagram,
        }
    }

    /// Starts a session for a new sender, if the limits permit it.
    fn admit<C, D>(
        &self,
        conversation: Conversation,
        origin: Origin,
        drive: &Arc<D>,
        codec: &C,
    ) -> Option<Arc<Inbox>>
    where
        C: Codec<S::Request, S::Response>,
        D: Drive<S, DatagramStream, C>,
    {
        if self.registry.datagram_count() >= self.max_sessions
            || !self.registry.has_capacity_for(&origin, true)
        {
            return None;
        }
        // The clone is user code. If it panics, only this sender is affected.
        let codec = catch_panic(|| codec.clone())
            .map_err(|panic| warn!(%panic, "a codec panicked while it was cloned"))
            .ok()?;
        let inbox = Arc::new(Inbox::new(self.max_queued_datagram_bytes));
        self.shared.inboxes.lock().insert(conversation.clone(), Arc::clone(&inbox));
        let seat = self.registry.admit_datagrams(origin);
        let packets = DatagramStream::new(Arc::clone(&self.shared), Arc::clone(&inbox), conversation);
        drop(tokio::spawn(self.scope.enter(drive.drive(seat, packets, codec))));
        Some(inbox)
    }

    fn deliver<C, D>(&mut self, datagram: &[u8], conversation: Conversation, drive: &Arc<D>, codec: &C)
    where
        C: Codec<S::Request, S::Response>,
        D: Drive<S, DatagramStream, C>,
    {
        self.shared.counters.received();
        if let Err(why) = self.try_deliver(datagram, conversation, drive, codec) {
            self.shared.counters.dropped(why);
        }
    }

    fn try_deliver<C, D>(
        &mut self,
        datagram: &[u8],
        conversation: Conversation,
        drive: &Arc<D>,
        codec: &C,
    ) -> Result<(), DropReason>
    where
        C: Codec<S::Request, S::Response>,
        D: Drive<S, DatagramStream, C>,
    {
        if conversation.addr == DatagramAddr::Unnamed {
            return Err(DropReason::UnnamedSender);
        }
        let origin = Origin::from(conversation.addr.ip());
        let host = origin.addr().map(limit_key);
        if host.is_some_and(|host| !self.rates.admits_datagram(host)) {
            return Err(DropReason::Rate);
        }
        let known = self.shared.find(&conversation).map(|inbox| inbox.push(datagram));
        let put = match known {
            Some(put @ (PushResult::Queued | PushResult::Full)) => put,
            Some(PushResult::Closed) | None => {
                if host.is_some_and(|host| !self.rates.admits_session(host)) {
                    return Err(DropReason::SessionRate);
                }
                let inbox = self.admit(conversation, origin, drive, codec).ok_or(DropReason::SessionLimit)?;
                inbox.push(datagram)
            }
        };
        match put {
            PushResult::Queued => Ok(()),
            PushResult::Full => Err(DropReason::QueueFull),
            PushResult::Closed => Err(DropReason::SessionEnded),
        }
    }
}

/// Receives and passes on datagrams. Never returns.
pub(in crate::server) async fn run<S, C, D>(
    mut route: Router<S>,
    mut packet_info: Option<PacketInfoBuffer>,
    drive: Arc<D>,
    codec: C,
) where
    S: Service,
    C: Codec<S::Request, S::Response>,
    D: Drive<S, DatagramStream, C>,
{
    // One byte more than the limit, so that the codec notices a longer datagram.
    let mut buffer = vec![0; route.max_datagram + 1];
    loop {
        match poll_fn(|cx| route.shared.socket.poll_recv_with_dest(cx, &mut buffer, packet_info.as_mut()))
            .await
        {
            Ok((length, addr, local)) => {
                route.deliver(&buffer[..length], Conversation { addr, local }, &drive, &codec);
            }
            // The error belongs to a datagram that was sent earlier, and its session is unknown
            // here.
            Err(error) if is_peer_error(&error) => debug!(%error, "a datagram did not arrive"),
            Err(error) => {
                warn!(%error, "receiving failed; trying again in {RECV_BACKOFF:?}");
                tokio::time::sleep(RECV_BACKOFF).await;
            }
        }
    }
}

/// Returns whether the error concerns one peer. Some systems report ICMP errors of unconnected
/// sockets (D11).
fn is_peer_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable};
    use io::ErrorKind::{Interrupted, NetworkUnreachable};
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkUnreachable
    )
}
