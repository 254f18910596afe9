//! A request with every parameter.

#[service]
/// Thumbnails.
impl Thumbnails {
    #[request]
    /// One request in, one response out.
    async fn thumbnail(
        &self,
        peer: &Peer<Thumbnail>,
        conn: &mut Conn,
        ImageRequest { bytes }: ImageRequest,
    ) -> Result<Thumbnail, Error> {
        conn.seen += 1;
        self.shrink(bytes).await
    }

    #[on(connect)]
    async fn connected(&self) -> Conn {
        Conn::default()
    }
}
