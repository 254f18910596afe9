//! Decides by type what a signature means, so that aliases, renamed imports and associated types
//! work.
//!
//! A macro sees only how a type is written. Where a function may return one of a few types, a trait
//! distinguishes them. Where it may return any type, a constant
//! ([`is_result!`](crate::__is_result), [`connect_output!`](crate::__connect_output)) selects the
//! impl. The constants rely on method resolution: an inherent item is found before a trait's item
//! of the same name.

use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::{Reason, Responses, Service};

pub use crate::{__connect_output as connect_output, __is_result as is_result};

/// `IsResult::<T>::YES`: whether a type is a `Result`, under any name.
pub struct IsResult<T>(PhantomData<T>);

impl<T, E> IsResult<Result<T, E>> {
    /// Found before the trait's constant.
    pub const YES: bool = true;

    /// Found before the trait's method. Its bound reports an alias where no constant can be
    /// evaluated.
    pub const fn is_plain(&self)
    where
        Result<T, E>: WrittenOut,
    {
    }
}

impl<T> IsResult<T> {
    /// The value whose methods are looked up.
    pub const PROBE: Self = Self(PhantomData);
}

/// The fallback of [`IsResult`], for any type that is not a `Result`.
pub trait NotAResult {
    /// Found if there is no inherent constant.
    const YES: bool = false;

    /// Found if there is no inherent method.
    fn is_plain(&self) {}
}

impl<T> NotAResult for IsResult<T> {}

/// A type that must be written out in a block with type parameters, where aliases can't be
/// resolved. No type implements it.
#[diagnostic::on_unimplemented(
    message = "this is an alias of `{Self}`, which can't be resolved in a block with type parameters",
    label = "write the type in full"
)]
pub trait WrittenOut {}

#[doc(hidden)]
#[macro_export]
macro_rules! __is_result {
    ($ty:ty) => {{
        use $crate::private::NotAResult as _;
        <$crate::private::IsResult<$ty>>::YES
    }};
}

/// The response of a handler with `send_result`.
#[diagnostic::on_unimplemented(
    message = "`send_result` requires a `Result` return type, but this handler returns `{Self}`: remove `send_result`",
    label = "not a `Result`"
)]
pub trait SendsResult: Sized {
    /// Returns the response unchanged.
    #[must_use]
    fn response(self) -> Self {
        self
    }
}

impl<T, E> SendsResult for Result<T, E> {}

/// The type of success: of a `Result` its value type, of any other type the type itself.
pub trait OkType<const RESULT: bool> {
    /// The value type.
    type Ok;
}

impl<T, E> OkType<true> for Result<T, E> {
    type Ok = T;
}

impl<T> OkType<false> for T {
    type Ok = T;
}

/// The error type, or `Otherwise` for a type that isn't a `Result`.
pub trait ErrType<const RESULT: bool, Otherwise> {
    /// The error type.
    type Err;
}

impl<T, E, Otherwise> ErrType<true, Otherwise> for Result<T, E> {
    type Err = E;
}

impl<T, Otherwise> ErrType<false, Otherwise> for T {
    type Err = Otherwise;
}

/// Converts the output of a handler into a `Result` with the service's error type.
pub trait IntoServiceResult<const RESULT: bool, Err>: OkType<RESULT> {
    /// Converts the output.
    ///
    /// # Errors
    /// The error of the output, if it is a `Result`.
    fn into_result(self) -> Result<Self::Ok, Err>;
}

impl<T, E, Err: From<E>> IntoServiceResult<true, Err> for Result<T, E> {
    fn into_result(self) -> Result<T, Err> {
        self.map_err(Err::from)
    }
}

impl<T, Err> IntoServiceResult<false, Err> for T {
    fn into_result(self) -> Result<T, Err> {
        Ok(self)
    }
}

