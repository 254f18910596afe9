//! The few things in a body that can't be meant where they stand.

use crate::model::{Method, Misreading, Role};
use syn::ext::IdentExt;

pub(super) fn check(method: &Method) {
    for misreading in &method.function.misreadings {
        match misreading {
            Misreading::Destructured(at) => method
                .sink
                .error(at, "`self` is a `&Arc<Self>` here: write `= &**self` to take the service apart"),
            Misreading::Dereferenced(at) => method.sink.error(
                at,
                "`self` is a `&Arc<Self>` here, and `*self` is the `Arc`: write `**self` for the service",
            ),
            Misreading::Cloned(at) => method.sink.error(
                at,
                "`self` is a `&Arc<Self>` here: write `Arc::clone(self)` for another handle on this service, \
                 `Self::clone(self)` for another service",
            ),
            Misreading::Waited(at) => method.sink.error(
                at,
                "an `async fn` runs on the loop, which has no worker and must not wait: write `.await`",
            ),
            Misreading::Blocked { at, name } => method.sink.error(
                at,
                format!(
                    "`{at}` blocks where it is called, and an `async fn` runs on the loop, which has no \
                     worker: write `{name}(..).await`, which runs on a pool thread"
                ),
            ),
            Misreading::Awaited(at) => method.sink.error(at, awaited(method)),
            Misreading::Spawned(at) => method.sink.error(
                at,
                "`self` is lent to this method, and what is spawned may outlive it: write `let this = Arc::clone(self);` \
                 ahead of it, and `this` in it",
            ),
            Misreading::Handed(name) => method.sink.error(
                name,
                format!(
                    "`{name}` is a job, which gets a worker of its own: write `blocking_{}` to run it on this thread, or leave \
                     the worker out and `.wait` for the job",
                    name.unraw()
                ),
            ),
            Misreading::Matched(at) => method
                .sink
                .error(at, "`self` is a `&Arc<Self>` here: write `&**self` to match on the service"),
        }
    }
}

fn awaited(method: &Method) -> String {
    let worker = match &method.role {
        Role::Blocking(blocking) => blocking.worker.as_ref(),
        _ => None,
    };
    let mend = match worker {
        Some(worker) => match worker.name() {
            Some(name) => format!("write `.wait({name})?`"),
            None => "name the worker, and write `.wait(worker)?`".to_owned(),
        },
        None => "take `worker: &Worker` as the first parameter, and write `.wait(worker)?`".to_owned(),
    };
    format!("a blocking function runs on a thread, where nothing polls: {mend}")
}
