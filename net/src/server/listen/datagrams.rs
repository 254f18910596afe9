//! [`BoundDatagrams`]: a bound datagram socket with its codec.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use super::{Addrs, BoundListener, Erased, Listen, ServeContext, Serves};
use crate::codec::{DatagramCodec, Framed};
#[cfg(unix)]
use crate::datagram::UnixDatagram;
use crate::datagram::{AsyncSocket, DatagramAddr, DatagramSocket, PacketInfoBuffer, Socket, SocketFile, Udp};
use crate::server::acceptor::Source;
use crate::server::carries::Fits;
use crate::server::datagram::{DatagramStream, Router, route};
use crate::service::Service;
use crate::session::driver::session_factory;

#[doc(hidden)]
#[derive(Debug)]
pub struct BoundDatagrams<D> {
    socket: Socket,
    addr: DatagramAddr,
    codec: D,
}

fn bind<A: DatagramSocket>(address: A) -> io::Result<BoundDatagrams<A::Codec>> {
    let (parts, codec) = address.into_parts();
    let socket = parts.bind()?;
    Ok(BoundDatagrams { addr: socket.local_addr()?, socket, codec })
}

impl<D> Listen for Udp<D> {
    type Bound = BoundDatagrams<D>;

    fn bind(self) -> io::Result<BoundDatagrams<D>> {
        bind(self)
    }
}

impl<D> Listen for Udp<D, UdpSocket> {
    type Bound = BoundDatagrams<D>;

    fn bind(self) -> io::Result<BoundDatagrams<D>> {
        bind(self)
    }
}

#[cfg(unix)]
impl<D> Listen for UnixDatagram<D> {
    type Bound = BoundDatagrams<D>;

    fn bind(self) -> io::Result<BoundDatagrams<D>> {
        bind(self)
    }
}

#[cfg(unix)]
impl<D> Listen for UnixDatagram<D, std::os::unix::net::UnixDatagram> {
    type Bound = BoundDatagrams<D>;

    fn bind(self) -> io::Result<BoundDatagrams<D>> {
        bind(self)
    }
}

/// Any stream codec, or none: datagrams have one of their own.
impl<S: Service, C, D: DatagramCodec<S::Request, S::Response>> Serves<S, C, Fits> for BoundDatagrams<D> {
    fn erase(self, _: &C) -> Erased<S> {
        Erased(Box::new(self))
    }
}

impl<S: Service, D: DatagramCodec<S::Request, S::Response>> BoundListener<S> for BoundDatagrams<D> {
    fn addrs(&self) -> Addrs {
        Addrs::of_datagrams(&self.addr)
    }

    fn start(self: Box<Self>, context: &ServeContext<S>) -> io::Result<Source> {
        let Self { socket, addr, codec } = *self;
        let max_datagram = socket.max_datagram();
        let packet_info = PacketInfoBuffer::new(addr.ip());
        let max_datagram = codec.max_size().min(max_datagram);
        let codec = Framed::with_max(codec, max_datagram);
        let (socket, file): (AsyncSocket, Option<SocketFile>) = AsyncSocket::new(socket)?;
        let factory =
            Arc::new(session_factory::<S, DatagramStream, Framed<D>>(Arc::clone(&context.registry)));
        let routed = Router::new(context, socket, max_datagram);
        Ok(Source::Datagrams(Box::pin(async move {
            // The file goes when nothing more is read, while sessions may still answer.
            let _file = file;
            route(routed, packet_info, factory, codec).await;
        })))
    }
}
