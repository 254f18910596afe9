//! What a service is, as a value: [`Describe`], its [`Description`], and the pictures of it.
//!
//! `#[service]` writes it for the block that has the handlers. It is a constant, made of what
//! stands in the block: names, options, first lines of docs, and what bodies name.
//! `self.shrink(..)` in a body is a call, and `ChatState::Room(..)` a state that it leads to; a
//! body that gives a state which is not written out in it is [dynamic](Method::dynamic), and drawn
//! dashed.
//!
//! The printers are in `portcullis-describe`, which the macros use as well: the service's docs show
//! the same picture.

mod snapshot;

pub use portcullis_describe::*;
#[doc(hidden)]
pub use snapshot::{Package, assert_diagram};

use crate::Service;

/// A service with a description: every [`Service`] that `#[service]` writes, by its
/// [`SERVICE_DESCRIPTION`](Service::SERVICE_DESCRIPTION).
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no description",
    note = "`#[service]` describes the `impl` block with the handlers; a block without handlers has no description"
)]
pub trait Describe {
    /// The service's handlers, hooks, blocking methods and helpers: those of the block with the
    /// handlers.
    const DESCRIPTION: Description<'static>;

    /// [`DESCRIPTION`](Self::DESCRIPTION), as a call.
    #[must_use]
    fn describe() -> Description<'static> {
        Self::DESCRIPTION
    }
}

#[diagnostic::do_not_recommend]
impl<S: Service> Describe for S {
    const DESCRIPTION: Description<'static> = S::SERVICE_DESCRIPTION;
}

/// Fails a test whose service is no longer what a file in the repository says: the picture as a
/// test.
///
/// The file's path is relative to the package's `Cargo.toml`. The package is looked for where the
/// test runs, so a test that was built elsewhere (an archive of cargo-nextest, a container, a
/// checkout that was moved) reads the files of the place where it is: in the folder that
/// `cargo test` and `cargo nextest` name in `CARGO_MANIFEST_DIR` at run time; without it in the
/// folder of the build; if that was removed, in the current one. Its ending says what is in it:
/// `.mmd` for Mermaid, `.dot` for Graphviz, `.json` for everything. The picture is that of the
/// states; of the threads, if the name ends in `.threads.mmd` or `.threads.dot`.
/// `PORTCULLIS_BLESS=1 cargo test` writes the file.
///
/// ```no_run
/// # struct Smtp;
/// # impl portcullis_service::Describe for Smtp {
/// #     const DESCRIPTION: portcullis_service::describe::Description<'static> =
/// #         portcullis_service::describe::Description::new("Smtp", "", &[]);
/// # }
/// # use portcullis_service::assert_diagram;
/// # fn test() {
/// assert_diagram!(Smtp, "docs/smtp.mmd");
/// # }
/// ```
///
/// # Panics
/// If the file says something else, which the message shows line by line, or can't be read or
/// written.
#[macro_export]
macro_rules! assert_diagram {
    ($service:ty, $path:expr $(,)?) => {
        $crate::describe::assert_diagram(
            &<$service as $crate::Describe>::DESCRIPTION,
            $crate::describe::Package {
                name: ::core::option_env!("CARGO_PKG_NAME"),
                folder: ::core::env!("CARGO_MANIFEST_DIR"),
            },
            $path,
        )
    };
}
