//! All hooks.

#[service]
impl Chat {
    #[request]
    async fn say(&self, line: Line) -> Result<Line, Error> {
        Ok(line)
    }

    #[on(start)]
    async fn start(&self, cleanup: &mut Cleanup) -> io::Result<()> {
        self.log.open(cleanup).await
    }

    #[on(connect)]
    async fn connected(&self, peer: &Peer<Line>) -> Result<Name, Error> {
        self.name(peer)
    }

    #[on(error)]
    async fn failed(
        &self,
        peer: &Peer<Line>,
        name: &mut Name,
        error: SessionError<Error>,
    ) -> ControlFlow<Reason, Line> {
        ControlFlow::Continue(Line::from(error))
    }

    #[on(disconnect)]
    async fn left(&self, peer: &Peer<Line>, name: Name, reason: Reason) {
        self.log.write(peer, name, reason).await;
    }

    #[on(stop)]
    async fn stopped(&self) {
        self.log.close().await;
    }
}
