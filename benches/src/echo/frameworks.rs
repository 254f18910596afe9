//! Servers of other frameworks, and the bytes that a client sends them.
//!
//! The client of this bench does not implement their protocols: it sends the same bytes repeatedly,
//! so that it costs the same with every server. Therefore all responses have the same length.

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use jsonrpsee::RpcModule;
use jsonrpsee::server::{ServerBuilder, ServerConfig};
use jsonrpsee::types::ErrorObjectOwned;
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Json;
use tarpc::{ClientMessage, Request};
use tokio_util::codec::LengthDelimitedCodec;

use super::frame::{FRAME, SIZE};
use super::load::Talk;
use super::servers::{SERVERS, listen};

pub(crate) const TARPC: &str = "tarpc, JSON";
pub(crate) const JSONRPSEE: &str = "jsonrpsee, WebSocket";
/// More connections than any bench opens.
const CONNECTIONS: u32 = 1024;

#[tarpc::service]
trait Echo {
    async fn echo(line: String) -> String;
}

#[derive(Clone)]
struct Echoing;

impl Echo for Echoing {
    async fn echo(self, _: Context, line: String) -> String {
        line
    }
}

/// As in tarpc's example service: JSON over TCP, a task for each request.
pub(crate) fn tarpc() -> (SocketAddr, Talk) {
    let addr = listen(|io| {
        let framed = LengthDelimitedCodec::builder().new_framed(io);
        let transport = tarpc::serde_transport::new(framed, Json::default());
        BaseChannel::with_defaults(transport).execute(Echoing.serve()).for_each(|answer| async {
            tokio::spawn(answer);
        })
    });
    let mut context = tarpc::context::current();
    // Encoded as the remaining time.
    context.deadline += Duration::from_secs(60);
    let message = EchoRequest::Echo { line: line() };
    let request = serde_json::to_vec(&ClientMessage::Request(Request { context, id: 0, message }));
    let request = request.expect("a request as JSON");
    let length = u32::try_from(request.len()).expect("a short request");
    let request = [&length.to_be_bytes(), request.as_slice()].concat();
    (addr, Talk { hello: Vec::new(), request })
}

/// Over WebSocket, which is cheaper than an HTTP request for each call.
pub(crate) fn jsonrpsee() -> (SocketAddr, Talk) {
    let addr = SERVERS.block_on(async {
        let options = ServerConfig::builder().max_connections(CONNECTIONS).ws_only().build();
        let server = ServerBuilder::with_config(options).build("127.0.0.1:0").await.expect("a port");
        let addr = server.local_addr().expect("an address");
        let mut module = RpcModule::new(());
        let echo = module.register_method("echo", |params, (), _| {
            let line: String = params.one()?;
            Ok::<_, ErrorObjectOwned>(line)
        });
        echo.expect("the only method");
        tokio::spawn(server.start(module).stopped());
        addr
    });
    let hello = format!(
        "GET / HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let call = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"echo","params":["{}"]}}"#, line());
    let length = u8::try_from(call.len()).expect("a short call");
    assert!(length <= 125, "a call of {length} bytes has another head");
    // The header of a text message: its length, and a mask of zeros.
    let head = [0x81, 0x80 | length, 0, 0, 0, 0];
    (addr, Talk { hello: hello.into_bytes(), request: [&head, call.as_bytes()].concat() })
}

/// The payload of the string: the line without its ending, padded to 64 bytes.
fn line() -> String {
    String::from_utf8_lossy(&FRAME[..SIZE - 1]).into_owned() + "."
}