/// What a handler returns as its responses: a response of the service, or an `Option`, `Vec`, array
/// or [`Responses`] of them.
///
/// The types decide. Where the service's response is `Vec<u8>`, a handler that returns `Vec<u8>`
/// sends one response, and a handler that returns `Vec<Vec<u8>>` sends several. At most one impl
/// applies, because no type contains itself; therefore `How` is inferred.
#[diagnostic::on_unimplemented(
    message = "this handler returns `{Self}`, but the service's responses are `{Rsp}`",
    label = "expected `{Rsp}`, or `Option<{Rsp}>`, `Vec<{Rsp}>` or an array for none or several",
    note = "`#[service(response = ..)]` sets the response type; without it, the first method that names one does"
)]
pub trait IntoResponses<Rsp, How> {
    /// Converts the output.
    fn into_responses(self) -> Responses<Rsp>;
}

/// The handler returns a response.
#[derive(Debug)]
pub enum ReturnsOne {}

/// The handler returns an `Option`.
#[derive(Debug)]
pub enum ReturnsOption {}

/// The handler returns a `Vec`.
#[derive(Debug)]
pub enum ReturnsVec {}

/// The handler returns an array.
#[derive(Debug)]
pub enum ReturnsArray {}

/// The handler returns `Responses`.
#[derive(Debug)]
pub enum ReturnsResponses {}

impl<Rsp> IntoResponses<Rsp, ReturnsOne> for Rsp {
    #[inline]
    fn into_responses(self) -> Responses<Rsp> {
        Responses::One(self)
    }
}

#[diagnostic::do_not_recommend]
impl<Rsp> IntoResponses<Rsp, ReturnsOption> for Option<Rsp> {
    #[inline]
    fn into_responses(self) -> Responses<Rsp> {
        self.map_or(Responses::None, Responses::One)
    }
}

#[diagnostic::do_not_recommend]
impl<Rsp> IntoResponses<Rsp, ReturnsVec> for Vec<Rsp> {
    #[inline]
    fn into_responses(self) -> Responses<Rsp> {
        Responses::Many(self)
    }
}

#[diagnostic::do_not_recommend]
impl<Rsp, const N: usize> IntoResponses<Rsp, ReturnsArray> for [Rsp; N] {
    #[inline]
    fn into_responses(self) -> Responses<Rsp> {
        Responses::Many(self.into())
    }
}

#[diagnostic::do_not_recommend]
impl<Rsp> IntoResponses<Rsp, ReturnsResponses> for Responses<Rsp> {
    #[inline]
    fn into_responses(self) -> Responses<Rsp> {
        self
    }
}

/// The value of `idle = ..` and `max_duration = ..` of a state.
#[diagnostic::on_unimplemented(
    message = "a time limit must be a `Duration` or an `Option<Duration>`, but this is `{Self}`",
    label = "expected `Duration`"
)]
pub trait IntoTimeLimit {
    /// Converts the value. `None` is no limit.
    fn into_time_limit(self) -> Option<Duration>;
}

impl IntoTimeLimit for Duration {
    fn into_time_limit(self) -> Option<Duration> {
        Some(self)
    }
}

impl IntoTimeLimit for Option<Duration> {
    fn into_time_limit(self) -> Option<Duration> {
        self
    }
}

/// The output of a hook or session that returns nothing and may fail.
#[diagnostic::on_unimplemented(
    message = "this must return `()` or `Result<(), Error>`, but it returns `{Self}`",
    label = "neither `()` nor a `Result<(), Error>`"
)]
pub trait UnitOrResult<Otherwise> {
    /// The error type, or `Otherwise`.
    type Err;

    /// Converts the output.
    ///
    /// # Errors
    /// The error of the output, if it is a `Result`.
    fn into_result(self) -> Result<(), Otherwise>
    where
        Otherwise: From<Self::Err>;
}

impl<Otherwise> UnitOrResult<Otherwise> for () {
    type Err = Otherwise;

    fn into_result(self) -> Result<(), Otherwise> {
        Ok(())
    }
}

impl<E, Otherwise> UnitOrResult<Otherwise> for Result<(), E> {
    type Err = E;

