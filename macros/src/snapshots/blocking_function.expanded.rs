//! Free functions: the shared pool, an alias of `Result`, type parameters.
/// Reads a file.
pub fn read<P: Into<PathBuf> + Send + 'static>(
    path: P,
) -> ::portcullis::Offload<
    <io::Result<Vec<u8>> as ::portcullis::__private::ResultType>::Ok,
    <io::Result<Vec<u8>> as ::portcullis::__private::ResultType>::Err,
> {
    fn __body<P: Into<PathBuf> + Send + 'static>(
        _worker: &::portcullis::Worker,
        path: P,
    ) -> io::Result<Vec<u8>> {
        std::fs::read(path.into())
    }
    let _ = {
        fn blocking_read<P: Into<PathBuf> + Send + 'static>() {}
        let _ = blocking_read::<P>;
        {
            use self::*;
            blocking_read::<P>
        }
    };
    ::portcullis::__private::moves_between_threads::<P>();
    ::portcullis::__private::moves_between_threads::<
        <io::Result<Vec<u8>> as ::portcullis::__private::ResultType>::Ok,
    >();
    ::portcullis::__private::moves_between_threads::<
        <io::Result<Vec<u8>> as ::portcullis::__private::ResultType>::Err,
    >();
    ::portcullis::__private::is_error_of_a_job::<
        <io::Result<Vec<u8>> as ::portcullis::__private::ResultType>::Err,
    >();
    let pool: &::portcullis::Pool = ::portcullis::Pool::shared();
    pool.job("read")
        .try_run::<
            _,
            <io::Result<Vec<u8>> as ::portcullis::__private::ResultType>::Ok,
            <io::Result<Vec<u8>> as ::portcullis::__private::ResultType>::Err,
        >(move |worker| __body::<P>(worker, path))
}
/// Reads a file.
///
/// Runs on the calling thread: for code that holds a `Worker` already.
#[allow(
    clippy::needless_pass_by_value,
    clippy::large_types_passed_by_value,
    clippy::must_use_candidate
)]
pub fn blocking_read<P: Into<PathBuf> + Send + 'static>(
    _worker: &::portcullis::Worker,
    path: P,
) -> io::Result<Vec<u8>> {
    let _ = {
        fn read<P: Into<PathBuf> + Send + 'static>() {}
        let _ = read::<P>;
        {
            use self::*;
            read::<P>
        }
    };
    std::fs::read(path.into())
}
fn hash<const N: usize>(bytes: [u8; N]) -> ::portcullis::Offload<Hash>
where
    [u8; N]: Send,
{
    let body = |_worker: &::portcullis::Worker, bytes: [u8; N]| -> Hash {
        Hash::of(&bytes)
    };
    let _ = {
        fn blocking_hash<const N: usize>()
        where
            [u8; N]: Send,
        {}
        let _ = blocking_hash::<N>;
        {
            use self::*;
            blocking_hash::<N>
        }
    };
    ::portcullis::__private::moves_between_threads::<[u8; N]>();
    ::portcullis::__private::moves_between_threads::<Hash>();
    let pool: &::portcullis::Pool = ::portcullis::__private::runs_on(&HASHERS);
    let job = pool.job("hash").deadline(limit());
    job.run::<_, Hash>(move |worker| body(worker, bytes))
}
/// Runs on the calling thread: for code that holds a `Worker` already.
#[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
fn blocking_hash<const N: usize>(worker: &::portcullis::Worker, bytes: [u8; N]) -> Hash
where
    [u8; N]: Send,
{
    let _ = {
        fn hash<const N: usize>()
        where
            [u8; N]: Send,
        {}
        let _ = hash::<N>;
        {
            use self::*;
            hash::<N>
        }
    };
    let body = |_worker: &::portcullis::Worker, bytes: [u8; N]| -> Hash {
        Hash::of(&bytes)
    };
    body(worker, bytes)
}
