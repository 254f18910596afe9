//! Helpers own their arguments; one that borrows, or that names no type, only shares the receiver.

#[service]
impl<'a, S: Store, const N: usize> Counters<'a, S, N> {
    /// Counts.
    pub async fn count(&self, n: u64) -> u64 {
        self.made.fetch_add(n, Relaxed) + n
    }

    async fn put<T: Into<Row> + Send>(self: &Arc<Self>, (key, row): (Key, T)) {
        self.store.put(key, row.into()).await;
    }

    async fn find(&self, key: &str) -> &Row {
        self.store.find(key).await
    }

    async fn show(&self) -> impl Display {
        self.store.len()
    }

    fn plain(&self) -> u64 {
        self.made.load(Relaxed)
    }
}
