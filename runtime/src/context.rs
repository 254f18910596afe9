//! What is current on a thread: on whose behalf its code runs.
//!
//! On a pool thread that is the job which it runs; on a loop thread, while a portal call or a task spawned by
//! a worker is polled, the job that asked for it. Offloads made meanwhile know by it which threads wait for
//! them (see `lend` in [`Job`]), and which server they belong to.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::job::Job;
use crate::pool::sitting;
use crate::scope::Scope;
use crate::sync::thread_local;
use crate::values::Values;

#[derive(Clone, Default)]
pub(crate) struct Current {
    pub(crate) host: Option<Arc<dyn Job>>,
    pub(crate) scope: Option<Arc<Scope>>,
    /// What the user has set (`context!`).
    pub(crate) values: Option<Arc<Values>>,
}

impl Current {
    /// What is current while `host` runs, or something runs on its behalf.
    pub(crate) fn of(host: Arc<dyn Job>) -> Self {
        let about = host.about();
        Self { scope: about.scope.clone(), values: about.values.clone(), host: Some(host) }
    }
}

thread_local! {
    static CURRENT: RefCell<Current> = const { RefCell::new(Current { host: None, scope: None, values: None }) };
    static HERE: Cell<Here> = const { Cell::new(Here::Elsewhere) };
}

/// What this thread does right now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Here {
    /// Nothing of ours: nothing is current.
    Elsewhere,
    /// It runs something of ours that is no task.
    Busy,
    /// It polls a task of ours.
    OnLoop,
    /// It runs a job that has nothing to pass on but itself: the one that sits on the thread's seat.
    Seated,
}

/// A copy of what is current here; nothing while the thread is being torn down.
#[inline]
pub(crate) fn current() -> Current {
    let here = here();
    if here == Here::Elsewhere {
        return Current::default();
    }
    let mut current = CURRENT.try_with(|current| current.borrow().clone()).unwrap_or_default();
    if here == Here::Seated {
        current.host = sitting();
    }
    current
}

#[inline]
fn here() -> Here {
    HERE.try_with(Cell::get).unwrap_or(Here::Elsewhere)
}

/// Whether this thread polls a task of ours right now.
pub(crate) fn on_loop() -> bool {
    here() == Here::OnLoop
}

/// Runs the job that sits on this thread's seat, which has no scope and no values. As [`with`], and cheaper.
pub(crate) fn seated<R>(f: impl FnOnce() -> R) -> R {
    let _back = Was::set(Here::Seated);
    f()
}

/// What the thread did before.
struct Was(Here);

impl Was {
    fn set(here: Here) -> Self {
        Self(HERE.try_with(|now| now.replace(here)).unwrap_or(Here::Elsewhere))
    }
}

impl Drop for Was {
    fn drop(&mut self) {
        let _ = HERE.try_with(|now| now.set(self.0));
    }
}

/// Makes `mine` current while `f` runs, without a copy: the two trade places and trade back, also on a panic.
pub(crate) fn with<R>(mine: &mut Current, on_loop: bool, f: impl FnOnce() -> R) -> R {
    struct Back<'a>(&'a mut Current);
    impl Drop for Back<'_> {
        fn drop(&mut self) {
            swap(self.0);
        }
    }
    let _was = Was::set(if on_loop { Here::OnLoop } else { Here::Busy });
    swap(mine);
    let _back = Back(mine);
    f()
}

fn swap(with: &mut Current) {
    let _ = CURRENT.try_with(|current| std::mem::swap(&mut *current.borrow_mut(), with));
}

/// The values that are set here.
pub(crate) fn values() -> Option<Arc<Values>> {
    CURRENT.try_with(|current| current.borrow().values.clone()).unwrap_or_default()
}

/// As [`with`], for the values alone.
pub(crate) fn with_values<R>(mine: &mut Option<Arc<Values>>, f: impl FnOnce() -> R) -> R {
    struct Back<'a>(&'a mut Option<Arc<Values>>);
    impl Drop for Back<'_> {
        fn drop(&mut self) {
            swap_values(self.0);
        }
    }
    let _was = Was::set(if here() == Here::Elsewhere { Here::Busy } else { here() });
    swap_values(mine);
    let _back = Back(mine);
    f()
}

fn swap_values(with: &mut Option<Arc<Values>>) {
    let _ = CURRENT.try_with(|current| std::mem::swap(&mut current.borrow_mut().values, with));
}
