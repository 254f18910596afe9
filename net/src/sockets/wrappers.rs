//! An address or a listener with something around its streams: [`OverTls`], [`PassFds`].

/// A listener or an address over TLS: made by [`Tcp::tls`](crate::Tcp::tls), `Unix::tls`, or
/// [`new`](Self::new) around a [`Listener`](crate::Listener) of your own.
#[cfg(feature = "tls")]
#[derive(Clone, Debug)]
#[must_use = "an address does nothing before a server listens there or a client connects to it"]
pub struct OverTls<L, T> {
    pub(crate) inner: L,
    pub(crate) config: T,
}

#[cfg(feature = "tls")]
impl<L, T> OverTls<L, T> {
    /// `inner` over TLS. `config` is a [`Tls`](crate::Tls) for a server, or a
    /// [`ClientTls`](crate::ClientTls) for a client.
    pub fn new(inner: L, config: T) -> Self {
        Self { inner, config }
    }
}

/// A listener of Unix sockets that passes descriptors with messages; made by
/// [`Unix::pass_fds`](crate::Unix::pass_fds).
#[cfg(all(feature = "fds", unix))]
#[derive(Clone, Debug)]
#[must_use = "an address does nothing before a server listens there"]
pub struct PassFds<L> {
    pub(crate) inner: L,
    pub(crate) count: usize,
}
