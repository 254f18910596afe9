//! [`Ticket`]: who has a job. One compare-exchange decides between a thread that takes it and whoever cancels it.

use crate::sync::atomic::{AtomicU8, Ordering};

/// `New` → `Lined` (maybe by way of `Lent` or `Aside`) or `Lent` → `Taken` by the thread that runs it, or `Dead` from any
/// but that.
pub(super) struct Ticket(AtomicU8);

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stands {
    New,
    /// In the line; or on its way there, and nobody but its maker knows of it.
    Lined,
    /// In the mailbox of a thread that waits, or will.
    Lent,
    /// Behind the holder of its lane.
    Aside,
    Taken,
    Dead,
}

impl Ticket {
    #[inline]
    pub(super) fn new(stands: Stands) -> Self {
        Self(AtomicU8::new(stands as u8))
    }

    #[inline]
    fn go(&self, from: Stands, to: Stands) -> bool {
        self.0.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    #[inline]
    pub(super) fn claim(&self) -> bool {
        self.go(Stands::Lined, Stands::Taken) || self.go(Stands::Lent, Stands::Taken)
    }

    #[inline]
    pub(super) fn line_up(&self) -> bool {
        self.0.load(Ordering::Acquire) == Stands::Lined as u8
            || [Stands::New, Stands::Lent, Stands::Aside].into_iter().any(|from| self.go(from, Stands::Lined))
    }

    #[inline]
    pub(super) fn stand_aside(&self) -> bool {
        self.go(Stands::New, Stands::Aside)
    }

    #[inline]
    pub(super) fn be_lent(&self) -> bool {
        self.go(Stands::New, Stands::Lent)
    }

    /// Takes the job out of every thread's reach; where it stood, or `None` if a thread has it already.
    pub(super) fn kill(&self) -> Option<Stands> {
        loop {
            let waiting = [Stands::New, Stands::Lined, Stands::Lent, Stands::Aside];
            let now = self.0.load(Ordering::Acquire);
            let from = waiting.into_iter().find(|stands| *stands as u8 == now)?;
            if self.go(from, Stands::Dead) {
                return Some(from);
            }
        }
    }

    #[inline]
    pub(super) fn is_dead(&self) -> bool {
        self.0.load(Ordering::Acquire) == Stands::Dead as u8
    }
}
