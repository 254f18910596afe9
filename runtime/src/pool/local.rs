//! Values that belong to a pool's threads
//! ([`PoolBuilder::thread_state`](super::PoolBuilder::thread_state)).

use std::any::{Any, TypeId, type_name};
use std::cell::RefCell;
use std::error::Error;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::registry;
use crate::error::catch_panic;
use crate::sync::thread_local;
use crate::worker::Worker;

type BoxError = Box<dyn Error + Send + Sync>;

/// The values that each thread of a pool has, one of a type.
#[derive(Clone, Default)]
pub(crate) struct ThreadLocals(Vec<Declared>);

/// How a thread creates its value of one type.
#[derive(Clone)]
struct Declared {
    id: TypeId,
    create: Arc<dyn Fn() -> Result<Rc<dyn Any>, BoxError> + Send + Sync>,
    /// When the thread starts, instead of at the first use.
    at_start: bool,
}

thread_local! {
    /// This thread's own. A pool thread belongs to one pool for life, so the type is key enough.
    static VALUES: RefCell<Vec<(TypeId, Rc<dyn Any>)>> = const { RefCell::new(Vec::new()) };
}

impl ThreadLocals {
    pub(super) fn declare<T: 'static>(&mut self, make: impl Fn() -> T + Send + Sync + 'static) {
        self.add::<T>(Arc::new(move || Ok(Rc::new(make()))), false);
    }

    pub(super) fn try_declare<T, E>(&mut self, make: impl Fn() -> Result<T, E> + Send + Sync + 'static)
    where
        T: 'static,
        E: Into<BoxError>,
    {
        let create = move || make().map(|value| Rc::new(value) as Rc<dyn Any>).map_err(Into::into);
        self.add::<T>(Arc::new(create), true);
    }

    fn add<T: 'static>(
        &mut self,
        create: Arc<dyn Fn() -> Result<Rc<dyn Any>, BoxError> + Send + Sync>,
        at_start: bool,
    ) {
        let id = TypeId::of::<T>();
        self.0.retain(|declared| declared.id != id);
        self.0.push(Declared { id, create, at_start });
    }

    /// Whether a thread creates a value when it starts.
    pub(super) fn any_at_start(&self) -> bool {
        self.0.iter().any(|declared| declared.at_start)
    }

    /// Creates the values that this thread has from its start. A panic is an error.
    pub(super) fn create_at_start(&self) -> io::Result<()> {
        for declared in self.0.iter().filter(|declared| declared.at_start) {
            match catch_panic(|| declared.value()) {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(into_io_error(error)),
                Err(panic) => return Err(io::Error::other(format!("panicked: {}", panic.message()))),
            }
        }
        Ok(())
    }

    fn get<T: 'static>(&self) -> Option<Result<Rc<T>, BoxError>> {
        let declared = self.0.iter().find(|declared| declared.id == TypeId::of::<T>())?;
        match declared.value() {
            Ok(value) => value.downcast().ok().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }
}

impl Declared {
    /// This thread's value, which is created if there is none.
    fn value(&self) -> Result<Rc<dyn Any>, BoxError> {
        let known = VALUES.with(|values| {
            values.borrow().iter().find(|(known, _)| *known == self.id).map(|(_, value)| Rc::clone(value))
        });
        if let Some(value) = known {
            return Ok(value);
        }
        let value = (self.create)()?;
        VALUES.with(|values| values.borrow_mut().push((self.id, Rc::clone(&value))));
        Ok(value)
    }
}

/// An `io::Error` stays what it is.
fn into_io_error(error: BoxError) -> io::Error {
    match error.downcast::<io::Error>() {
        Ok(error) => *error,
        Err(other) => io::Error::other(other),
    }
}

/// Drops the values of this thread, which is about to end, while its other thread-locals still
/// live.
pub(super) fn clear() {
    let values = VALUES.with(|values| std::mem::take(&mut *values.borrow_mut()));
    drop(values);
}

impl Worker {
    /// The value of type `T` that belongs to the calling thread: a database connection for each
    /// thread, a scratch buffer, a random generator. The pool's
    /// [`thread_state`](crate::PoolBuilder::thread_state) creates it at its first use on the
    /// thread, [`try_thread_state`](crate::PoolBuilder::try_thread_state) when the thread starts.
    /// It need be neither `Send` nor `Sync`, and is dropped with its thread.
    ///
    /// # Panics
    /// If the pool declares no such value, or if no pool owns this thread; and if the value cannot
    /// be created. The next job tries again.
    #[track_caller]
    pub fn local<T: 'static>(&self) -> Rc<T> {
        let pool = self.host().meta().pool.and_then(registry::pool);
        match pool.and_then(|pool| pool.thread_locals.get::<T>()) {
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                panic!("cannot create the `thread_state` of type `{}`: {error}", type_name::<T>())
            }
            None => panic!("no `thread_state` of type `{}` on this thread's pool", type_name::<T>()),
        }
    }

    /// Runs `f` in the pool's rayon threads ([`PoolBuilder::rayon`](crate::PoolBuilder::rayon)), so
    /// that parallel iterators in it use those; this thread waits. `f` cannot wait for the loop,
    /// because the worker cannot leave its thread. If the pool has no rayon threads, `f` runs in
    /// rayon's global pool.
    ///
    /// # Panics
    /// If `f` panics.
    #[cfg(feature = "rayon")]
    pub fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        let pool = self.host().meta().pool.and_then(registry::pool);
        match pool.as_ref().and_then(|pool| pool.rayon.as_ref()) {
            Some(rayon) => rayon.install(f),
            None => f(),
        }
    }
}
