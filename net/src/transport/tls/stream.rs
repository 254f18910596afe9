//! [`TlsStream`]: the encrypted stream under a session; and [`accept_tls`], which makes one.
//!
//! If a stream ends without `close_notify`, an attacker may have truncated it: reading it is an
//! error, so the session ends as reset and not as closed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::{TlsAcceptor, server};

use super::info::TlsInfo;
use crate::transport::Transport;

/// How many bytes are read and discarded from a rejected client while the alert is sent.
const MAX_DISCARDED: u64 = 64 * 1024;

/// The server's end of a TLS connection over `IO`.
// Boxed, because the state of rustls is large and a session is moved between phases.
pub(crate) struct TlsStream<IO>(Box<server::TlsStream<IO>>);

/// Does the TLS handshake as the server. A rejected client receives the alert.
///
/// It has no time limit.
pub(crate) async fn accept_tls<IO: Transport>(
    io: IO,
    config: Arc<ServerConfig>,
) -> io::Result<TlsStream<IO>> {
    match TlsAcceptor::from(config).accept(io).into_fallible().await {
        Ok(stream) => Ok(TlsStream(Box::new(stream))),
        Err((error, mut io)) => {
            // Read before closing: closing while the client sends would reset the connection, and
            // the alert would be lost.
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

    fn half_closes(&self) -> bool {
        self.0.get_ref().0.half_closes()
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

    /// Sends `close_notify`, then closes the writing side of the inner stream.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}
