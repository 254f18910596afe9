//! [`TlsStream`]: the encrypted stream under a session; and [`accept_tls`], which makes one.
//!
//! A stream that ends without TLS' own word of farewell may have been cut by anyone on the way:
//! reading it is an error, so a session over it is reset and not closed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::{TlsAcceptor, server};

use super::info::TlsInfo;
use crate::transport::Transport;

/// What a client that was refused may still send while it is told why.
const MAX_DISCARDED: u64 = 64 * 1024;

/// The server's end of a TLS connection over `IO`.
// In a box: a session is moved from phase to phase, and rustls' state is large.
pub(crate) struct TlsStream<IO>(Box<server::TlsStream<IO>>);

/// Makes a TLS connection of a stream. A client that is refused is told so, as long as it listens.
///
/// Has no limit of its own.
pub(crate) async fn accept_tls<IO: Transport>(
    io: IO,
    config: Arc<ServerConfig>,
) -> io::Result<TlsStream<IO>> {
    match TlsAcceptor::from(config).accept(io).into_fallible().await {
        Ok(stream) => Ok(TlsStream(Box::new(stream))),
        Err((error, mut io)) => {
            // Closed over what it is still sending, the connection would be reset, and the alert
            // lost.
            let _ = io.shutdown().await;
            let _ = tokio::io::copy(&mut io.take(MAX_DISCARDED), &mut tokio::io::sink()).await;
            Err(error)
        }
    }
}

impl<IO> TlsStream<IO> {
    pub(crate) fn info(&self) -> TlsInfo {
        TlsInfo::of(self.0.get_ref().1)
    }
}

impl<IO: Transport> Transport for TlsStream<IO> {
    async fn wait_for_reset(&self) {
        self.0.get_ref().0.wait_for_reset().await;
    }

    fn lingers(&self) -> bool {
        self.0.get_ref().0.lingers()
    }
}

impl<IO: Transport> AsyncRead for TlsStream<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buf)
    }
}

impl<IO: Transport> AsyncWrite for TlsStream<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    /// Says farewell in TLS' own words, then closes the writing side below.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}
