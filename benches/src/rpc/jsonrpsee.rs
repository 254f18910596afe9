//! The service with jsonrpsee, over WebSocket, which is cheaper than an HTTP request for each call.

use std::net::SocketAddr;
use std::sync::Arc;

use jsonrpsee::RpcModule;
use jsonrpsee::client_transport::ws::{Url, WsTransportClientBuilder};
use jsonrpsee::core::client::{Client as JsonClient, ClientBuilder, ClientT};
use jsonrpsee::rpc_params;
use jsonrpsee::server::{ServerBuilder, ServerConfig};
use jsonrpsee::types::ErrorObjectOwned;

use super::{Caller, DEADLINE, hash};
use crate::echo::servers::SERVERS;

/// More connections than the bench opens.
const CONNECTIONS: u32 = 4096;

pub(super) fn start() -> SocketAddr {
    SERVERS.block_on(async {
        let options = ServerConfig::builder().max_connections(CONNECTIONS).ws_only().build();
        let server = ServerBuilder::with_config(options).build("127.0.0.1:0").await.expect("a port");
        let addr = server.local_addr().expect("an address");
        let mut module = RpcModule::new(());
        let echo = module.register_method("echo", |params, (), _| {
            let text: String = params.one()?;
            Ok::<_, ErrorObjectOwned>(text)
        });
        echo.expect("the first method");
        let hash = module.register_blocking_method("hash", |params, _, _| {
            let text: String = params.one()?;
            Ok::<_, ErrorObjectOwned>(hash(&text))
        });
        hash.expect("the second method");
        tokio::spawn(server.start(module).stopped());
        addr
    })
}

#[derive(Clone)]
pub(super) struct Client(Arc<JsonClient>);

impl Caller for Client {
    async fn connect(addr: SocketAddr) -> Self {
        let url = Url::parse(&format!("ws://{addr}")).expect("a URL");
        let (sender, receiver) = WsTransportClientBuilder::default().build(url).await.expect("it listens");
        let client = ClientBuilder::default().request_timeout(DEADLINE);
        Self(Arc::new(client.build_with_tokio(sender, receiver)))
    }

    async fn echo(&self, text: &str) {
        let text: String = self.0.request("echo", rpc_params![text]).await.expect("a reply");
        drop(text);
    }

    async fn hash(&self, text: &str) {
        let _: u64 = self.0.request("hash", rpc_params![text]).await.expect("a reply");
    }
}
