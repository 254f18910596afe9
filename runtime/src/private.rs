//! What expansions name and people do not. No stability promise: the macros and this module are
//! released together.

/// The spanned assertion: an expansion calls it once for each type that crosses, with the user's
/// own tokens.
///
/// Its bound is `Send` itself, which leads the compiler to the field that is not, and to the bound
/// that a type parameter lacks. The message shows the bound with its line, and so with the comment
/// behind it.
#[rustfmt::skip]
pub const fn moves_between_threads<T: Send>() {} // goes to a thread or comes back: `Arc` for `Rc`, `Mutex` for `RefCell`, `dyn T + Send` for `dyn T`

/// The pool of a job: what coerces to `&Pool`. The message shows the parameter with its line.
#[rustfmt::skip]
#[must_use]
pub const fn runs_on(pool: &crate::Pool) -> &crate::Pool { // `self.cpu.as_ref().expect("..")` for a field that is an `Option<Pool>`
    pool
}

/// [`moves_between_threads`] of an argument by value whose type is called `Worker`: a type of the
/// user's, or the library's by mistake.
pub const fn crosses_as_worker<T: IsNoWorker>() {}

/// What is called `Worker` and can cross.
#[diagnostic::on_unimplemented(
    message = "the worker must be a shared reference and the first parameter: write `worker: &Worker`",
    label = "stays on its thread"
)]
pub trait IsNoWorker {}

#[diagnostic::do_not_recommend]
impl<T: Send> IsNoWorker for T {}

/// The worker, whatever it is called where the job is written.
#[diagnostic::on_unimplemented(
    message = "this argument is a reference, but a job may outlive its caller: take it by value, or share it in an `Arc`",
    label = "only `&Worker` can be borrowed by a job"
)]
pub trait IsWorker {
    /// The worker as what it is called.
    fn lent(worker: &crate::Worker) -> &Self;
}

impl IsWorker for crate::Worker {
    fn lent(worker: &crate::Worker) -> &Self {
        worker
    }
}

/// A part of an argument that an expression of `#[blocking]` names: it is read ahead of the job,
/// which gets the whole.
pub struct Part<'a, T>(pub &'a T);

impl<T: Copy> Part<'_, T> {
    /// A copy. Found ahead of the trait's.
    pub fn read(&self) -> T {
        *self.0
    }
}

/// A part that can't be copied.
pub trait ByReference<'a, T> {
    /// A reference to it.
    fn read(&self) -> &'a T;
}

impl<'a, T> ByReference<'a, T> for Part<'a, T> {
    fn read(&self) -> &'a T {
        self.0
    }
}

/// The error of a blocking function can take in what a crossing can end with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` must implement `From<Interrupted>`, because a job can be interrupted",
    label = "no `From<Interrupted>`",
    note = "if `{Self}` is a type of yours, write `impl From<portcullis::Interrupted> for {Self}`",
    note = "if not, make an error type that can hold both, or write `#[blocking(nested)]` to get the whole result inside a `Result<_, Interrupted>`"
)]
pub trait FromInterrupted: From<crate::Interrupted> {}

#[diagnostic::do_not_recommend]
impl<E: From<crate::Interrupted>> FromInterrupted for E {}

/// The spanned assertion for the error type of a flattened result.
pub const fn is_error_of_a_job<E: FromInterrupted>() {}

/// Sees through aliases of `Result` (`io::Result<T>`, `anyhow::Result<T>`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Result`",
    label = "taken for a `Result`",
    note = "on `#[blocking]`, write `nested` to leave the type as it is; elsewhere, return a `Result<_, _>`, or import the type under another name: `use exam::Result as ExamResult`"
)]
pub trait Fallible {
    /// The value.
    type Ok;
    /// The error.
    type Err;
}

impl<T, E> Fallible for Result<T, E> {
    type Ok = T;
    type Err = E;
}

/// Gives `!` a name: `<fn() -> ! as Gives>::Output`.
pub trait Gives {
    /// What the function gives.
    type Output;
}

impl<T> Gives for fn() -> T {
    type Output = T;
}

/// The value that stands in for one that a mistake has left out, or that no `cfg` leaves: of any
/// type, and nothing behind it is unreachable.
pub fn never<T>() -> T {
    unreachable!("this code is not compiled, or never called")
}

/// What an expression in an attribute reads of an argument that it must leave where it is.
pub fn argument<T: ?Sized>(argument: &T) -> Argument<'_, T> {
    Argument(ArgumentBehind(argument))
}

/// Reads a `Copy` type by its value; and is one that reads any other by a reference.
pub struct Argument<'a, T: ?Sized>(ArgumentBehind<'a, T>);

/// Reads any type by a reference.
pub struct ArgumentBehind<'a, T: ?Sized>(&'a T);

impl<T: Copy> Argument<'_, T> {
    /// Found ahead of the other.
    pub fn read(&self) -> T {
        *self.0.0
    }
}

impl<'a, T: ?Sized> std::ops::Deref for Argument<'a, T> {
    type Target = ArgumentBehind<'a, T>;

    fn deref(&self) -> &ArgumentBehind<'a, T> {
        &self.0
    }
}

impl<'a, T: ?Sized> ArgumentBehind<'a, T> {
    /// Found where there is no other.
    pub fn read(&self) -> &'a T {
        self.0
    }
}

/// As [`argument`], for a field whose type is known: it gets a reference, or a clone if it owns
/// what it has.
#[diagnostic::on_unimplemented(
    message = "an attribute only reads its arguments: there is no `{V}` to be had of a `{Self}`",
    label = "the body takes this, so that this expression gets a reference or a clone",
    note = "write the conversion: `name.clone()`, `&name`, `name.as_str()`"
)]
pub trait Fills<V> {
    /// The value for the field.
    fn fill(self) -> V;
}

impl<'a, T: ?Sized> Fills<&'a T> for &'a T {
    fn fill(self) -> &'a T {
        self
    }
}

impl<T: Clone> Fills<T> for &T {
    fn fill(self) -> T {
        self.clone()
    }
}

impl<'a> Fills<&'a str> for &'a String {
    fn fill(self) -> &'a str {
        self
    }
}

impl<'a, T> Fills<&'a [T]> for &'a Vec<T> {
    fn fill(self) -> &'a [T] {
        self
    }
}

pub use crate::__for_editors as for_editors;

/// `{ what is compiled } { what is written }`: of a function that is half written, or has a body
/// that can't be compiled, editors read the latter.
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

mod place;

pub use self::place::*;
