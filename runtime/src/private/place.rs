//! Where a blocking function stands whose attribute can't tell.

/// What the body gives of a blocking function with a `static`, by where the function stands.
pub trait Stands {
    /// In an `impl` block, where the job can't name the body.
    type InAnImpl;
}

impl Stands for () {
    type InAnImpl = InAnImplBlock;
}

/// No value of it is ever made: the program is refused.
pub enum InAnImplBlock {}

/// Keeps the compiler from taking what is asked for what is given.
pub enum Nowhere {}

/// What the body of a free function gives.
#[diagnostic::on_unimplemented(
    message = "a blocking function without `self` and `Self` can have a `static` only at the top level of a module: move the `static` out of the function",
    label = "the body exists twice here, and this would too"
)]
pub trait OfAFreeFunction<T> {
    /// That.
    fn of_a_free_function(self) -> T;
}

impl<T> OfAFreeFunction<T> for T {
    fn of_a_free_function(self) -> T {
        self
    }
}

impl OfAFreeFunction<Nowhere> for InAnImplBlock {
    fn of_a_free_function(self) -> Nowhere {
        match self {}
    }
}
