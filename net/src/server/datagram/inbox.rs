//! [`Inbox`]: the datagrams that a session has not read, bounded in bytes.
//!
//! The router pushes whole datagrams, and the session's driver reads bytes. A closed inbox accepts
//! nothing: the router then starts a new session.

use std::task::{Context, Poll, Waker};

use tokio::io::ReadBuf;

use crate::codec::private::PREFIX_LEN;
use crate::sync::Mutex;

/// The queue of an idle session keeps at most this capacity, in bytes.
const MIN_SHRINK_CAPACITY: usize = 512;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum PushResult {
    Queued,
    /// The queue is full, and the datagram is dropped.
    Full,
    /// The session has ended.
    Closed,
}

pub(super) struct Inbox {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Datagrams, each preceded by its length.
    bytes: Vec<u8>,
    /// How many of these bytes have been read.
    read: usize,
    reader: Option<Waker>,
    closed: bool,
    received: Received,
}

/// How many datagrams have arrived; only the first two matter.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Received {
    #[default]
    None,
    One,
    More,
}

impl Inbox {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::new(State::default()) }
    }

    pub(super) fn push(&self, datagram: &[u8]) -> PushResult {
        let mut state = self.state.lock();
        if state.closed {
            return PushResult::Closed;
        }
        let waiting = state.bytes.len() - state.read;
        // The length prefix counts, so that the number of empty datagrams is bounded too.
        if waiting > 0 && waiting + PREFIX_LEN + datagram.len() > self.capacity {
            return PushResult::Full;
        }
        if state.read > 0 {
            let read = state.read;
            state.bytes.drain(..read);
            state.read = 0;
        }
        state.received = if state.received == Received::None { Received::One } else { Received::More };
        // A datagram has at most 16 MiB, so its length fits.
        state.bytes.extend_from_slice(&(datagram.len() as u32).to_be_bytes());
        state.bytes.extend_from_slice(datagram);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        PushResult::Queued
    }

    /// Returns whether at most one datagram has arrived.
    pub(super) fn has_single_datagram(&self) -> bool {
        self.state.lock().received != Received::More
    }

    /// Reads what is available. A closed inbox returns no bytes: the end of the stream.
    pub(super) fn poll_read(&self, cx: &Context<'_>, into: &mut ReadBuf<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        let State { bytes, read, reader, closed, .. } = &mut *state;
        if *closed {
            return Poll::Ready(());
        }
        let there = &bytes[*read..];
        if there.is_empty() {
            match reader {
                Some(reader) => reader.clone_from(cx.waker()),
                None => *reader = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        let count = there.len().min(into.remaining());
        into.put_slice(&there[..count]);
        *read += count;
        if *read == bytes.len() {
            *read = 0;
            bytes.clear();
            bytes.shrink_to(MIN_SHRINK_CAPACITY);
        }
        Poll::Ready(())
    }

    /// Closes the inbox. Returns whether unread datagrams were dropped.
    pub(super) fn close(&self) -> bool {
        let mut state = self.state.lock();
        state.closed = true;
        let unread = !state.bytes.is_empty();
        let dropped = (std::mem::take(&mut state.bytes), state.reader.take());
        drop(state);
        drop(dropped);
        unread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(inbox: &Inbox, most: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; most];
        let mut into = ReadBuf::new(&mut bytes);
        let polled = inbox.poll_read(&Context::from_waker(Waker::noop()), &mut into);
        polled.is_ready().then(|| into.filled().to_vec())
    }

    #[test]
    fn datagrams_come_out_as_frames_in_whatever_pieces() {
        let inbox = Inbox::new(1000);
        assert_eq!(
            (inbox.push(b"ab"), inbox.push(b""), inbox.push(b"c")),
            (PushResult::Queued, PushResult::Queued, PushResult::Queued)
        );
        let mut bytes = Vec::new();
        while let Some(piece) = read(&inbox, 3) {
            bytes.extend(piece);
        }
        assert_eq!(bytes, b"\0\0\0\x02ab\0\0\0\0\0\0\0\x01c");
    }

    #[test]
    fn s11_the_newest_is_dropped_at_the_bound_and_one_always_fits() {
        let inbox = Inbox::new(10);
        assert_eq!(inbox.push(&[1; 100]), PushResult::Queued);
        assert_eq!(inbox.push(b""), PushResult::Full);
        assert_eq!(read(&inbox, 200).map(|bytes| bytes.len()), Some(104));
        assert_eq!(
            [inbox.push(b""), inbox.push(b"ab"), inbox.push(b"")],
            [PushResult::Queued, PushResult::Queued, PushResult::Full]
        );
        // Half of a frame that was read makes room.
        assert_eq!(read(&inbox, 4), Some(vec![0; 4]));
        assert_eq!(inbox.push(b""), PushResult::Queued);
    }

    #[test]
    fn a_closed_inbox_takes_and_gives_nothing() {
        let inbox = Inbox::new(10);
        inbox.push(b"a");
        assert!(inbox.close());
        assert_eq!(inbox.push(b"a"), PushResult::Closed);
        assert_eq!(read(&inbox, 10), Some(Vec::new()));
        assert!(!inbox.close());
    }

    #[test]
    fn a_reader_is_woken_and_a_large_queue_is_given_back() {
        let inbox = Inbox::new(100_000);
        assert_eq!(read(&inbox, 10), None);
        assert!(inbox.state.lock().reader.is_some());
        inbox.push(&[0; 50_000]);
        assert!(inbox.state.lock().reader.is_none());
        read(&inbox, 100_000);
        assert!(inbox.state.lock().bytes.capacity() <= MIN_SHRINK_CAPACITY);
    }
}
