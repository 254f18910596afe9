//! Values that belong to a pool's threads ([`PoolBuilder::thread_state`](super::PoolBuilder::thread_state)).

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::sync::thread_local;

type Make = Arc<dyn Fn() -> Rc<dyn Any> + Send + Sync>;

/// How to make them: one value a type and thread, at its first use.
#[derive(Clone, Default)]
pub(crate) struct Locals(Vec<(TypeId, Make)>);

thread_local! {
    /// This thread's own. A pool thread belongs to one pool for life, so the type is key enough.
    static MADE: RefCell<Vec<(TypeId, Rc<dyn Any>)>> = const { RefCell::new(Vec::new()) };
}

impl Locals {
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
