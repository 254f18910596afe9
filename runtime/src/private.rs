//! What expansions name and people do not. No stability promise: the macros and this module are released together.

/// The spanned assertion: an expansion calls it once for each type that crosses, with the user's own tokens.
///
/// Its bound is `Send` itself, which leads the compiler to the field that is not, and to the bound that a type
/// parameter lacks. The message shows the bound with its line, and so with the comment behind it.
#[rustfmt::skip]
pub const fn crosses<T: Send>() {} // what goes to a pool thread or comes back: `Arc` for `Rc`, `Mutex` for `RefCell`

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
