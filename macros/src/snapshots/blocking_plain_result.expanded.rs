//! What is no `Result`, what is left nested, what is flattened though it is called otherwise, what is
//! nothing.
impl Maths {
    fn is_prime(self: &::std::sync::Arc<Self>, n: u64) -> ::portcullis::Offload<bool> {
        ::portcullis::__private::moves_between_threads::<u64>();
        ::portcullis::__private::moves_between_threads::<bool>();
        let pool: &::portcullis::Pool = ::portcullis::__private::runs_on(&self.cpu);
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        pool.job("Maths::is_prime")
            .run::<_, bool>(move |worker| Self::blocking_is_prime(&this, worker, n))
    }
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    fn blocking_is_prime(
        self: &::std::sync::Arc<Self>,
        _worker: &::portcullis::Worker,
        n: u64,
    ) -> bool {
        let _ = Self::is_prime;
        self.sieve.contains(n)
    }
    fn parse(
        self: &::std::sync::Arc<Self>,
        text: String,
    ) -> ::portcullis::Offload<Result<u64, ParseIntError>> {
        ::portcullis::__private::moves_between_threads::<String>();
        ::portcullis::__private::moves_between_threads::<Result<u64, ParseIntError>>();
        let pool: &::portcullis::Pool = ::portcullis::__private::runs_on(&self.cpu);
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        pool.job("Maths::parse")
            .run::<
                _,
                Result<u64, ParseIntError>,
            >(move |worker| Self::blocking_parse(&this, worker, text))
    }
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    fn blocking_parse(
        self: &::std::sync::Arc<Self>,
        _worker: &::portcullis::Worker,
        text: String,
    ) -> Result<u64, ParseIntError> {
        let _ = Self::parse;
        text.parse()
    }
    fn solve(
        self: &::std::sync::Arc<Self>,
        n: u64,
    ) -> ::portcullis::Offload<
        <Solved as ::portcullis::__private::ResultType>::Ok,
        <Solved as ::portcullis::__private::ResultType>::Err,
    > {
        ::portcullis::__private::moves_between_threads::<u64>();
        ::portcullis::__private::moves_between_threads::<
            <Solved as ::portcullis::__private::ResultType>::Ok,
        >();
        ::portcullis::__private::moves_between_threads::<
            <Solved as ::portcullis::__private::ResultType>::Err,
        >();
        ::portcullis::__private::is_error_of_a_job::<
            <Solved as ::portcullis::__private::ResultType>::Err,
        >();
        let pool: &::portcullis::Pool = ::portcullis::__private::runs_on(&self.cpu);
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        pool.job("Maths::solve")
            .try_run::<
                _,
                <Solved as ::portcullis::__private::ResultType>::Ok,
                <Solved as ::portcullis::__private::ResultType>::Err,
            >(move |worker| Self::blocking_solve(&this, worker, n))
    }
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    fn blocking_solve(
        self: &::std::sync::Arc<Self>,
        _worker: &::portcullis::Worker,
        n: u64,
    ) -> Solved {
        let _ = Self::solve;
        self.solver.run(n)
    }
    fn warm_up(self: &::std::sync::Arc<Self>) -> ::portcullis::Offload<()> {
        let pool: &::portcullis::Pool = ::portcullis::Pool::shared();
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        pool.job("Maths::warm_up")
            .run::<_, ()>(move |worker| Self::blocking_warm_up(&this, worker))
    }
    /// Runs on the calling thread: for code that holds a `Worker` already.
    fn blocking_warm_up(self: &::std::sync::Arc<Self>, _worker: &::portcullis::Worker) {
        let _ = Self::warm_up;
        self.sieve.fill();
    }
    fn open(path: PathBuf) -> ::portcullis::Offload<Self> {
        ::portcullis::__private::moves_between_threads::<PathBuf>();
        ::portcullis::__private::moves_between_threads::<Self>();
        let pool: &::portcullis::Pool = ::portcullis::Pool::shared();
        pool.job("Maths::open")
            .run::<_, Self>(move |worker| Self::blocking_open(worker, path))
    }
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    fn blocking_open(_worker: &::portcullis::Worker, path: PathBuf) -> Self {
        let _ = Self::open;
        Self { sieve: Sieve::read(path) }
    }
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::blocking as _; use ::portcullis::blocking as
    _; use ::portcullis::blocking as _; use ::portcullis::blocking as _; use
    ::portcullis::blocking as _; }; }
}
