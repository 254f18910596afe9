//! Finds out whether a blocking function without receiver is in an `impl` block, which its
//! attribute can't see.
//!
//! The job of such a function calls a copy of its body if the body can exist twice. A body with a
//! `static` can't, and a function in an `impl` block has no name by which the job could call the
//! one body: the compiler must reject that program.

/// The result of a body with a `static`, depending on where the function is.
pub trait Placement {
    /// In an `impl` block, where the job can't name the body.
    type InImplBlock;
}

impl Placement for () {
    type InImplBlock = BodyInImplBlock;
}

/// Has no value, because the program is rejected.
pub enum BodyInImplBlock {}

/// A second candidate, which keeps the compiler from inferring `T` of [`InFreeFunction`] from the
/// only impl.
pub enum NoValue {}

/// The result of the body of a free function.
#[diagnostic::on_unimplemented(
    message = "a blocking function without `self` and `Self` can have a `static` only at the top level of a module: move the `static` out of the function",
    label = "the body is generated twice here, and this `static` with it"
)]
pub trait InFreeFunction<T> {
    /// Returns the value unchanged.
    fn in_free_function(self) -> T;
}

impl<T> InFreeFunction<T> for T {
    fn in_free_function(self) -> T {
        self
    }
}

impl InFreeFunction<NoValue> for BodyInImplBlock {
    fn in_free_function(self) -> NoValue {
        match self {}
    }
}
