//! Mistakes in bodies that the tokens show without doubt, and that the compiler would report in
//! words that do not mention the service.
//!
//! | file | mistake |
//! |---|---|
//! | `self_use` | `&self` is `self: &Arc<Self>` in a service, and the body uses it as `&Self` |
//! | `assigned` | a field of the shared service is assigned to |
//! | `spawn` | `self` is moved into a task or thread that outlives the call |
//! | `wait_await` | `.wait` on the event loop, `.await` on a pool thread |
//! | `worker` | the worker leaves its thread, or `?` has no `Result` to return |
//! | `calls` | a call of another method of the block, which `callee` describes |
//! | `returned` | a body that returns the future of such a call |

mod assigned;
mod callee;
mod calls;
mod returned;
mod self_use;
mod spawn;
mod wait_await;
mod worker;

pub(crate) use callee::owned_form;
pub(crate) use self_use::is_taken_apart;

use self::callee::Callee;
use super::{Function, Item, Param, Placement, Receiver, Role, RunsOn, is_of_std};
use proc_macro2::{Ident, TokenStream};

/// A mistake in a body, and the tokens to report it at.
#[derive(Clone)]
pub(crate) enum Misuse {
    /// `let Self { .. } = self`
    SelfDestructured(TokenStream),
    /// `*self`, which is the `Arc` and not the service.
    SelfDereferenced(TokenStream),
    /// `self.clone()`
    SelfCloned(TokenStream),
    /// `.wait(worker)` on the event loop
    WaitOnLoop(TokenStream),
    /// `blocking_f(worker, ..)` on the event loop
    BlockingOnLoop { at: TokenStream, name: String },
    /// `.await` on a pool thread
    AwaitOnThread(TokenStream),
    /// `self` in a task or thread that may outlive the method
    SelfEscapes(TokenStream),
    /// `match self { Self::On => .. }`
    SelfMatched(TokenStream),
    /// `self.f(worker, ..)`, where `f` is a job
    WorkerPassed(Ident),
    /// `.wait()` on a pool thread
    WaitWithoutWorker(TokenStream),
    /// `1 + self.f(..)` or `let n: u64 = self.f(..)` on a pool thread, where `f` is async or a job
    MissingWait { name: Ident, is_job: bool },
    /// The same on the event loop
    MissingAwait { name: Ident, is_job: bool },
    /// `self.f(..)` on the event loop, where `f` takes a worker and isn't a job
    MissingWorker(Ident),
    /// `worker.call(|| self.f(..))`, where `f` is async
    CallOfFuture(Ident),
    /// `self.field = ..`
    FieldAssigned(TokenStream),
    /// The worker in a future that runs on the event loop
    WorkerEscapes(Ident),
    /// The `?` of `.wait(worker)?` in a function whose return type can't hold the error
    InterruptedPropagated(TokenStream),
}

/// The misuses in one body that need no knowledge of other methods.
pub(super) fn of_method(role: &Role, function: &Function, placement: &Placement) -> Vec<Misuse> {
    let in_service = matches!(placement, Placement::Service { .. });
    let body = || function.body.stream();
    let mut found = Vec::new();
    let worker = match role {
        Role::Blocking(blocking) => blocking.worker.as_ref().and_then(Param::name),
        _ => None,
    };
    if in_service && has_rewritten_receiver(role, function) {
        found.extend(self_use::find(body(), placement.type_name()));
        // `&'static self` may be moved anywhere.
        if function.receiver.lifetime().is_none() {
            found.extend(spawn::find(body(), worker));
        }
    }
    if let Some(worker) = worker {
        found.extend(worker::escapes(body(), worker));
        if function.output().is_none_or(is_of_std) {
            found.extend(worker::propagated(body(), worker));
        }
    }
    match RunsOn::of(role, function) {
        RunsOn::PoolThread { .. } => found.extend(wait_await::awaits(body())),
        RunsOn::EventLoop if in_service => found.extend(wait_await::waits(body())),
        RunsOn::EventLoop | RunsOn::Unknown => {}
    }
    found
}

/// Adds the misuses in calls of the block's own methods.
pub(super) fn find_in_calls(items: &mut [Item]) {
    let callee = |item: &Item| match item {
        Item::Method(method) => Callee::of(method),
        _ => None,
    };
    let callees: Vec<Callee> = items.iter().filter_map(callee).collect();
    for item in items {
        let Item::Method(method) = item else { continue };
        let body = method.function.body.stream();
        let is_shared = matches!(method.function.receiver, Receiver::Shared(_) | Receiver::Arc(_));
        if !is_shared || method.function.incomplete.is_some() {
            continue;
        }
        let mut found = calls::find(body.clone(), &method.runs_on(), &callees);
        if returned::returns_value(&method.role, &method.function) {
            let calls = returned::calls(&method.role, body.clone());
            found.extend(calls.iter().filter_map(|name| calls::missing(name, &method.runs_on(), &callees)));
        }
        method.function.misuses.extend(found);
        method.function.misuses.extend(assigned::find(body));
    }
}

/// Whether `&self` of this method is expanded to `self: &Arc<Self>`.
fn has_rewritten_receiver(role: &Role, function: &Function) -> bool {
    let crosses = function.sig.asyncness.is_some() || matches!(role, Role::Blocking(_));
    crosses && matches!(function.receiver, Receiver::Shared(_))
}
