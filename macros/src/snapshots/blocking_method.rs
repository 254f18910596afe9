//! Every option, a worker, a pattern, an argument that the pool depends on.

impl Images {
    #[blocking(pool = self.pools[key % 4], deadline = "1m30s", start_deadline = "500ms", lane = key, detached)]
    /// Makes an image smaller.
    #[cfg(feature = "shrink")]
    #[expect(clippy::too_many_lines)]
    #[inline]
    pub fn shrink(
        self: &Arc<Self>,
        worker: &Worker,
        key: usize,
        Size { width, height }: Size,
    ) -> Result<Image, Error> {
        worker.check()?;
        Ok(self.image(key).resize(width, height))
    }
}
