//! [`IntoService`]: what a server can be made of.

use std::sync::Arc;

use super::{HandlerKind, Service};

/// What `Server::new` takes: a service, or one that is shared already.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "can't be served",
    note = "write `#[service]` on an `impl {Self}` block that has a `#[request]`, a `#[session]`, or `#[state]`s"
)]
pub trait IntoService {
    /// The service.
    type Service: Service;
    /// The service, shared.
    fn into_service(self) -> Arc<Self::Service>;
}

impl<S: Service> IntoService for S {
    type Service = <S::Kind as HandlerKind<S>>::Served;

    fn into_service(self) -> Arc<S> {
        Arc::new(self)
    }
}

impl<S: Service> IntoService for Arc<S> {
    type Service = <S::Kind as HandlerKind<S>>::Served;

    fn into_service(self) -> Arc<S> {
        self
    }
}
