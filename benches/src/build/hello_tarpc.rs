//! A greeting service and its client with tarpc, after tarpc's example service.
use futures::StreamExt;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Json;
use tarpc::{client, context};

#[tarpc::service]
trait Hello {
    async fn hello(name: String) -> String;
}

#[derive(Clone)]
struct Greeter;

impl Hello for Greeter {
    async fn hello(self, _: context::Context, name: String) -> String {
        format!("Hello, {name}!")
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tarpc::serde_transport::tcp::listen("127.0.0.1:0", Json::default).await?;
    let addr = listener.local_addr();
    tokio::spawn(
        listener
            .filter_map(|accepted| async { accepted.ok() })
            .map(BaseChannel::with_defaults)
            .map(|channel| {
                channel.execute(Greeter.serve()).for_each(|answer| async {
                    tokio::spawn(answer);
                })
            })
            .buffer_unordered(10)
            .for_each(|()| async {}),
    );
    let transport = tarpc::serde_transport::tcp::connect(addr, Json::default).await?;
    let client = HelloClient::new(client::Config::default(), transport).spawn();
    println!("{}", client.hello(context::current(), "you".to_owned()).await?);
    Ok(())
}
