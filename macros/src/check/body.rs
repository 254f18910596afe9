//! Messages for the misuses that the model finds in bodies.

use crate::model::{Method, Misuse, Param, Role};
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;

pub(super) fn check(method: &Method) {
    for misuse in &method.function.misuses {
        let (at, message) = message(method, misuse);
        method.sink.error(at, message);
    }
}

fn message(method: &Method, misuse: &Misuse) -> (TokenStream, String) {
    let own = name_of(method);
    match misuse {
        Misuse::SelfDestructured(at) => {
            (at.clone(), "`self` is a `&Arc<Self>` here: write `= &**self` to take the service apart".to_owned())
        }
        Misuse::SelfDereferenced(at) => (
            at.clone(),
            "`self` is a `&Arc<Self>` here, and `*self` is the `Arc`: write `**self` for the service".to_owned(),
        ),
        Misuse::SelfMatched(at) => {
            (at.clone(), "`self` is a `&Arc<Self>` here: write `&**self` to match on the service".to_owned())
        }
        Misuse::SelfCloned(at) => (
            at.clone(),
            "`self` is a `&Arc<Self>` here: write `Arc::clone(self)` to clone the handle, or `Self::clone(self)` to \
             clone the service"
                .to_owned(),
        ),
        Misuse::WaitOnLoop(at) => (
            at.clone(),
            "`.wait` blocks the thread and can't be used in an `async fn`: write `.await`".to_owned(),
        ),
        Misuse::BlockingOnLoop { at, name } => (
            at.clone(),
            format!(
                "`{at}` runs on the calling thread and would block the event loop: write `{name}(..).await` to run it on \
                 a pool thread"
            ),
        ),
        Misuse::AwaitOnThread(at) => (at.clone(), awaited(method)),
        Misuse::SelfEscapes(at) => (
            at.clone(),
            "`self` is borrowed, but what is spawned may outlive this call: add `let this = Arc::clone(self);` before it \
             and use `this` inside"
                .to_owned(),
        ),
        Misuse::WorkerPassed(name) => (
            name.to_token_stream(),
            format!(
                "`{name}` runs as its own job and takes no worker: call `blocking_{}` to run it on this thread, or remove the \
                 argument and add `.wait(..)?`",
                name.unraw()
            ),
        ),
        Misuse::WaitWithoutWorker(at) => (at.clone(), format!("`.wait` needs the worker of this thread: {}", wait(method))),
        Misuse::MissingWait { name, is_job } => (name.to_token_stream(), unwaited(method, name, *is_job)),
        Misuse::MissingAwait { name, is_job } => {
            let what = what(*is_job);
            (name.to_token_stream(), format!("`{name}` is {what}, and this is its future, not its value: add `.await`"))
        }
        Misuse::MissingWorker(name) => (
            name.to_token_stream(),
            format!(
                "`{name}` takes a worker, and an `async fn` has none: write `#[blocking]` on `{name}` to run it on a pool \
                 thread, and `.await` it here"
            ),
        ),
        Misuse::CallOfFuture(name) => (
            name.to_token_stream(),
            format!(
                "`{name}` returns a future, which `worker.call` doesn't run: write `self.{name}(..).{}`",
                waiting(method)
            ),
        ),
        Misuse::FieldAssigned(at) => (
            at.clone(),
            "the service is shared and can't be assigned to: put what changes into an atomic, a `Mutex`, or the connection's \
             value"
                .to_owned(),
        ),
        Misuse::WorkerEscapes(worker) => (
            worker.to_token_stream(),
            format!(
                "a worker can't leave its thread, and this `async` block runs on the event loop: use `{worker}` before or after \
                 the block"
            ),
        ),
        Misuse::InterruptedPropagated(at) => (
            at.clone(),
            format!("`?` needs a return type that can hold `Interrupted`: write `-> Result<{own}, Interrupted>`"),
        ),
    }
}

/// Returns the result type of the method as written.
fn name_of(method: &Method) -> String {
    method.function.output().map_or_else(|| "()".to_owned(), crate::tokens::to_text)
}

fn what(is_job: bool) -> &'static str {
    if is_job { "a job" } else { "an `async fn`" }
}

fn unwaited(method: &Method, name: &Ident, is_job: bool) -> String {
    let own = name.unraw();
    let in_place = match worker(method).and_then(Param::name) {
        Some(worker) if is_job => {
            format!(", or call `self.blocking_{own}({worker}, ..)` to run it on this thread")
        }
        _ => String::new(),
    };
    format!("`{name}` is {}, and this is its future, not its value: {}{in_place}", what(is_job), wait(method))
}

fn worker(method: &Method) -> Option<&Param> {
    match &method.role {
        Role::Blocking(blocking) => blocking.worker.as_ref(),
        _ => None,
    }
}

/// Returns `wait(worker)?` with the name of this function's worker.
fn waiting(method: &Method) -> String {
    let name = worker(method).and_then(Param::name).map_or_else(|| "worker".to_owned(), Ident::to_string);
    format!("wait({name})?")
}

/// Returns the suggestion to wait in this function.
fn wait(method: &Method) -> String {
    let waiting = waiting(method);
    match worker(method) {
        Some(worker) if worker.name().is_some() => format!("write `.{waiting}`"),
        Some(_) => format!("name the worker, and write `.{waiting}`"),
        None => format!("take `worker: &Worker` as the first parameter, and write `.{waiting}`"),
    }
}

fn awaited(method: &Method) -> String {
    format!("`.await` can't be used in a blocking function: {}", wait(method))
}
