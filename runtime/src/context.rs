//! What is current on a thread: on whose behalf its code runs.
//!
//! On a pool thread that is the job which it runs; on a loop thread, while a portal call or a task spawned by
//! a worker is polled, the job that asked for it. Offloads made meanwhile know by it which threads wait for
//! them (see `lend` in [`Job`]), and which server they belong to.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::job::Job;
use crate::scope::Scope;
use crate::sync::thread_local;

#[derive(Clone, Default)]
pub(crate) struct Current {
    pub(crate) host: Option<Arc<dyn Job>>,
    pub(crate) scope: Option<Arc<Scope>>,
}

thread_local! {
    static CURRENT: RefCell<Current> = RefCell::new(Current::default());
    static ON_LOOP: Cell<bool> = Cell::new(false);
}

/// A copy of what is current here; nothing while the thread is being torn down.
pub(crate) fn current() -> Current {
    CURRENT.try_with(|current| current.borrow().clone()).unwrap_or_default()
}

/// Whether this thread polls a task of ours right now.
pub(crate) fn on_loop() -> bool {
    ON_LOOP.try_with(Cell::get).unwrap_or(false)
}

/// Makes `mine` current while `f` runs, without a copy: the two trade places and trade back, also on a panic.
pub(crate) fn with<R>(mine: &mut Current, on_loop: bool, f: impl FnOnce() -> R) -> R {
    struct Back<'a>(&'a mut Current, bool);
    impl Drop for Back<'_> {
        fn drop(&mut self) {
            swap(self.0);
            let _ = ON_LOOP.try_with(|flag| flag.set(self.1));
        }
    }
    let was = ON_LOOP.try_with(|flag| flag.replace(on_loop)).unwrap_or(false);
    swap(mine);
    let _back = Back(mine, was);
    f()
}

fn swap(with: &mut Current) {
    let _ = CURRENT.try_with(|current| std::mem::swap(&mut *current.borrow_mut(), with));
}
