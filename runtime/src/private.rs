//! What expansions name and people do not. No stability promise: the macros and this module are released together.

/// The spanned assertions: an expansion calls them once for each type that crosses, with the user's own tokens.
///
/// They are on a public type, and their bounds are those of std, since messages name both: `Send` leads the
/// compiler to the field that is not, and to the bound that a type parameter lacks. What stands behind them on the
/// line is part of those messages as well.
impl crate::Pool {
    #[doc(hidden)]
    #[rustfmt::skip]
    pub const fn crosses<T: Send>() {} // what goes to a pool thread, or comes back: `Arc` for `Rc`, `Mutex` for `RefCell`

    #[doc(hidden)]
    #[rustfmt::skip]
    pub const fn flattens<E: From<crate::Interrupted>>() {} // or `#[blocking(nested)]`: a `Result` inside a `Result<_, Interrupted>`
}

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
