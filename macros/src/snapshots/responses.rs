//! None or several responses, with an interceptor that sees each.

#[service(response = Reply)]
impl Broker {
    #[before]
    async fn allow(&self, packet: Packet) -> ControlFlow<Reply, Packet> {
        self.gate.allow(packet)
    }

    #[request]
    async fn handle(&self, packet: Packet) -> Result<Vec<Reply>, Error> {
        self.replies(packet).await
    }

    #[after]
    async fn count(&self, reply: &Reply) {
        self.replies.add(reply);
    }
}
