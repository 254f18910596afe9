//! The few things in a body that read differently once `&self` is `self: &Arc<Self>`.

use crate::model::{Method, Misreading};

pub(super) fn check(method: &Method) {
    for misreading in &method.function.misreadings {
        let (at, message) = match misreading {
            Misreading::Destructured(at) => {
                (at, "`self` is a `&Arc<Self>` here: write `= &**self` to take the service apart")
            }
            Misreading::Dereferenced(at) => (
                at,
                "`self` is a `&Arc<Self>` here, and `*self` is the `Arc`: write `**self` for the service",
            ),
            Misreading::Cloned(at) => (
                at,
                "`self` is a `&Arc<Self>` here: write `Arc::clone(self)` for another handle on this service, \
                 `Self::clone(self)` for another service",
            ),
        };
        method.sink.error(at, message);
    }
}
