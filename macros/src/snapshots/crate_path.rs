//! `portcullis` by another name, and types that the options say.

#[service(crate = facade::net, request = Ping, response = Pong)]
impl Pinger {
    #[request]
    async fn ping(&self, ping: Ping) -> Pong {
        self.hash(ping).await
    }

    #[blocking(deadline = "250ms")]
    fn hash(&self, ping: Ping) -> Result<Pong, facade::net::Interrupted> {
        Ok(Pong::of(ping))
    }
}

#[blocking(crate = facade::net)]
fn free() {}
