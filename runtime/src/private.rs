//! Items used by macro expansions. Not public API; no stability guarantee. The macros and this
//! module are released together.

mod arguments;
mod placement;

pub use self::arguments::*;
pub use self::placement::*;
pub use crate::__for_editors as for_editors;

/// Asserts that a type can move between threads. An expansion calls it once for each argument and
/// result of a job, with the span of the user's type.
///
/// The bound is `Send` itself, so that the compiler points at the field that is not `Send`, or at
/// the type parameter that lacks the bound. The message shows this line and its comment.
#[rustfmt::skip]
pub const fn moves_between_threads<T: Send>() {} // use `Arc` for `Rc`, `Mutex` for `RefCell`, `dyn T + Send` for `dyn T`

/// The pool of a job: anything that coerces to `&Pool`. The message shows the parameter with its
/// line.
#[rustfmt::skip]
#[must_use]
pub const fn runs_on(pool: &crate::Pool) -> &crate::Pool { // for a field that is an `Option<Pool>`: `self.cpu.as_ref().expect("..")`
    pool
}

/// Like [`moves_between_threads`], for an argument by value whose type is called `Worker`: a type
/// of the user, or a worker that should be a reference.
pub const fn is_not_a_worker<T: NotAWorker>() {}

/// A type called `Worker` that can move between threads, which the library's worker can't.
#[diagnostic::on_unimplemented(
    message = "the worker must be a shared reference and the first parameter: write `worker: &Worker`",
    label = "a worker can't leave its thread"
)]
pub trait NotAWorker {}

#[diagnostic::do_not_recommend]
impl<T: Send> NotAWorker for T {}

/// The worker, under any name.
#[diagnostic::on_unimplemented(
    message = "this argument is a reference, but a job may outlive its caller: take it by value, or share it in an `Arc`",
    label = "only `&Worker` can be borrowed by a job"
)]
pub trait IsWorker {
    /// Returns the worker unchanged.
    fn from_worker(worker: &crate::Worker) -> &Self;
}

impl IsWorker for crate::Worker {
    fn from_worker(worker: &crate::Worker) -> &Self {
        worker
    }
}

/// The error type of a blocking function, which must be able to hold an
/// [`Interrupted`](crate::Interrupted).
#[diagnostic::on_unimplemented(
    message = "`{Self}` must implement `From<Interrupted>`, because a job can be interrupted",
    label = "no `From<Interrupted>`",
    note = "if `{Self}` is a type of yours, write `impl From<portcullis::Interrupted> for {Self}`",
    note = "if not, make an error type that can hold both, or write `#[blocking(nested)]` to get the whole result inside a `Result<_, Interrupted>`"
)]
pub trait FromInterrupted: From<crate::Interrupted> {}

#[diagnostic::do_not_recommend]
impl<E: From<crate::Interrupted>> FromInterrupted for E {}

/// Asserts that a type can be the error type of a job. An expansion calls it with the span of the
/// user's type.
pub const fn is_error_of_a_job<E: FromInterrupted>() {}

/// The type parameters of a `Result`, also through an alias such as `io::Result<T>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Result`",
    label = "used as a `Result` because of its name",
    note = "on `#[blocking]`, write `nested` to leave the type as it is; elsewhere, return a `Result<_, _>`, or import the type under another name: `use exam::Result as ExamResult`"
)]
pub trait ResultType {
    /// The value type.
    type Ok;
    /// The error type.
    type Err;
}

impl<T, E> ResultType for Result<T, E> {
    type Ok = T;
    type Err = E;
}

/// The return type of a function, which gives `!` a name: `<fn() -> ! as FnOutput>::Output`.
pub trait FnOutput {
    /// The return type.
    type Output;
}

impl<T> FnOutput for fn() -> T {
    type Output = T;
}

/// A value for code that is never called, because of an error or a `cfg`. Unlike `!`, it doesn't
/// make the code after it unreachable.
pub fn never<T>() -> T {
    unreachable!("this code is not compiled, or never called")
}

/// `{ compiled } { written }`: expands to the first for the compiler, and to the second for
/// editors. For functions that are incomplete or whose body can't be compiled.
#[cfg(not(rust_analyzer))]
#[doc(hidden)]
#[macro_export]
macro_rules! __for_editors {
    ({ $($compiled:tt)* } { $($written:tt)* }) => { $($compiled)* };
}

#[cfg(rust_analyzer)]
#[doc(hidden)]
#[macro_export]
macro_rules! __for_editors {
    ({ $($compiled:tt)* } { $($written:tt)* }) => { $($written)* };
}
