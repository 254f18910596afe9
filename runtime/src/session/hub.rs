//! [`Hub`]: what the sessions of one server share, and the list of who is there.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::post::Post;
use super::watch::{Bounds, Limits, Phase, Watch};
use crate::service::{Service, Style};
use crate::sync::Mutex;
use crate::transport::origin::Origin;

/// The service, the watch, and a seat for each session. Aligned, so that its count of owners, which every burst changes, is not on a
/// cache line with what every burst reads.
#[repr(align(128))]
pub struct Hub<S: Service> {
    service: Arc<S>,
    watch: Arc<Watch>,
    /// How many sessions one host may have.
    max_per_host: Option<usize>,
    /// How many connections may linger beside those that have a place, and how many do.
    max_lingering: usize,
    lingering: AtomicUsize,
    /// How many sessions are of datagrams: they take no places of connections.
    datagrams: AtomicUsize,
    seats: Mutex<Seats<S::Response, S::Event>>,
    /// Rings when a seat becomes free. One task waits for it: the one that accepts, later the one that stops.
    left: Notify,
}

struct Seats<Rsp, Ev> {
    posts: Vec<Option<Arc<Post<Rsp, Ev>>>>,
    free: Vec<usize>,
    admitted: u64,
    /// How many are from each host; kept only if there is a limit of it.
    hosts: HashMap<Host, usize>,
}

/// A host, and whether it sends datagrams: those may come from anywhere under its name, and must not use up the
/// connections that it may have.
type Host = (IpAddr, bool);

impl<Rsp, Ev> Seats<Rsp, Ev> {
    fn leave(&mut self, host: Host) {
        if let Entry::Occupied(mut count) = self.hosts.entry(host) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl<S: Service> Hub<S> {
    pub(crate) fn new(
        service: Arc<S>,
        limits: Limits,
        bounds: Bounds,
        max_per_host: Option<usize>,
        max_lingering: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            service,
            watch: Arc::new(Watch::new(limits.with_states(S::Style::SHORTEST_LIMIT), bounds)),
            max_per_host,
            max_lingering,
            lingering: AtomicUsize::new(0),
            datagrams: AtomicUsize::new(0),
            seats: Mutex::new(Seats {
                posts: Vec::new(),
                free: Vec::new(),
                admitted: 0,
                hosts: HashMap::new(),
            }),
            left: Notify::new(),
        })
    }

