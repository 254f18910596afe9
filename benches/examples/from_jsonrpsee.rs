//! A password hashing service written with jsonrpsee, for the guide's page "Coming from RPC".

#![forbid(unsafe_code)]

use jsonrpsee::RpcModule;
use jsonrpsee::server::ServerBuilder;
use jsonrpsee::types::ErrorObjectOwned;

fn slow_hash(password: &str) -> String {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:x}", password.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // ANCHOR: service
    let mut module = RpcModule::new(());
    module.register_blocking_method("hash", |params, _, _| {
        let password: String = params.one()?;
        Ok::<_, ErrorObjectOwned>(slow_hash(&password))
    })?;
    // ANCHOR_END: service
    let hash: String = module.call("hash", ["correct horse"]).await?;
    println!("{hash}");

    // ANCHOR: serve
    let server = ServerBuilder::default().build("127.0.0.1:0").await?;
    let handle = server.start(module);
    handle.stop()?;
    handle.stopped().await;
    // ANCHOR_END: serve
    Ok(())
}
