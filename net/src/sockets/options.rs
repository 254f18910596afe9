//! Options that sockets of several kinds have, and that systems take in silence although they can't
//! have them.

use std::io;

use socket2::Socket;
use tracing::warn;

/// `SO_REUSEPORT`.
///
/// # Errors
/// `Unsupported` if it is asked for, and the system has no such option.
pub(crate) fn set_reuse_port(socket: &Socket, on: bool) -> io::Result<()> {
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    return socket.set_reuse_port(on);
    #[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin")))))]
    {
        let _ = socket;
        let text = "`reuse_port`: this system has no `SO_REUSEPORT`";
        if on { Err(io::Error::new(io::ErrorKind::Unsupported, text)) } else { Ok(()) }
    }
}

/// `SO_RCVBUF` and `SO_SNDBUF`. A system that gives less than it was asked for does not say so: we
/// do.
pub(crate) fn set_buffers(socket: &Socket, receive: Option<usize>, send: Option<usize>) -> io::Result<()> {
    // The system counts in an `int`: more than that would wrap around to something small.
    let most = |bytes: usize| bytes.min(i32::MAX as usize);
    if let Some(asked) = receive {
        socket.set_recv_buffer_size(most(asked))?;
        tell_if_less("SO_RCVBUF", asked, socket.recv_buffer_size()?);
    }
    if let Some(asked) = send {
        socket.set_send_buffer_size(most(asked))?;
        tell_if_less("SO_SNDBUF", asked, socket.send_buffer_size()?);
    }
    Ok(())
}

fn tell_if_less(option: &str, asked: usize, bytes: usize) {
    if bytes < asked {
        warn!(option, asked, bytes, "the system gives a socket a smaller buffer than it was asked for");
    }
}
