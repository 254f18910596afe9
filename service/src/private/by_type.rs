//! What a signature means where its types go by another name: an alias, an import, an associated
//! type.
//!
//! A macro sees how a type is spelt. What it is, the compiler tells: by a trait where what may be
//! returned is one of few types, and by a constant where it may be any
//! ([`is_result!`](crate::__is_result), [`opens!`](crate::__opens)), which chooses among impls.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use crate::{Reason, Service};

pub use crate::{__is_result as is_result, __opens as opens};

/// `IsResult::<T>::YES`: whether a type is a `Result`, whatever it is called.
pub struct IsResult<T>(PhantomData<T>);

impl<T, E> IsResult<Result<T, E>> {
    /// Found ahead of the trait's.
    pub const YES: bool = true;

    /// Found ahead of the trait's: it is written out where no constant can tell.
    pub const fn is_plain(&self)
    where
        Result<T, E>: WrittenOut,
    {
    }
}

impl<T> IsResult<T> {
    /// The question.
    pub const ASKED: Self = Self(PhantomData);
}

/// Of what is no `Result`.
pub trait IsNoResult {
    /// Found where there is no other.
    const YES: bool = false;

    /// Found where there is no other.
    fn is_plain(&self) {}
}

impl<T> IsNoResult for IsResult<T> {}

/// What a block with parameters of its own has to write out, since nothing can tell its aliases.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has another name here, which can't be resolved in a block with type parameters",
    label = "write the type out"
)]
pub trait WrittenOut {}

#[doc(hidden)]
#[macro_export]
macro_rules! __is_result {
    ($ty:ty) => {{
        use $crate::private::IsNoResult as _;
        <$crate::private::IsResult<$ty>>::YES
    }};
}

/// A response under `send_result`.
#[diagnostic::on_unimplemented(
    message = "`send_result` requires a `Result` return type, but this handler returns `{Self}`: remove `send_result`",
    label = "not a `Result`"
)]
pub trait IsWire: Sized {
    /// The same.
    #[must_use]
    fn wire(self) -> Self {
        self
    }
}

impl<T, E> IsWire for Result<T, E> {}

/// What a function gives when it succeeds: of a `Result` its value, of anything else the whole.
pub trait Succeeds<const RESULT: bool> {
    /// That.
    type Ok;
}

impl<T, E> Succeeds<true> for Result<T, E> {
    type Ok = T;
}

impl<T> Succeeds<false> for T {
    type Ok = T;
}

/// What a function fails with, or `Otherwise` if it can't fail.
pub trait Fails<const RESULT: bool, Otherwise> {
    /// That.
    type Err;
}

impl<T, E, Otherwise> Fails<true, Otherwise> for Result<T, E> {
    type Err = E;
}

impl<T, Otherwise> Fails<false, Otherwise> for T {
    type Err = Otherwise;
}

/// The value as a `Result` with the error of the service.
pub trait Settles<const RESULT: bool, Err>: Succeeds<RESULT> {
    /// That.
    ///
    /// # Errors
    /// The value's own, if it is a `Result`.
    fn settle(self) -> Result<Self::Ok, Err>;
}

impl<T, E, Err: From<E>> Settles<true, Err> for Result<T, E> {
    fn settle(self) -> Result<T, Err> {
        self.map_err(Err::from)
    }
}

impl<T, Err> Settles<false, Err> for T {
    fn settle(self) -> Result<T, Err> {
        Ok(self)
    }
}

/// What returns nothing, and may fail.
#[diagnostic::on_unimplemented(
    message = "this must return `()` or `Result<(), Error>`, but it returns `{Self}`",
    label = "neither `()` nor a `Result<(), Error>`"
)]
pub trait Completes<Otherwise> {
    /// What it fails with, or `Otherwise`.
    type Err;

    /// The value as a `Result`.
    ///
    /// # Errors
    /// The value's own, if it is a `Result`.
    fn complete(self) -> Result<(), Otherwise>
    where
        Otherwise: From<Self::Err>;
}

impl<Otherwise> Completes<Otherwise> for () {
    type Err = Otherwise;

    fn complete(self) -> Result<(), Otherwise> {
        Ok(())
    }
}

impl<E, Otherwise> Completes<Otherwise> for Result<(), E> {
    type Err = E;

    fn complete(self) -> Result<(), Otherwise>
    where
        Otherwise: From<E>,
    {
        self.map_err(Otherwise::from)
    }
}

/// What `#[before]` returns: a `ControlFlow`, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "a `#[before]` method must return `ControlFlow<Response, Request>`, but this one returns `{Self}`",
    label = "not a `ControlFlow<Response, Request>`"
)]
pub trait Flows<Otherwise> {
    /// The answer.
    type Break;
    /// The request.
    type Continue;
    /// What it fails with, or `Otherwise`.
    type Err;

    /// The value as a `Result`.
    ///
    /// # Errors
    /// The value's own, if it is a `Result`.
    fn flow(self) -> Result<ControlFlow<Self::Break, Self::Continue>, Otherwise>
    where
        Otherwise: From<Self::Err>;
}

impl<B, C, Otherwise> Flows<Otherwise> for ControlFlow<B, C> {
    type Break = B;
    type Continue = C;
    type Err = Otherwise;

    fn flow(self) -> Result<Self, Otherwise> {
        Ok(self)
    }
}

impl<B, C, E, Otherwise> Flows<Otherwise> for Result<ControlFlow<B, C>, E> {
    type Break = B;
    type Continue = C;
    type Err = E;

    fn flow(self) -> Result<ControlFlow<B, C>, Otherwise>
    where
        Otherwise: From<E>,
    {
        self.map_err(Otherwise::from)
    }
}