    pub(crate) fn service(&self) -> &Arc<S> {
        &self.service
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Whether the limit of sessions from one host lets one more in from there.
    pub(crate) fn has_room_for(&self, origin: &Origin, datagrams: bool) -> bool {
        let Some((limit, host)) = self.max_per_host.zip(self.counted(origin, datagrams)) else { return true };
        self.seats.lock().hosts.get(&host).is_none_or(|count| *count < limit)
    }

    /// A seat for a new session; it is free again when the [`Seat`] is dropped.
    pub(crate) fn admit(self: &Arc<Self>, origin: impl Into<Origin>) -> Seat<S> {
        self.seat(origin.into(), false)
    }

    /// As [`admit`](Self::admit), for a session of datagrams.
    pub(crate) fn admit_datagrams(self: &Arc<Self>, origin: impl Into<Origin>) -> Seat<S> {
        self.datagrams.fetch_add(1, Ordering::Relaxed);
        self.seat(origin.into(), true)
    }

    fn seat(self: &Arc<Self>, origin: Origin, datagrams: bool) -> Seat<S> {
        let mut seats = self.seats.lock();
        if let Some(host) = self.counted(&origin, datagrams) {
            *seats.hosts.entry(host).or_default() += 1;
        }
        seats.admitted += 1;
        let post = Post::new(seats.admitted, origin, Arc::clone(&self.watch));
        let index = match seats.free.pop() {
            Some(index) => {
                seats.posts[index] = Some(Arc::clone(&post));
                index
            }
            None => {
                seats.posts.push(Some(Arc::clone(&post)));
                seats.posts.len() - 1
            }
        };
        drop(seats);
        Seat { hub: Arc::clone(self), index: index as u32, datagrams, post }
    }

    /// The host that a session counts for, if hosts are counted.
    fn counted(&self, origin: &Origin, datagrams: bool) -> Option<Host> {
        self.max_per_host.and_then(|_| Some((origin.host()?, datagrams)))
    }

    /// How many sessions there are.
    pub(crate) fn present(&self) -> usize {
        let seats = self.seats.lock();
        seats.posts.len() - seats.free.len()
    }

    /// How many sessions there are that have not ended: connections that only linger are not counted.
    pub(crate) fn serving(&self) -> usize {
        // Under the lock, so that a session that leaves is not seen in one count and missed in the other.
        let seats = self.seats.lock();
        let present = seats.posts.len() - seats.free.len();
        present.saturating_sub(self.lingering.load(Ordering::Relaxed))
    }

    /// How many of them are of datagrams.
    pub(crate) fn serving_datagrams(&self) -> usize {
        self.datagrams.load(Ordering::Relaxed)
    }

    /// Waits until fewer than `max_connections` connections are served. For one task at a time.
    pub(crate) async fn place(&self, max_connections: usize) {
        while self.serving().saturating_sub(self.serving_datagrams()) >= max_connections {
            self.left.notified().await;
        }
    }

    /// Gives up the place of a session that has ended and whose connection is about to linger, unless too many linger
    /// already. From here until its seat is free it is not counted as served.
    pub(super) fn leave_place(&self, post: &Post<S::Response, S::Event>) {
        let room = |count: usize| (count < self.max_lingering).then_some(count + 1);
        if self.lingering.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok() {
            post.leave_place();
            self.left.notify_one();
        }
    }

    /// The sessions that are being polled right now, each with the number of that poll.
    fn polled(&self) -> Vec<(StuckSession, u16)> {
        let posts: Vec<_> = self.seats.lock().posts.iter().flatten().cloned().collect();
        let stuck = |post: &Post<_, _>| StuckSession {
            id: post.id(),
            peer: post.origin().addr(),
            handler: handler_of::<S>(),
        };
        posts.iter().filter_map(|post| Some((stuck(post), post.poll()?))).collect()
    }

    /// Waits until at most `count` sessions are there. For one task at a time.
    pub(crate) async fn at_most(&self, count: usize) {
        while self.present() > count {
            self.left.notified().await;
        }
    }

    /// Moves the stop on, and has every session look at it.
    pub(crate) fn advance(&self, phase: Phase) {
        self.watch.enter(phase);
        // A session that is admitted from here on sees the phase at its first poll.
        let posts: Vec<_> = self.seats.lock().posts.iter().flatten().cloned().collect();
        posts.iter().for_each(|post| post.nudge());
    }

    /// Moves the clock, and wakes the sessions whose deadline has passed.
    pub(crate) fn sweep(&self) {
        self.watch.tick();
        let overdue: Vec<_> = {
            let seats = self.seats.lock();
            seats.posts.iter().flatten().filter(|post| post.overdue()).cloned().collect()
        };
        overdue.iter().for_each(|post| post.nudge());
    }

    fn leave(&self, index: usize, datagrams: bool, has_left_place: bool) {
        let mut seats = self.seats.lock();
        let post = seats.posts[index].take();
        seats.free.push(index);
        if has_left_place {
            self.lingering.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(host) = post.as_ref().and_then(|post| self.counted(post.origin(), datagrams)) {
            seats.leave(host);
        }
        // After a crowd has left, what the list of its seats took is given back.
        if seats.free.len() == seats.posts.len() {
            seats.posts = Vec::new();
            seats.free = Vec::new();
        }
        drop(seats);
        drop(post);
        if datagrams {
            self.datagrams.fetch_sub(1, Ordering::Relaxed);
        }
        self.left.notify_one();
    }
}

/// A session that holds a loop thread: its handler, or one of its hooks, does not return to the loop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StuckSession {
    /// The session's number: [`Peer::id`](crate::Peer::id).
    pub id: u64,
    /// The address of its peer, if the transport has addresses.
    pub peer: Option<SocketAddr>,
    /// The service and its handler: `Echo::handle`. Of a service with several, all of them: `Chat::{name, room}`.
    pub handler: String,
}

/// `session 3 with 127.0.0.1:4000: `Echo::handle` holds a loop thread`
impl fmt::Display for StuckSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}", self.id)?;
        if let Some(peer) = self.peer {
            write!(f, " with {peer}")?;
        }
        write!(f, ": `{}` holds a loop thread", self.handler)
    }
}

fn handler_of<S: Service>() -> String {
    let name = std::any::type_name::<S>();
    // Without the path of the type; those of its parameters stay.
    let end = name.find('<').unwrap_or(name.len());
    let start = name[..end].rfind("::").map_or(0, |at| at + 2);
    let service = &name[start..];
    match S::HANDLERS {
        [] => service.to_owned(),
        [handler] => format!("{service}::{handler}"),
        handlers => format!("{service}::{{{}}}", handlers.join(", ")),
    }
}

/// What a server's sessions are, seen from a thread that is none of its loop's.
pub(crate) trait Outside: Send + Sync {
    /// As [`Hub::serving`].
    fn serving(&self) -> usize;
    /// The sessions that are being polled right now, each with the number of that poll.
    fn polled(&self) -> Vec<(StuckSession, u16)>;
    /// Whether the clock of the sessions is behind by far: then nobody attends to the loop's sockets and timers.
    fn is_late(&self) -> bool;
}

impl<S: Service> Outside for Hub<S> {
    fn serving(&self) -> usize {
        Self::serving(self)
    }

    fn polled(&self) -> Vec<(StuckSession, u16)> {
        Self::polled(self)
    }

    fn is_late(&self) -> bool {
        self.watch.is_late()
    }
}

/// The sessions that were in the same poll at two looks.
pub(crate) fn in_both(first: &[(StuckSession, u16)], second: Vec<(StuckSession, u16)>) -> Vec<StuckSession> {
    second.into_iter().filter(|polled| first.contains(polled)).map(|(session, _)| session).collect()
}

/// A session's place in its hub.
pub struct Seat<S: Service> {
    hub: Arc<Hub<S>>,
    // More sessions than that have no room in any memory. With the flag it is as large as a `usize`.
    index: u32,
    datagrams: bool,
    post: Arc<Post<S::Response, S::Event>>,
}

impl<S: Service> Seat<S> {
    pub(super) fn post(&self) -> &Arc<Post<S::Response, S::Event>> {
        &self.post
    }
}

impl<S: Service> Drop for Seat<S> {
    fn drop(&mut self) {
        self.post.leave();
        self.hub.leave(self.index as usize, self.datagrams, self.post.has_left_place());
    }
}
