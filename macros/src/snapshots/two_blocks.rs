//! The handler lives in one block; the other has what it calls.

#[service]
impl Search {
    #[request]
    async fn search(&self, query: Query) -> Result<Hits, Error> {
        self.scan(query).await
    }
}

#[service]
impl Search {
    #[blocking(pool = self.cpu)]
    fn scan(&self, query: Query) -> Result<Hits, Error> {
        self.index.scan(&query)
    }
}
