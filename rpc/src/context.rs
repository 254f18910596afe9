//! [`CallContext`]: what a handler is given beside the parameters, and the items that it sends.
//!
//! A method with a `&Sender<Item>` sends its client a stream of items before it returns. The items
//! go through a [`channel`] of the runtime, so the producer may be a thread or a task, and it waits
//! while the channel is full. The call's own future, which the session polls with the other calls,
//! takes them out of it: one for each item of credit that the client has granted.
//!
//! | a client that | the producer | other calls |
//! |---|---|---|
//! | takes items | goes on: half a window of credit is granted at a time | |
//! | takes none, but reads its connection | waits after [`INITIAL_CREDIT`] items and the channel's | go on |
//! | cancels, or closes the connection | gets an error from its next send | |

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures_util::stream::Stream;
use portcullis_runtime::{Receiver, Sender, channel};
use portcullis_service::{Peer, SendFuture, TrySendError};

use crate::protocol::Protocol;
use crate::wire::{INITIAL_CREDIT, ServerMessage, WITHOUT_CREDIT};

/// How many items wait in the channel of a call.
const CAPACITY: usize = 16;

/// The context of one call: its client, and the stream of its items.
pub struct CallContext<'a, P: Protocol> {
    peer: &'a Peer<ServerMessage<P>>,
    credits: &'a CreditTable,
    id: u64,
}

impl<P: Protocol> Clone for CallContext<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Protocol> Copy for CallContext<'_, P> {}

impl<P: Protocol> fmt::Debug for CallContext<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext").field("peer", self.peer).field("id", &self.id).finish_non_exhaustive()
    }
}

impl<'a, P: Protocol> CallContext<'a, P> {
    pub(crate) fn new(peer: &'a Peer<ServerMessage<P>>, credits: &'a CreditTable, id: u64) -> Self {
        Self { peer, credits, id }
    }

    /// The client.
    pub fn peer(&self) -> &'a Peer<ServerMessage<P>> {
        self.peer
    }

    /// The number of the call on its connection.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Runs the handler of a method that sends items. `handler` is given the sender, and `wrap` is
    /// the variant of [`Protocol::Reply`] for an item of this method.
    ///
    /// Returns when the handler has returned and what it has sent until then is in the session's
    /// queue, so items precede the reply. Clones of the sender that are left get an error from
    /// their next send.
    ///
    /// # Cancellation
    /// Dropping the future drops the handler, and the producer gets an error from its next send.
    pub async fn with_items<T, F>(
        self,
        wrap: fn(T) -> P::Reply,
        handler: impl FnOnce(Sender<T>) -> F,
    ) -> F::Output
    where
        T: Send + 'static,
        F: Future,
    {
        let (sender, receiver) = channel(CAPACITY);
        let mut handler = pin!(handler(sender));
        let credit = self.credits.register(self.id);
        let mut items = Forwarding { context: self, credit, receiver, wrap, next: None, sending: None };
        let mut output = None;
        poll_fn(|cx| {
            if output.is_none() {
                if let Poll::Ready(value) = handler.as_mut().poll(cx) {
                    output = Some(value);
                }
            }
            let is_last = output.is_some();
            match items.poll(is_last, cx) {
                Poll::Ready(()) if is_last => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
        match output {
            Some(output) => output,
            None => unreachable!("the handler has returned"),
        }
    }
}

/// Takes items out of the channel and sends them.
struct Forwarding<'a, P: Protocol, T> {
    context: CallContext<'a, P>,
    credit: Credit<'a>,
    receiver: Receiver<T>,
    wrap: fn(T) -> P::Reply,
    /// An item that waits for credit.
    next: Option<P::Reply>,
    sending: Option<SendFuture<ServerMessage<P>>>,
}

impl<P: Protocol, T> Forwarding<'_, P, T> {
    /// Ready when no more items come. After `is_last`, none come that are not in the channel yet.
    fn poll(&mut self, is_last: bool, cx: &mut Context<'_>) -> Poll<()> {
        let CallContext { peer, id, .. } = self.context;
        loop {
            if let Some(sending) = &mut self.sending {
                let is_open = ready!(Pin::new(sending).poll(cx)).is_ok();
                self.sending = None;
                if !is_open {
                    return Poll::Ready(());
                }
            }
            if self.next.is_none() {
                match Pin::new(&mut self.receiver).poll_next(cx) {
                    Poll::Ready(Some(item)) => self.next = Some((self.wrap)(item)),
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending if is_last => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
            if !self.credit.poll_take(cx) {
                return Poll::Pending;
            }
            let Some(item) = self.next.take() else { continue };
            match peer.try_send(ServerMessage::Item { id, item }) {
                Ok(()) => {}
                Err(TrySendError::Full(message)) => self.sending = Some(peer.send(message)),
                Err(TrySendError::Closed(_)) => return Poll::Ready(()),
            }
        }
    }
}

/// How many items each call of a session may still send. Only calls that send items have an entry.
#[derive(Default)]
pub(crate) struct CreditTable(Mutex<Vec<Entry>>);

struct Entry {
    id: u64,
    /// `u32::MAX` is no limit.
    left: u32,
    waker: Option<Waker>,
}

impl CreditTable {
    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Grants a call more items. A call that is not known has ended, or sends no items.
    pub(crate) fn add(&self, id: u64, items: u32) {
        let mut wakers = Vec::new();
        for entry in self.lock().iter_mut().filter(|entry| entry.id == id) {
            entry.left = entry.left.saturating_add(items);
            wakers.extend(entry.waker.take());
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    fn register(&self, id: u64) -> Credit<'_> {
        let left = if id & WITHOUT_CREDIT == 0 { INITIAL_CREDIT } else { u32::MAX };
        self.lock().push(Entry { id, left, waker: None });
        Credit { table: self, id }
    }
}

/// The entry of one call.
struct Credit<'a> {
    table: &'a CreditTable,
    id: u64,
}

impl Credit<'_> {
    fn with<T>(&self, f: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.table.lock().iter_mut().find(|entry| entry.id == self.id).map(f)
    }

    /// Takes the credit for an item. If there is none, the task is woken when there is some.
    fn poll_take(&self, cx: &Context<'_>) -> bool {
        let taken = self.with(|entry| match entry.left.checked_sub(1) {
            Some(_) if entry.left == u32::MAX => true,
            Some(left) => {
                entry.left = left;
                true
            }
            None => {
                entry.waker = Some(cx.waker().clone());
                false
            }
        });
        taken.unwrap_or(false)
    }
}

impl Drop for Credit<'_> {
    fn drop(&mut self) {
        let mut entries = self.table.lock();
        let at = entries.iter().position(|entry| entry.id == self.id);
        let entry = at.map(|at| entries.swap_remove(at));
        drop(entries);
        drop(entry); // its waker may be the last owner of its task
    }
}
