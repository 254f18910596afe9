//! The `Result` itself goes to the peer; no `Error`, no `Conn`.

#[service]
impl Calculator {
    #[request(send_result, half_close = cancel)]
    async fn calculate(&self, sum: Sum) -> Result<Number, Overflow> {
        sum.total()
    }
}
