#[service(state(name = Phase))]
impl<T: Mark> Gate<T> {
    #[cfg(feature = "strict")]
    #[before]
    async fn allow(&self, request: Request) -> ControlFlow<Reply, Request> {
        self.rules.judge(request)
    }

    #[cfg(feature = "strict")]
    #[state(start)]
    async fn shut(&self, request: Request) -> Phase<T> {
        Phase::Open(request.mark())
    }

    #[cfg(not(feature = "strict"))]
    #[state(start, max_duration = "10s")]
    async fn ajar(&self, request: Request) -> Phase<T> {
        Phase::Open(request.mark())
    }

    #[state(half_close = cancel)]
    async fn open(&self, mark: T, _request: Request) -> Result<(Reply, Phase<T>), Error> {
        Ok((mark.reply()?, Phase::Open(mark)))
    }

    #[cfg(feature = "events")]
    #[event(open)]
    async fn note(&self, _mark: T, event: Event) -> Answer<T> {
        event.answer()
    }

    #[cfg(feature = "log")]
    #[after]
    async fn log(&self, reply: &Reply) {
        self.log.add(reply);
    }
}
