//! Helpers own their arguments; one that borrows, or that names no type, only shares the receiver.
impl<'a, S: Store, const N: usize> Counters<'a, S, N>
where
    S: 'static,
    Counters<'a, S, N>: ::core::marker::Send + ::core::marker::Sync,
{
    /// Counts.
    pub fn count(
        self: &::std::sync::Arc<Self>,
        n: u64,
    ) -> impl ::core::future::Future<
        Output = u64,
    > + ::core::marker::Send + use<'a, S, N> {
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        async move { Self::__count(&this, n).await }
    }
    #[doc(hidden)]
    #[allow(
        clippy::unused_async,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn __count(self: &::std::sync::Arc<Self>, n: u64) -> u64 {
        self.made.fetch_add(n, Relaxed) + n
    }
    fn put<T: Into<Row> + Send>(
        self: &Arc<Self>,
        arg0: (Key, T),
    ) -> impl ::core::future::Future<
        Output = (),
    > + ::core::marker::Send + use<'a, S, N, T> {
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        async move { Self::__put::<T>(&this, arg0).await }
    }
    #[doc(hidden)]
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn __put<T: Into<Row> + Send>(self: &Arc<Self>, (key, row): (Key, T)) {
        self.store.put(key, row.into()).await;
    }
    async fn find(self: &::std::sync::Arc<Self>, key: &str) -> &Row {
        self.store.find(key).await
    }
    async fn show(self: &::std::sync::Arc<Self>) -> impl Display {
        self.store.len()
    }
    fn plain(&self) -> u64 {
        self.made.load(Relaxed)
    }
}
