//! How the expressions of `#[blocking(..)]` read the arguments of the job.
//!
//! The job takes the arguments after the expressions are evaluated, so an expression must not move
//! them. It gets a copy of a `Copy` value and a reference to any other.

use std::ops::Deref;

/// A part of an argument that is taken apart by a pattern.
pub struct Part<'a, T>(pub &'a T);

impl<T: Copy> Part<'_, T> {
    /// Copies the part. Found before the trait's method.
    pub fn read(&self) -> T {
        *self.0
    }
}

/// The fallback of [`Part`], for types that are not `Copy`.
pub trait ByReference<'a, T> {
    /// Borrows the part.
    fn read(&self) -> &'a T;
}

impl<'a, T> ByReference<'a, T> for Part<'a, T> {
    fn read(&self) -> &'a T {
        self.0
    }
}

/// Wraps an argument whose value an expression reads.
pub fn argument<T: ?Sized>(argument: &T) -> Argument<'_, T> {
    Argument(ArgumentRef(argument))
}

/// Reads a `Copy` type by value. Dereferences to [`ArgumentRef`] for other types.
pub struct Argument<'a, T: ?Sized>(ArgumentRef<'a, T>);

/// Reads any type by reference.
pub struct ArgumentRef<'a, T: ?Sized>(&'a T);

impl<T: Copy> Argument<'_, T> {
    /// Copies the argument. Found before the method of [`ArgumentRef`].
    pub fn read(&self) -> T {
        *self.0.0
    }
}

impl<'a, T: ?Sized> Deref for Argument<'a, T> {
    type Target = ArgumentRef<'a, T>;

    fn deref(&self) -> &ArgumentRef<'a, T> {
        &self.0
    }
}

impl<'a, T: ?Sized> ArgumentRef<'a, T> {
    /// Borrows the argument.
    pub fn read(&self) -> &'a T {
        self.0
    }
}

/// Like [`argument`], for a field whose type is known: a field that owns its value gets a clone.
#[diagnostic::on_unimplemented(
    message = "this expression can only borrow or clone the argument, and `{Self}` doesn't convert to `{V}`",
    label = "expected `{V}`",
    note = "write the conversion: `name.clone()`, `&name`, `name.as_str()`"
)]
pub trait FillsField<V> {
    /// Converts the reference into the value of the field.
    fn fill(self) -> V;
}

impl<'a, T: ?Sized> FillsField<&'a T> for &'a T {
    fn fill(self) -> &'a T {
        self
    }
}

impl<T: Clone> FillsField<T> for &T {
    fn fill(self) -> T {
        self.clone()
    }
}

impl<'a> FillsField<&'a str> for &'a String {
    fn fill(self) -> &'a str {
        self
    }
}

impl<'a, T> FillsField<&'a [T]> for &'a Vec<T> {
    fn fill(self) -> &'a [T] {
        self
    }
}
