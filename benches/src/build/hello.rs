//! A greeting service and its client.
use portcullis::{Client, JsonLines, prelude::*};

struct Hello;

#[service]
impl Hello {
    #[request]
    async fn hello(&self, name: String) -> String {
        format!("Hello, {name}!")
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::new(Hello).codec(JsonLines::new()).bind("127.0.0.1:0")?.spawn().await?;
    let mut client = Client::<String, String, _>::connect(server.local_addr(), JsonLines::new()).await?;
    println!("{}", client.call("you".to_owned()).await?);
    server.stop().await?;
    Ok(())
}
