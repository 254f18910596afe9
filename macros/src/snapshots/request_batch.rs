//! A handler that takes several requests at once.

#[service]
impl Journal {
    #[request(batch = 64)]
    async fn append(&self, peer: &Peer<Written>, entries: Vec<Entry>) -> Result<Vec<Written>, Error> {
        self.commit(peer, entries).await
    }

    #[after]
    async fn count(&self, written: &Written) {
        self.written.add(written);
    }
}
