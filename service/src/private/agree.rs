//! Types on which the methods of a service have to agree: each is checked where a method names it.
//!
//! A handler's first parameter of a kind, or its result, says what the type is. What the other
//! methods take or give is compared with that by these traits, so that the compiler says which of
//! the two is out of place, in words of the language.

use std::ops::{ControlFlow, DerefMut};

/// A trait that only the very type has.
macro_rules! takes {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        pub trait $name<Given> {
            /// Itself.
            fn taken(given: Given) -> Self
            where
                Self: Sized;

            /// Itself, borrowed.
            fn shown(given: &Given) -> &Self;
        }

        impl<T> $name<T> for T {
            fn taken(given: T) -> T {
                given
            }

            fn shown(given: &T) -> &T {
                given
            }
        }
    };
}

/// The request of a handler, and of `#[before]`.
#[diagnostic::on_unimplemented(
    message = "this takes requests of type `{Self}`, and the service's are `{Given}`",
    label = "the service's requests are `{Given}`",
    note = "all methods of a service take one type of requests: make it an `enum`, and match on it"
)]
pub trait TakesRequest<Given>: Sized {
    /// Itself.
    fn taken(given: Given) -> Self;

    /// What `#[before]` gives on is what the handlers take.
    fn goes_on<Rsp>(flow: ControlFlow<Rsp, Self>) -> ControlFlow<Rsp, Given>;
}

impl<T> TakesRequest<T> for T {
    fn taken(given: T) -> T {
        given
    }

    fn goes_on<Rsp>(flow: ControlFlow<Rsp, T>) -> ControlFlow<Rsp, T> {
        flow
    }
}

takes! {
    /// The response of `#[after]`.
    #[diagnostic::on_unimplemented(
        message = "this takes responses of type `{Self}`, and the service's are `{Given}`",
        label = "the service's responses are `{Given}`",
        note = "write `&{Given}`"
    )]
    TakesResponse
}

takes! {
    /// The event of an `#[event]`.
    #[diagnostic::on_unimplemented(
        message = "this takes events of type `{Self}`, and the service's are `{Given}`",
        label = "the service's events are `{Given}`",
        note = "all `#[event]`s of a service take one type: make it an `enum`, and match on it"
    )]
    TakesEvent
}

takes! {
    /// The data of a state, in an `#[event]` or an `#[on(timeout)]`.
    #[diagnostic::on_unimplemented(
        message = "this takes data of type `{Self}`, and the state's is `{Given}`",
        label = "the state's data is `{Given}`",
        note = "write `{Given}`, as the `#[state]` does"
    )]
    TakesData
}

/// The next state.
#[diagnostic::on_unimplemented(
    message = "the next state is a `{Given}`, which `#[service]` writes, and this is a `{Self}`",
    label = "write `{Given}`",
    note = "another name for that enum is given by `#[service(state(name = ..))]`"
)]
pub trait IsState<Given> {
    /// Itself.
    fn given(self) -> Given;
}

impl<T> IsState<T> for T {
    fn given(self) -> T {
        self
    }
}

takes! {
    /// The peer.
    #[diagnostic::on_unimplemented(
        message = "this takes `&{Self}`, and the service's peers are `&{Given}`",
        label = "write `&{Given}`",
        note = "`&T` is the peer: `Peer<Response>`, or `Peer<Response, Event>` where there are events",
        note = "the connection's value is taken by `&mut T`, and all else by value"
    )]
    TakesPeer
}

takes! {
    /// The error of `#[on(error)]`.
    #[diagnostic::on_unimplemented(
        message = "this takes `{Self}`, and the service's errors are `{Given}`",
        label = "write `{Given}`",
        note = "`SessionError<E>` names what the handlers fail with; `SessionError` alone is for those that can't fail"
    )]
    TakesError
}

takes! {
    /// The reason of `#[on(disconnect)]`.
    #[diagnostic::on_unimplemented(
        message = "the last owned parameter of `#[on(disconnect)]` is the reason, and this takes `{Self}`",
        label = "write `reason: Reason`",
        note = "its parameters are `(&self, [peer: &Peer<Response>,] [conn: Conn,] [last: Option<State>,] [reason: Reason])`"
    )]
    TakesReason
}

takes! {
    /// The value of a connection that is over.
    #[diagnostic::on_unimplemented(
        message = "this takes a connection's value of type `{Self}`, and `#[on(connect)]` makes `{Given}`",
        label = "write `{Given}`"
    )]
    TakesConn
}

/// The value of a connection.
///
/// `How` is inferred: the very type, or what it derefs to.
#[diagnostic::on_unimplemented(
    message = "this takes a connection's value of type `{Self}`, and `#[on(connect)]` makes `{Given}`",
    label = "write `&mut {Given}`"
)]
pub trait BorrowsConn<Given: ?Sized, How> {
    /// Itself, or what is behind it.
    fn lent(given: &mut Given) -> &mut Self;
}

/// The very type.
#[derive(Debug)]
pub enum SameType {}

/// What is behind it.
#[derive(Debug)]
pub enum DerefTarget {}

impl<T: ?Sized> BorrowsConn<T, SameType> for T {
    fn lent(given: &mut T) -> &mut T {
        given
    }
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized, D: DerefMut<Target = T>> BorrowsConn<D, DerefTarget> for T {
    fn lent(given: &mut D) -> &mut T {
        given
    }
}

/// What `#[on(start)]` is lent.
#[diagnostic::on_unimplemented(
    message = "`#[on(start)]` is lent the service's `Cleanup`, and this takes `&mut {Self}`",
    label = "write `&mut Cleanup`"
)]
pub trait BorrowsCleanup {
    /// Itself.
    fn lent(given: &mut crate::Cleanup) -> &mut Self;
}

impl BorrowsCleanup for crate::Cleanup {
    fn lent(given: &mut crate::Cleanup) -> &mut Self {
        given
    }
}

/// What a handler or hook fails with, which becomes the service's error.
#[diagnostic::on_unimplemented(
    message = "this fails with `{Self}`, and the service's handlers with `{Error}`",
    label = "the service's error is `{Error}`",
    note = "make one error type that can hold both, or write `impl From<{Self}> for {Error}`"
)]
pub trait FailsWith<Error> {
    /// As the service's error.
    fn failed(self) -> Error;
}

#[diagnostic::do_not_recommend]
impl<T, Error: From<T>> FailsWith<Error> for T {
    fn failed(self) -> Error {
        self.into()
    }
}