/// `Opens::<T, State>::KIND`: what a value is that `#[on(connect)]` makes. 1 is the first state, 2
/// the connection's value and the first state, 0 the connection's value.
pub struct Opens<T, State>(PhantomData<(T, State)>);

impl<State> Opens<State, State> {
    /// Found ahead of the trait's.
    pub const KIND: u8 = 1;

    /// Found ahead of the trait's: it is written out where no constant can tell.
    pub const fn is_the_value(&self)
    where
        State: WrittenOut,
    {
    }
}

impl<Conn, State> Opens<(Conn, State), State> {
    /// Found ahead of the trait's.
    pub const KIND: u8 = 2;

    /// Found ahead of the trait's: it is written out where no constant can tell.
    pub const fn is_the_value(&self)
    where
        (Conn, State): WrittenOut,
    {
    }
}

impl<T, State> Opens<T, State> {
    /// The question.
    pub const ASKED: Self = Self(PhantomData);
}

/// Of what has no state in it.
pub trait OpensWithoutState {
    /// Found where there is no other.
    const KIND: u8 = 0;

    /// Found where there is no other.
    fn is_the_value(&self) {}
}

impl<T, State> OpensWithoutState for Opens<T, State> {}

#[doc(hidden)]
#[macro_export]
macro_rules! __opens {
    ($ty:ty, $state:ty) => {{
        use $crate::private::OpensWithoutState as _;
        <$crate::private::Opens<$ty, $state>>::KIND
    }};
}

/// The connection's value in what `#[on(connect)]` makes.
pub trait Makes<const KIND: u8, State> {
    /// Its type.
    type Conn;
}

impl<State> Makes<1, State> for State {
    type Conn = ();
}

impl<Conn, State> Makes<2, State> for (Conn, State) {
    type Conn = Conn;
}

impl<Conn, State> Makes<0, State> for Conn {
    type Conn = Conn;
}

/// The first state, where `#[on(connect)]` does not make it.
#[diagnostic::on_unimplemented(
    message = "the first state has data, and nothing gives it: `#[on(connect)]` returns it, alone or as `(Conn, State)`",
    label = "makes no state"
)]
pub trait First<State> {
    /// That state.
    fn first(self) -> State;
}

impl<State, F: FnOnce() -> State> First<State> for F {
    fn first(self) -> State {
        self()
    }
}

/// There is none that could be made without data.
pub struct NoFirst;

/// Both in what `#[on(connect)]` makes.
pub trait MakesBoth<const KIND: u8, State, F>: Makes<KIND, State> {
    /// The connection's value and the first state.
    fn both(self, first: F) -> (Self::Conn, State);
}

impl<State, F> MakesBoth<1, State, F> for State {
    fn both(self, _: F) -> ((), State) {
        ((), self)
    }
}

impl<Conn, State, F> MakesBoth<2, State, F> for (Conn, State) {
    fn both(self, _: F) -> Self {
        self
    }
}

impl<Conn, State, F: First<State>> MakesBoth<0, State, F> for Conn {
    fn both(self, first: F) -> (Conn, State) {
        (self, first.first())
    }
}

/// What the owned parameters of `#[on(disconnect)]` are: some of the connection's value, the last
/// state, and the reason, in this order.
pub struct End<T, S>(PhantomData<(T, S)>);

impl<T, S> End<T, S> {
    /// The question.
    pub const ASKED: Self = Self(PhantomData);
}

impl<S: Service> End<(Reason,), S> {
    /// Found ahead of the trait's.
    pub fn of<Conn, State>(&self, _: Conn, _: Option<State>, reason: Reason) -> (Reason,) {
        (reason,)
    }
}

impl<S: Service> End<(Option<S::State>,), S> {
    /// Found ahead of the trait's.
    pub fn of<Conn, State>(&self, _: Conn, last: Option<State>, _: Reason) -> (Option<State>,) {
        (last,)
    }
}

impl<S: Service> End<(Option<S::State>, Reason), S> {
    /// Found ahead of the trait's.
    pub fn of<Conn, State>(&self, _: Conn, last: Option<State>, reason: Reason) -> (Option<State>, Reason) {
        (last, reason)
    }
}

/// Of what begins with the connection's value.
pub trait EndOfConn<T> {
    /// Found where there is no other.
    fn of<Conn, State>(&self, conn: Conn, last: Option<State>, reason: Reason) -> T
    where
        T: BeginsWithConn<Conn, State>;
}

impl<T, S> EndOfConn<T> for End<T, S> {
    fn of<Conn, State>(&self, conn: Conn, last: Option<State>, reason: Reason) -> T
    where
        T: BeginsWithConn<Conn, State>,
    {
        T::begin(conn, last, reason)
    }
}

/// The connection's value, and what else is taken of the two.
#[diagnostic::on_unimplemented(
    message = "an `#[on(disconnect)]` hook takes `[conn: Conn,] [last: Option<State>,] [reason: Reason]`, by value and in this order",
    label = "`Conn` is what `#[on(connect)]` makes: here, `{Conn}`"
)]
pub trait BeginsWithConn<Conn, State> {
    /// Those.
    fn begin(conn: Conn, last: Option<State>, reason: Reason) -> Self;
}

impl<Conn, State> BeginsWithConn<Conn, State> for (Conn,) {
    fn begin(conn: Conn, _: Option<State>, _: Reason) -> Self {
        (conn,)
    }
}

impl<Conn, State> BeginsWithConn<Conn, State> for (Conn, Reason) {
    fn begin(conn: Conn, _: Option<State>, reason: Reason) -> Self {
        (conn, reason)
    }
}

impl<Conn, State> BeginsWithConn<Conn, State> for (Conn, Option<State>) {
    fn begin(conn: Conn, last: Option<State>, _: Reason) -> Self {
        (conn, last)
    }
}
