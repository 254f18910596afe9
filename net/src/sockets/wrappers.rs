//! Wrappers of an address or a listener, which change its streams: [`OverTls`], [`PassFds`].

/// A listener or an address over TLS. [`Tcp::tls`](crate::Tcp::tls) and `Unix::tls` make it, or
/// [`new`](Self::new) for a [`Listener`](crate::Listener) of your own.
#[cfg(feature = "tls")]
#[derive(Clone, Debug)]
#[must_use = "an address does nothing before a server listens there or a client connects to it"]
pub struct OverTls<L, T> {
    pub(crate) inner: L,
    pub(crate) config: T,
}

#[cfg(feature = "tls")]
impl<L, T> OverTls<L, T> {
    /// Wraps `inner` in TLS. `config` is a [`Tls`](crate::Tls) for a server, or a
    /// [`ClientTls`](crate::ClientTls) for a client.
    pub fn new(inner: L, config: T) -> Self {
        Self { inner, config }
    }
}

/// A listener of Unix sockets that passes descriptors with messages;
/// [`Unix::pass_fds`](crate::Unix::pass_fds) makes it.
#[cfg(all(feature = "fds", unix))]
#[derive(Clone, Debug)]
#[must_use = "an address does nothing before a server listens there"]
pub struct PassFds<L> {
    pub(crate) inner: L,
    pub(crate) count: usize,
}
