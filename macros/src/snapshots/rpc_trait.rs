//! A trait of calls, and a service that implements it.

#[rpc]
pub trait Images {
    /// Shrinks a picture.
    #[rpc(number = 7)]
    fn shrink(&self, picture: Bytes, width: u32) -> Result<Bytes, ImageError>;

    async fn list(&self, names: &Sender<String>);
}

#[service(rpc = Images)]
impl Server {
    #[rpc]
    #[blocking]
    fn shrink(&self, worker: &Worker, picture: Bytes, width: u32) -> Result<Bytes, ImageError> {
        picture.shrink(worker, width)
    }

    #[rpc]
    async fn list(&self, names: &Sender<String>) {
        self.names.send_all(names).await
    }
}
