//! Typed calls: asynchronous ones and jobs, with errors of their own, between `#[before]` and `#[after]`.

#[service(max_in_flight = self.limit)]
impl Images {
    /// Shrinks a picture.
    #[rpc]
    #[blocking(pool = self.cpu)]
    fn shrink(&self, worker: &Worker, picture: Bytes, width: u32) -> Result<Bytes, ImageError> {
        picture.shrink(width)
    }

    #[rpc(name = "images/count", number = 7)]
    async fn count(&self, user: &User) -> u64 {
        self.count.load(Relaxed)
    }

    #[rpc]
    async fn check(&self, picture: Bytes) -> Result<bool, Interrupted> {
        self.parse(picture).await
    }

    #[rpc]
    #[blocking]
    fn list(&self, names: &Sender<String>) {
        self.names.each(|name| names.send(name));
    }

    #[on(connect)]
    async fn connected(&self, peer: &ImagesPeer) -> Result<User, Refused> {
        User::of(peer)
    }

    #[before]
    async fn allow(&self, user: &User, call: ImagesCall) -> Result<ControlFlow<ImagesReply, ImagesCall>, Failure> {
        user.may(call)
    }

    #[after]
    async fn log(&self, reply: &ImagesReply) {
        self.log.push(reply);
    }
}
