impl Mail {
    fn receive(&self, letter: Letter) {
        trait NeedsTheArc {
            fn deliver(&mut self, _: Letter) -> ::portcullis::Offload<u64, Error>
            where
                Self: ::portcullis::__private::KnowsItsArc,
            {
                loop {}
            }
        }
        const _: () = {
            use ::portcullis::__private::{Dereferences, Otherwise as _};
            trait OnlyTheService<const DEREFERENCES: bool> {}
            impl OnlyTheService<false> for Mail {}
            impl<T> NeedsTheArc for T
            where
                T: OnlyTheService<{ <Dereferences<Mail>>::IS }>,
            {}
        };
        drop(self.deliver(letter));
    }
    fn deliver(
        self: &::std::sync::Arc<Self>,
        letter: Letter,
    ) -> ::portcullis::Offload<u64, Error> {
        ::portcullis::__private::moves_between_threads::<Letter>();
        ::portcullis::__private::moves_between_threads::<u64>();
        ::portcullis::__private::moves_between_threads::<Error>();
        ::portcullis::__private::is_error_of_a_job::<Error>();
        let pool: &::portcullis::Pool = ::portcullis::Pool::shared();
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        pool.job("Mail::deliver")
            .try_run::<
                _,
                u64,
                Error,
            >(move |worker| Self::blocking_deliver(&this, worker, letter))
    }
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    fn blocking_deliver(
        self: &::std::sync::Arc<Self>,
        _worker: &::portcullis::Worker,
        letter: Letter,
    ) -> Result<u64, Error> {
        let _ = Self::deliver;
        letter.deliver()
    }
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::blocking as _; }; }
}
