//! Every mistake is said once, and everything stays callable.

#[service(reqest = Ping)]
impl Wrong {
    #[request]
    fn ping(&mut self, ping: &Ping) -> Pong {
        self.pings += 1;
        Pong
    }

    #[session]
    async fn talk(&self, session: &mut Session<Ping, Pong>) {}

    #[blocking(dedline = "2s", pool = self.cpu)]
    fn shrink(&self, bytes: &[u8]) -> Result<Image, Error> {
        Image::read(bytes)
    }

    #[blocking]
    async fn hash(&self, bytes: Vec<u8>) -> u64 {
        self.count().await
    }

    async fn count(&self) -> u64 {
        let Self { counter } = self;
        counter.get()
    }

    #[on(eror)]
    async fn failed(&self) {}

    #[state(start)]
    async fn greeting(&self, hello: Hello) -> Self {}
}

#[service]
struct NotABlock;

#[request]
async fn outside(&self, ping: Ping) -> Pong {
    Pong
}

impl Alone {
    #[blocking]
    fn work(&self) -> u64 {
        self.n
    }
}
