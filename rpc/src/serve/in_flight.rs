//! [`InFlight`]: the calls of a session that have begun and not ended.
//!
//! A call has a slot, whose box and waker later calls use again: a session with calls in flight
//! allocates only when it has more of them than ever before. A call that is ready at its first poll
//! needs no waker.
//!
//! | a call is polled | by |
//! |---|---|
//! | once, when it begins | [`InFlight::begin`] |
//! | after its waker was called | [`InFlight::poll_woken`]: the waker notes the slot in [`Woken`], and wakes the session's task |

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use portcullis_runtime::internal::error::catch_and_log;

/// How many slots are allocated with the second, and how many may be woken without an allocation.
const SECOND_SLOTS: usize = 31;

/// The calls in flight. Dropping it cancels them.
pub(super) struct InFlight<F> {
    slots: Vec<Slot<F>>,
    /// The free slot that was used last: each leads to the one before. The number of slots if none
    /// is free.
    free: usize,
    len: usize,
    /// How many of them have a deadline.
    with_deadline: usize,
    /// Made by the first call that is pending.
    woken: Option<Arc<Woken>>,
    /// Slots to be polled. Its memory is exchanged with that of `woken`.
    polled: Vec<usize>,
}

struct Slot<F> {
    id: u64,
    deadline: Option<Instant>,
    /// `None` if the slot is free.
    future: Pin<Box<Option<F>>>,
    /// The next free slot, if this one is free.
    next_free: usize,
    waker: Option<CallWaker>,
}

/// A waker, and what it is made of.
struct CallWaker {
    woken: Arc<WokenSlot>,
    waker: Waker,
}

/// What the wakers of a session's calls share.
struct Woken(Mutex<WokenState>);

struct WokenState {
    slots: Vec<usize>,
    /// The session's task, if it is to be woken.
    task: Option<Waker>,
}

struct WokenSlot {
    index: usize,
    /// The slot is in the list, or about to be.
    is_listed: AtomicBool,
    all: Arc<Woken>,
}

impl Woken {
    fn lock(&self) -> MutexGuard<'_, WokenState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for WokenSlot {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_listed.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut woken = self.all.lock();
        woken.slots.push(self.index);
        let task = woken.task.take();
        drop(woken);
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl<F> Slot<F> {
    fn new() -> Self {
        Self { id: 0, deadline: None, future: Box::pin(None), next_free: 0, waker: None }
    }

    /// Drops the future. Its drop is the user's code, and a panic in it must not end the session,
    /// nor the drop of other calls.
    fn empty(&mut self) {
        catch_and_log("the drop of a call", || self.future.set(None));
    }

    fn is_free(&self) -> bool {
        self.future.is_none()
    }
}

impl<F: Future> Slot<F> {
    /// Polls the future with the waker of the slot, or with that of the task.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = self.future.as_mut().as_pin_mut() else { return Poll::Pending };
        match &self.waker {
            Some(CallWaker { waker, .. }) => future.poll(&mut Context::from_waker(waker)),
            None => future.poll(cx),
        }
    }
}

impl<F: Future> InFlight<F> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), free: 0, len: 0, with_deadline: 0, woken: None, polled: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether a call has a deadline.
    pub(super) fn has_deadlines(&self) -> bool {
        self.with_deadline > 0
    }

    /// Begins a call. Returns its output if that is ready at once.
    pub(super) fn begin(
        &mut self,
        id: u64,
        deadline: Option<Instant>,
        future: impl FnOnce() -> F,
        cx: &mut Context<'_>,
    ) -> Option<F::Output> {
        let index = self.free;
        if index == self.slots.len() {
            if index == 1 {
                // Probably the second of many.
                self.slots.reserve(SECOND_SLOTS);
            }
            self.slots.push(Slot::new());
            self.slots[index].next_free = index + 1;
        }
        let slot = &mut self.slots[index];
        // Calls that are ready at once all use the first slot. A call beside one that is pending
        // will probably be pending, too.
        if index > 0 && slot.waker.is_none() {
            slot.waker = Some(new_waker(&mut self.woken, index));
        }
        slot.future.set(Some(future()));
        let mut polled = slot.poll(cx);
        if polled.is_pending() && slot.waker.is_none() {
            slot.waker = Some(new_waker(&mut self.woken, index));
            // With this waker.
            polled = slot.poll(cx);
        }
        self.free = slot.next_free;
        self.len += 1;
        self.with_deadline += usize::from(deadline.is_some());
        (slot.id, slot.deadline) = (id, deadline);
        match polled {
            Poll::Ready(output) => {
                self.release(index);
                Some(output)
            }
            Poll::Pending => None,
        }
    }

    /// Drops the call in a slot that is not free.
    fn release(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.empty();
        slot.next_free = self.free;
        self.free = index;
        self.len -= 1;
        self.with_deadline -= usize::from(slot.deadline.is_some());
    }

    /// Polls the calls that were woken, each once. The task is woken when others are.
    pub(super) fn poll_woken(&mut self, cx: &mut Context<'_>, mut ended: impl FnMut(u64, F::Output)) {
        let Some(woken) = self.woken.as_ref().filter(|_| self.len > 0) else { return };
        let mut state = woken.lock();
        match &mut state.task {
            Some(task) => task.clone_from(cx.waker()),
            task => *task = Some(cx.waker().clone()),
        }
        if state.slots.is_empty() {
            return;
        }
        let mut polled = std::mem::take(&mut self.polled);
        std::mem::swap(&mut state.slots, &mut polled);
        if state.slots.capacity() == 0 && self.slots.len() > 1 {
            state.slots.reserve(1 + SECOND_SLOTS);
        }
        drop(state);
        for index in polled.drain(..) {
            let slot = &mut self.slots[index];
            if let Some(CallWaker { woken, .. }) = &slot.waker {
                woken.is_listed.swap(false, Ordering::AcqRel);
            }
            if let Poll::Ready(output) = slot.poll(cx) {
                let id = slot.id;
                self.release(index);
                ended(id, output);
            }
        }
        self.polled = polled;
    }

    /// Drops the calls for which `ends` returns true, by their numbers and deadlines.
    pub(super) fn end_if(&mut self, mut ends: impl FnMut(u64, Option<Instant>) -> bool) {
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            if !slot.is_free() && ends(slot.id, slot.deadline) {
                self.release(index);
            }
        }
    }
}

fn new_waker(woken: &mut Option<Arc<Woken>>, index: usize) -> CallWaker {
    let all = woken
        .get_or_insert_with(|| Arc::new(Woken(Mutex::new(WokenState { slots: Vec::new(), task: None }))));
    let woken = Arc::new(WokenSlot { index, is_listed: AtomicBool::new(false), all: Arc::clone(all) });
    CallWaker { waker: Waker::from(Arc::clone(&woken)), woken }
}

impl<F> Drop for InFlight<F> {
    fn drop(&mut self) {
        self.slots.iter_mut().for_each(Slot::empty);
        if let Some(woken) = &self.woken {
            // A waker that a job keeps must not keep the task.
            let task = woken.lock().task.take();
            drop(task);
        }
    }
}
