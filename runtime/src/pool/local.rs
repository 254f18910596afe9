//! Values that belong to a pool's threads
//! ([`PoolBuilder::thread_state`](super::PoolBuilder::thread_state)).

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::registry;
use crate::sync::thread_local;
use crate::worker::Worker;

type Make = Arc<dyn Fn() -> Rc<dyn Any> + Send + Sync>;

/// How to make them: one value a type and thread, at its first use.
#[derive(Clone, Default)]
pub(crate) struct ThreadLocals(Vec<(TypeId, Make)>);

thread_local! {
    /// This thread's own. A pool thread belongs to one pool for life, so the type is key enough.
    static MADE: RefCell<Vec<(TypeId, Rc<dyn Any>)>> = const { RefCell::new(Vec::new()) };
}

impl ThreadLocals {
    pub(super) fn declare<T: 'static>(&mut self, make: impl Fn() -> T + Send + Sync + 'static) {
        let make: Make = Arc::new(move || Rc::new(make()));
        self.0.retain(|(id, _)| *id != TypeId::of::<T>());
        self.0.push((TypeId::of::<T>(), make));
    }

    pub(crate) fn get<T: 'static>(&self) -> Option<Rc<T>> {
        let id = TypeId::of::<T>();
        let (_, make) = self.0.iter().find(|(declared, _)| *declared == id)?;
        let made = MADE.with(|made| {
            made.borrow().iter().find(|(known, _)| *known == id).map(|(_, value)| Rc::clone(value))
        });
        let value = made.unwrap_or_else(|| {
            let value = make();
            MADE.with(|made| made.borrow_mut().push((id, Rc::clone(&value))));
            value
        });
        value.downcast().ok()
    }
}

/// A thread goes: its values go first, while its other thread-locals still live.
pub(super) fn clear() {
    let made = MADE.with(|made| std::mem::take(&mut *made.borrow_mut()));
    drop(made);
}

impl Worker {
    /// The calling thread's own value of type `T`, made at its first use here by the pool's
    /// [`thread_state`](crate::PoolBuilder::thread_state): a database connection a thread, a
    /// scratch buffer, a random generator. It need be neither `Send` nor `Sync`, and goes with its
    /// thread.
    ///
    /// # Panics
    /// If the pool declares no such value (or if this is a thread that no pool owns), and with
    /// whatever its making panics with; the next job tries again.
    pub fn local<T: 'static>(&self) -> Rc<T> {
        let pool = self.host().meta().pool.and_then(registry::pool);
        let local = pool.and_then(|pool| pool.thread_locals.get::<T>());
        local.unwrap_or_else(|| {
            panic!("no `thread_state` of type `{}` on this thread's pool", std::any::type_name::<T>())
        })
    }

    /// Runs `f` in the pool's rayon threads ([`PoolBuilder::rayon`](crate::PoolBuilder::rayon)), so
    /// that parallel iterators in it use those; this thread waits. `f` can't wait for the loop: the
    /// worker stays here, as the compiler sees to.
    ///
    /// # Panics
    /// With whatever `f` panics with. Without threads of its own the pool leaves `f` to rayon's
    /// global ones.
    #[cfg(feature = "rayon")]
    pub fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        let pool = self.host().meta().pool.and_then(registry::pool);
        match pool.as_ref().and_then(|pool| pool.rayon.as_ref()) {
            Some(rayon) => rayon.install(f),
            None => f(),
        }
    }
}
