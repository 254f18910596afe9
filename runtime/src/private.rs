//! What expansions name and people do not. No stability promise: the macros and this module are released together.

/// `Self` may go from the loop to a pool thread, or back. The impl is kept out of messages, so that they speak of
/// the type itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't cross between the loop and a pool thread",
    label = "not `Send`",
    note = "what goes into or comes out of a `#[blocking]` function is owned and `Send`: `Arc` for `Rc`, `Mutex` or an atomic for `RefCell` and `Cell`"
)]
pub trait Crosses: Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Crosses for T {}

/// The spanned assertion: an expansion calls it once for each type that crosses, with the user's own tokens.
pub const fn crosses<T: Crosses>() {}

/// The error of a blocking function can take in what a crossing can end with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't say that a crossing ended early: it has no `From<Interrupted>`",
    label = "no `From<Interrupted>`",
    note = "write `impl From<portcullis::Interrupted> for {Self}`, or `#[blocking(nested)]` to get the whole result inside a `Result<_, Interrupted>`"
)]
pub trait TakesInterrupted: From<crate::Interrupted> {}

#[diagnostic::do_not_recommend]
impl<E: From<crate::Interrupted>> TakesInterrupted for E {}

/// The spanned assertion for the error type of a flattened result.
pub const fn flattens<E: TakesInterrupted>() {}

/// Sees through aliases of `Result` (`io::Result<T>`, `anyhow::Result<T>`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Result`",
    label = "taken for a `Result`",
    note = "on `#[blocking]`, write `nested` to leave the type as it is; elsewhere, return a `Result<_, _>`"
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

#[cfg(feature = "server")]
pub use server::*;

#[cfg(feature = "server")]
mod server {
    pub use crate::service::{BoxError, HalfClose, InLine, Linear, Opened, Step, Steps, Stepwise, Style};

    /// Sees through aliases of `Session<Req, Rsp>`.
    #[diagnostic::on_unimplemented(
        message = "the last parameter of a `#[session]` is `&mut Session<Request, Response>`, not `&mut {Self}`",
        label = "not a `Session`"
    )]
    pub trait SessionTypes {
        /// What the session receives.
        type Request;
        /// What it sends.
        type Response;
    }

    impl<Req, Rsp> SessionTypes for crate::Session<Req, Rsp> {
        type Request = Req;
        type Response = Rsp;
    }

    /// What `#[on(disconnect)]` takes as its last owned parameter.
    #[diagnostic::on_unimplemented(
        message = "the last owned parameter of `#[on(disconnect)]` is the `Reason`, not `{Self}`",
        label = "expected `Reason`",
        note = "to take the connection's value, write both: `conn: {Self}, reason: Reason`"
    )]
    pub trait IsReason {
        /// The reason itself.
        fn from_reason(reason: crate::Reason) -> Self;
    }

    impl IsReason for crate::Reason {
        fn from_reason(reason: crate::Reason) -> Self {
            reason
        }
    }

    /// Hands the reason to a parameter whose type is to be checked at its own tokens.
    pub fn reason<T: IsReason>(reason: crate::Reason) -> T {
        T::from_reason(reason)
    }

    /// Stands for a request or response that a mistaken handler left unsaid, so that the mistake is the only error.
    #[derive(Debug)]
    pub enum Unknown {}

    #[cfg(any(feature = "json", feature = "postcard"))]
    impl serde::Serialize for Unknown {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            match *self {}
        }
    }

    #[cfg(any(feature = "json", feature = "postcard"))]
    impl<'de> serde::Deserialize<'de> for Unknown {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(serde::de::Error::custom("the service's block does not compile"))
        }
    }
}
