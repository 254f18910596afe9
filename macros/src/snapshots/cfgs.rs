//! `cfg`s are honoured everywhere: two handlers, hooks that may not be there, a helper, a blocking method.

#[service]
#[cfg(unix)]
impl Files {
    #[cfg(feature = "v2")]
    #[request]
    async fn read(&self, request: ReadV2) -> FileV2 {
        self.open(request.path).await
    }

    #[cfg(not(feature = "v2"))]
    #[request]
    async fn read(&self, request: Read) -> File {
        self.open(request.path).await
    }

    #[cfg(feature = "quota")]
    #[cfg(unix)]
    #[on(connect)]
    async fn connected(&self) -> Result<Quota, Full> {
        self.quota()
    }

    #[cfg(feature = "quota")]
    #[on(stop)]
    async fn stopped(&self) {
        self.sync().await;
    }

    #[cfg(feature = "v2")]
    async fn open(&self, path: PathBuf) -> FileV2 {
        FileV2::open(path)
    }

    #[cfg(feature = "quota")]
    #[blocking]
    fn measure(&self) -> u64 {
        self.disk.used()
    }
}
