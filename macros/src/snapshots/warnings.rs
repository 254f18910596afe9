#[service]
impl Thumbnails {
    #[request]
    async fn load(&self, name: String) -> Vec<u8> {
        std::thread::sleep(MOMENT);
        self.read(name).await
    }

    #[blocking(pool = self.disk)]
    fn read(&self, worker: &Worker, name: String) -> Vec<u8> {
        name.into_bytes()
    }
}