    fn into_result(self) -> Result<(), Otherwise>
    where
        Otherwise: From<E>,
    {
        self.map_err(Otherwise::from)
    }
}

/// The output of `#[before]`: a `ControlFlow`, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "a `#[before]` method must return `ControlFlow<Response, Request>`, but this one returns `{Self}`",
    label = "not a `ControlFlow<Response, Request>`"
)]
pub trait BeforeOutput<Otherwise> {
    /// The response that ends the request.
    type Break;
    /// The request that goes to the handler.
    type Continue;
    /// The error type, or `Otherwise`.
    type Err;

    /// Converts the output.
    ///
    /// # Errors
    /// The error of the output, if it is a `Result`.
    fn into_result(self) -> Result<ControlFlow<Self::Break, Self::Continue>, Otherwise>
    where
        Otherwise: From<Self::Err>;
}

impl<B, C, Otherwise> BeforeOutput<Otherwise> for ControlFlow<B, C> {
    type Break = B;
    type Continue = C;
    type Err = Otherwise;

    fn into_result(self) -> Result<Self, Otherwise> {
        Ok(self)
    }
}

impl<B, C, E, Otherwise> BeforeOutput<Otherwise> for Result<ControlFlow<B, C>, E> {
    type Break = B;
    type Continue = C;
    type Err = E;

    fn into_result(self) -> Result<ControlFlow<B, C>, Otherwise>
    where
        Otherwise: From<E>,
    {
        self.map_err(Otherwise::from)
    }
}

/// `ConnectOutput::<T, State>::KIND`: what `#[on(connect)]` returns. 0 is the connection's value, 1
/// the start state, and 2 a pair of both.
pub struct ConnectOutput<T, State>(PhantomData<(T, State)>);

impl<State> ConnectOutput<State, State> {
    /// Found before the trait's constant.
    pub const KIND: u8 = 1;

    /// Found before the trait's method. Its bound reports an alias where no constant can be
    /// evaluated.
    pub const fn is_the_value(&self)
    where
        State: WrittenOut,
    {
    }
}

impl<Conn, State> ConnectOutput<(Conn, State), State> {
    /// Found before the trait's constant.
    pub const KIND: u8 = 2;

    /// Found before the trait's method. Its bound reports an alias where no constant can be
    /// evaluated.
    pub const fn is_the_value(&self)
    where
        (Conn, State): WrittenOut,
    {
    }
}

impl<T, State> ConnectOutput<T, State> {
    /// The value whose methods are looked up.
    pub const PROBE: Self = Self(PhantomData);
}

/// The fallback of [`ConnectOutput`], for any type that contains no state.
pub trait ConnectOutputWithoutState {
    /// Found if there is no inherent constant.
    const KIND: u8 = 0;

    /// Found if there is no inherent method.
    fn is_the_value(&self) {}
}

impl<T, State> ConnectOutputWithoutState for ConnectOutput<T, State> {}

#[doc(hidden)]
#[macro_export]
macro_rules! __connect_output {
    ($ty:ty, $state:ty) => {{
        use $crate::private::ConnectOutputWithoutState as _;
        <$crate::private::ConnectOutput<$ty, $state>>::KIND
    }};
}

/// The connection's value in the output of `#[on(connect)]`.
pub trait ConnValue<const KIND: u8, State> {
    /// Its type.
    type Conn;
}

impl<State> ConnValue<1, State> for State {
    type Conn = ();
}

impl<Conn, State> ConnValue<2, State> for (Conn, State) {
    type Conn = Conn;
}

impl<Conn, State> ConnValue<0, State> for Conn {
    type Conn = Conn;
}

/// The start state, if `#[on(connect)]` doesn't return it.
#[diagnostic::on_unimplemented(
    message = "the start state has data, but nothing provides it: return the state from `#[on(connect)]`, alone or as `(Conn, State)`",
    label = "returns no state"
)]
pub trait StartState<State> {
    /// Returns the start state.
    fn start_state(self) -> State;
}

