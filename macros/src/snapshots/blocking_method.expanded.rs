//! Every option, a worker, a pattern, an argument that the pool depends on.
impl Images {
    /// Makes an image smaller.
    #[cfg(feature = "shrink")]
    #[allow(clippy::too_many_lines)]
    pub fn shrink(
        self: &Arc<Self>,
        key: usize,
        arg1: Size,
    ) -> ::portcullis::Offload<Image, Error> {
        ::portcullis::__private::moves_between_threads::<usize>();
        ::portcullis::__private::moves_between_threads::<Size>();
        ::portcullis::__private::moves_between_threads::<Image>();
        ::portcullis::__private::moves_between_threads::<Error>();
        ::portcullis::__private::is_error_of_a_job::<Error>();
        let pool: &::portcullis::Pool = ::portcullis::__private::runs_on(
            &self.pools[::portcullis::__private::argument(&key).read() % 4],
        );
        let pool = &::core::clone::Clone::clone(pool);
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        let job = pool
            .job("shrink")
            .deadline(::core::time::Duration::from_secs(90))
            .start_deadline(::core::time::Duration::from_millis(500))
            .lane(&key)
            .detached();
        job.try_run::<
                _,
                Image,
                Error,
            >(move |worker| Self::blocking_shrink(&this, worker, key, arg1))
    }
    /// Makes an image smaller.
    ///
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[cfg(feature = "shrink")]
    #[expect(clippy::too_many_lines)]
    #[inline]
    #[allow(
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value,
        clippy::must_use_candidate
    )]
    pub fn blocking_shrink(
        self: &Arc<Self>,
        worker: &Worker,
        key: usize,
        Size { width, height }: Size,
    ) -> Result<Image, Error> {
        let _ = Self::shrink;
        worker.check()?;
        Ok(self.image(key).resize(width, height))
    }
}
