//! Types on which all methods of a service must agree. Each is checked where a method names it.
//!
//! The first handler determines each type. Generated code passes values to the other methods
//! through these traits, so that a mismatch is one error at the type that differs, in the terms of
//! the service.

use std::ops::{ControlFlow, DerefMut};

/// Defines a trait that only the type `Given` itself implements.
macro_rules! takes {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        pub trait $name<Given> {
            /// Returns the value unchanged.
            fn taken(given: Given) -> Self
            where
                Self: Sized;

            /// Returns the reference unchanged.
            fn borrowed(given: &Given) -> &Self;
        }

        impl<T> $name<T> for T {
            fn taken(given: T) -> T {
                given
            }

            fn borrowed(given: &T) -> &T {
                given
            }
        }
    };
}

/// The request of a handler and of `#[before]`.
#[diagnostic::on_unimplemented(
    message = "this method takes requests of type `{Self}`, but the service's requests are `{Given}`",
    label = "expected `{Given}`",
    note = "all methods of a service take the same request type: make it an `enum`, and match on it"
)]
pub trait TakesRequest<Given>: Sized {
    /// Returns the request unchanged.
    fn taken(given: Given) -> Self;

    /// Returns the requests of a batch unchanged.
    fn taken_together(given: Vec<Given>) -> Vec<Self>;

    /// Returns the result of `#[before]` unchanged, with the request as the handlers take it.
    fn continued<Rsp>(flow: ControlFlow<Rsp, Self>) -> ControlFlow<Rsp, Given>;
}

impl<T> TakesRequest<T> for T {
    fn taken(given: T) -> T {
        given
    }

    fn taken_together(given: Vec<T>) -> Vec<T> {
        given
    }

    fn continued<Rsp>(flow: ControlFlow<Rsp, T>) -> ControlFlow<Rsp, T> {
        flow
    }
}

takes! {
    /// The response of `#[after]`.
    #[diagnostic::on_unimplemented(
        message = "this method takes responses of type `{Self}`, but the service's responses are `{Given}`",
        label = "expected `{Given}`",
        note = "write `&{Given}`"
    )]
    TakesResponse
}

takes! {
    /// The event of an `#[event]` handler.
    #[diagnostic::on_unimplemented(
        message = "this method takes events of type `{Self}`, but the service's events are `{Given}`",
        label = "expected `{Given}`",
        note = "all `#[event]` handlers of a service take the same type: make it an `enum`, and match on it"
    )]
    TakesEvent
}

takes! {
    /// The data of a state, in an `#[event]` or `#[on(timeout)]` handler.
    #[diagnostic::on_unimplemented(
        message = "this method takes data of type `{Self}`, but the state's data is `{Given}`",
        label = "expected `{Given}`",
        note = "write `{Given}`, as in the `#[state]` handler"
    )]
    TakesData
}

/// The next state.
#[diagnostic::on_unimplemented(
    message = "the next state must be a `{Given}`, which `#[service]` generates, but this is a `{Self}`",
    label = "expected `{Given}`",
    note = "to rename the generated enum, write `#[service(state(name = ..))]`"
)]
pub trait IsState<Given> {
    /// Returns the state unchanged.
    fn next_state(self) -> Given;
}

impl<T> IsState<T> for T {
    fn next_state(self) -> T {
        self
    }
}

takes! {
    /// The peer.
    #[diagnostic::on_unimplemented(
        message = "this method takes `&{Self}`, but the service's peers are `&{Given}`",
        label = "expected `&{Given}`",
        note = "a parameter `&T` is the peer: `&Peer<Response>`, or `&Peer<Response, Event>` in a service with events",
        note = "the connection's value is `&mut T`, and every other parameter is taken by value"
    )]
    TakesPeer
}

takes! {
    /// The error of `#[on(error)]`.
    #[diagnostic::on_unimplemented(
        message = "this method takes `{Self}`, but the service's errors are `{Given}`",
        label = "expected `{Given}`",
        note = "`SessionError<E>` names the error type of the handlers; `SessionError` alone is for handlers that can't fail"
    )]
    TakesError
}

takes! {
    /// The reason of `#[on(disconnect)]`.
    #[diagnostic::on_unimplemented(
        message = "the last parameter of `#[on(disconnect)]` that is taken by value must be the reason, but this is `{Self}`",
        label = "expected `Reason`",
        note = "its parameters are `(&self, [peer: &Peer<Response>,] [conn: Conn,] [last: Option<State>,] [reason: Reason])`"
    )]
    TakesReason
}

takes! {
    /// The connection's value, after the connection has ended.
    #[diagnostic::on_unimplemented(
        message = "this method takes a connection value of type `{Self}`, but `#[on(connect)]` returns `{Given}`",
        label = "expected `{Given}`"
    )]
    TakesConn
}

/// The connection's value, or what it dereferences to.
///
/// `How` is inferred: [`SameType`] or [`DerefTarget`].
#[diagnostic::on_unimplemented(
    message = "this method takes a connection value of type `{Self}`, but `#[on(connect)]` returns `{Given}`",
    label = "expected `&mut {Given}`"
)]
pub trait BorrowsConn<Given: ?Sized, How> {
    /// Borrows the value as what the method takes.
    fn borrowed(given: &mut Given) -> &mut Self;
}

/// The method takes the connection's value.
#[derive(Debug)]
pub enum SameType {}

/// The method takes what the connection's value dereferences to.
#[derive(Debug)]
pub enum DerefTarget {}

impl<T: ?Sized> BorrowsConn<T, SameType> for T {
    fn borrowed(given: &mut T) -> &mut T {
        given
    }
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized, D: DerefMut<Target = T>> BorrowsConn<D, DerefTarget> for T {
    fn borrowed(given: &mut D) -> &mut T {
        given
    }
}

takes! {
    /// The connection's value in an `#[rpc]` method, which shares it with other calls.
    #[diagnostic::on_unimplemented(
        message = "this parameter takes a connection value of type `{Self}`, but `#[on(connect)]` returns `{Given}`",
        label = "expected `&{Given}`",
        note = "parameters that clients send are passed by value"
    )]
    SharesConn
}

/// The parameter of `#[on(start)]`.
#[diagnostic::on_unimplemented(
    message = "an `#[on(start)]` hook takes `&mut Cleanup`, not `&mut {Self}`",
    label = "expected `&mut Cleanup`"
)]
pub trait BorrowsCleanup {
    /// Returns the reference unchanged.
    fn borrowed(given: &mut crate::Cleanup) -> &mut Self;
}

impl BorrowsCleanup for crate::Cleanup {
    fn borrowed(given: &mut crate::Cleanup) -> &mut Self {
        given
    }
}

/// The error type of a handler or hook, which must convert into the service's error type.
#[diagnostic::on_unimplemented(
    message = "this method fails with `{Self}`, but the service's error type is `{Error}`",
    label = "`{Error}` doesn't implement `From<{Self}>`",
    note = "make one error type that can hold both, or write `impl From<{Self}> for {Error}`"
)]
pub trait FailsWith<Error> {
    /// Converts the error.
    fn into_error(self) -> Error;
}

#[diagnostic::do_not_recommend]
impl<T, Error: From<T>> FailsWith<Error> for T {
    fn into_error(self) -> Error {
        self.into()
    }
}