impl<State, F: FnOnce() -> State> StartState<State> for F {
    fn start_state(self) -> State {
        self()
    }
}

/// The start state has data, so it can't be made without `#[on(connect)]`.
pub struct NoStartState;

/// Splits the output of `#[on(connect)]`.
pub trait ConnValueAndState<const KIND: u8, State, F>: ConnValue<KIND, State> {
    /// Returns the connection's value and the start state.
    fn both(self, start: F) -> (Self::Conn, State);
}

impl<State, F> ConnValueAndState<1, State, F> for State {
    fn both(self, _: F) -> ((), State) {
        ((), self)
    }
}

impl<Conn, State, F> ConnValueAndState<2, State, F> for (Conn, State) {
    fn both(self, _: F) -> Self {
        self
    }
}

impl<Conn, State, F: StartState<State>> ConnValueAndState<0, State, F> for Conn {
    fn both(self, start: F) -> (Conn, State) {
        (self, start.start_state())
    }
}

/// The parameters of `#[on(disconnect)]` that are taken by value: any of the connection's value,
/// the last state and the reason, in this order.
pub struct DisconnectParams<T, S>(PhantomData<(T, S)>);

impl<T, S> DisconnectParams<T, S> {
    /// The value whose methods are looked up.
    pub const PROBE: Self = Self(PhantomData);
}

impl<S: Service> DisconnectParams<(Reason,), S> {
    /// Found before the trait's method.
    pub fn of<Conn, State>(&self, _: Conn, _: Option<State>, reason: Reason) -> (Reason,) {
        (reason,)
    }
}

impl<S: Service> DisconnectParams<(Option<S::State>,), S> {
    /// Found before the trait's method.
    pub fn of<Conn, State>(&self, _: Conn, last: Option<State>, _: Reason) -> (Option<State>,) {
        (last,)
    }
}

impl<S: Service> DisconnectParams<(Option<S::State>, Reason), S> {
    /// Found before the trait's method.
    pub fn of<Conn, State>(&self, _: Conn, last: Option<State>, reason: Reason) -> (Option<State>, Reason) {
        (last, reason)
    }
}

/// The fallback of [`DisconnectParams`], for parameters that start with the connection's value.
pub trait DisconnectParamsWithConn<T> {
    /// Found if there is no inherent method.
    fn of<Conn, State>(&self, conn: Conn, last: Option<State>, reason: Reason) -> T
    where
        T: StartsWithConn<Conn, State>;
}

impl<T, S> DisconnectParamsWithConn<T> for DisconnectParams<T, S> {
    fn of<Conn, State>(&self, conn: Conn, last: Option<State>, reason: Reason) -> T
    where
        T: StartsWithConn<Conn, State>,
    {
        T::select(conn, last, reason)
    }
}

/// The connection's value, followed by the last state, the reason, or neither.
#[diagnostic::on_unimplemented(
    message = "an `#[on(disconnect)]` hook takes `[conn: Conn,] [last: Option<State>,] [reason: Reason]`, by value and in this order",
    label = "`Conn` is the type that `#[on(connect)]` returns, `{Conn}`"
)]
pub trait StartsWithConn<Conn, State> {
    /// Selects the arguments.
    fn select(conn: Conn, last: Option<State>, reason: Reason) -> Self;
}

impl<Conn, State> StartsWithConn<Conn, State> for (Conn,) {
    fn select(conn: Conn, _: Option<State>, _: Reason) -> Self {
        (conn,)
    }
}

impl<Conn, State> StartsWithConn<Conn, State> for (Conn, Reason) {
    fn select(conn: Conn, _: Option<State>, reason: Reason) -> Self {
        (conn, reason)
    }
}

impl<Conn, State> StartsWithConn<Conn, State> for (Conn, Option<State>) {
    fn select(conn: Conn, last: Option<State>, _: Reason) -> Self {
        (conn, last)
    }
}
