//! Buffers and slots that are used again, and what a session costs.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;

#[test]
fn buffers_that_have_grown_are_not_kept() {
    use bytes::{Buf, BytesMut};
    let with_input = |size: usize| {
        let mut input = BytesMut::with_capacity(size);
        input.extend_from_slice(&vec![0; size]);
        input.advance(size - 10);
        Box::new(buffers::Buffers { input, ..buffers::Buffers::default() })
    };
    buffers::give_back(with_input(1024 * 1024));
    assert_eq!(buffers::lease().input.capacity(), 0);
    buffers::give_back(with_input(buffers::LEASE));
    assert_eq!(buffers::lease().input.capacity(), buffers::LEASE, "one of the usual size is, whole");
}

#[test]
fn futures_are_pinned_anew_in_a_slot_that_is_used_again() {
    let shelf = shelf::Shelf::new();
    let make = |n: u32| async move { n };
    let slot = shelf.put_in(|| make(1));
    let at = std::ptr::from_ref(&*slot);
    shelf.take_back(slot);
    let mut slot = shelf.put_in(|| make(2));
    assert_eq!(std::ptr::from_ref(&*slot), at);
    let future = slot.as_mut().as_pin_mut().expect("a filled slot");
    assert_eq!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(2));
}
