//! `cfg`s are honoured everywhere: two handlers, hooks that may not be there, a helper, a blocking method.
#[cfg(unix)]
impl Files {
    #[cfg(feature = "v2")]
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn read(self: &::std::sync::Arc<Self>, request: ReadV2) -> FileV2 {
        self.open(request.path).await
    }
    #[cfg(not(feature = "v2"))]
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn read(self: &::std::sync::Arc<Self>, request: Read) -> File {
        self.open(request.path).await
    }
    #[cfg(feature = "quota")]
    #[cfg(unix)]
    #[allow(clippy::unused_async)]
    async fn connected(self: &::std::sync::Arc<Self>) -> Result<Quota, Full> {
        self.quota()
    }
    #[cfg(feature = "quota")]
    async fn stopped(self: &::std::sync::Arc<Self>) {
        self.sync().await;
    }
    #[cfg(feature = "v2")]
    fn open(
        self: &::std::sync::Arc<Self>,
        path: PathBuf,
    ) -> impl ::core::future::Future<Output = FileV2> + ::core::marker::Send + use<> {
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        async move { Self::__open(&this, path).await }
    }
    #[cfg(feature = "v2")]
    #[doc(hidden)]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn __open(self: &::std::sync::Arc<Self>, path: PathBuf) -> FileV2 {
        FileV2::open(path)
    }
    #[cfg(feature = "quota")]
    fn measure(self: &::std::sync::Arc<Self>) -> ::portcullis::Offload<u64> {
        ::portcullis::__private::moves_between_threads::<u64>();
        let pool: &::portcullis::Pool = ::portcullis::Pool::shared();
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        pool.job("Files::measure")
            .run::<_, u64>(move |worker| Self::blocking_measure(&this, worker))
    }
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[cfg(feature = "quota")]
    fn blocking_measure(
        self: &::std::sync::Arc<Self>,
        _worker: &::portcullis::Worker,
    ) -> u64 {
        let _ = Self::measure;
        self.disk.used()
    }
}
#[cfg(unix)]
#[cfg(feature = "v2")]
#[automatically_derived]
impl ::portcullis::Service for Files {
    type Request = ReadV2;
    type Response = <FileV2 as ::portcullis::__private::OkType<
        { ::portcullis::__private::is_result!(FileV2) },
    >>::Ok;
    #[cfg(feature = "quota")]
    #[cfg(unix)]
    type Error = <FileV2 as ::portcullis::__private::ErrType<
        { ::portcullis::__private::is_result!(FileV2) },
        Full,
    >>::Err;
    #[cfg(feature = "quota")]
    #[cfg(unix)]
    type Conn = Quota;
    #[cfg(not(all(feature = "quota", unix)))]
    type Error = <FileV2 as ::portcullis::__private::ErrType<
        { ::portcullis::__private::is_result!(FileV2) },
        ::core::convert::Infallible,
    >>::Err;
    #[cfg(not(all(feature = "quota", unix)))]
    type Conn = ();
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["read"];
    const HALF_CLOSE: ::portcullis::__private::HalfClose = ::portcullis::__private::HalfClose::Answer;
    #[cfg(feature = "quota")]
    #[cfg(unix)]
    async fn on_connect(
        self: &::std::sync::Arc<Self>,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
    ) -> ::core::result::Result<
        ::portcullis::__private::Connected<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        ::core::result::Result::Ok(::portcullis::__private::Connected {
            conn: Self::connected(self)
                .await
                .map_err(|error| <Full as ::portcullis::__private::FailsWith<
                    <Self as ::portcullis::Service>::Error,
                >>::into_error(error))?,
            state: (),
        })
    }
    #[cfg(not(all(feature = "quota", unix)))]
    async fn on_connect(
        self: &::std::sync::Arc<Self>,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
    ) -> ::core::result::Result<
        ::portcullis::__private::Connected<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        ::core::result::Result::Ok(::portcullis::__private::Connected {
            conn: (),
            state: (),
        })
    }
    #[cfg(feature = "quota")]
    async fn on_stop(self: &::std::sync::Arc<Self>) {
        Self::stopped(self).await;
    }
    async fn on_request(
        self: &::std::sync::Arc<Self>,
        state: <Self as ::portcullis::Service>::State,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        _conn: &mut <Self as ::portcullis::Service>::Conn,
        request: <Self as ::portcullis::Service>::Request,
    ) -> ::core::result::Result<
        ::portcullis::__private::Step<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        let response: <FileV2 as ::portcullis::__private::OkType<
            { ::portcullis::__private::is_result!(FileV2) },
        >>::Ok = <FileV2 as ::portcullis::__private::IntoServiceResult<
            { ::portcullis::__private::is_result!(FileV2) },
            <Self as ::portcullis::Service>::Error,
        >>::into_result(Self::read(self, request).await)?;
        ::core::result::Result::Ok(::portcullis::__private::Step::reply(state, response))
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            #[cfg(feature = "v2")]
            Method::new(Role::OnRequest, "read", "").calls(&["open"]),
            #[cfg(not(feature = "v2"))]
            Method::new(Role::OnRequest, "read", "").calls(&["open"]),
            #[cfg(feature = "quota")]
            #[cfg(unix)]
            Method::new(Role::OnConnect, "connected", ""),
            #[cfg(feature = "quota")]
            Method::new(Role::OnStop, "stopped", ""),
            #[cfg(feature = "v2")]
            Method::new(Role::AsyncHelper, "open", ""),
            #[cfg(feature = "quota")]
            Method::new(Role::RunsOnPool, "measure", ""),
        ];
        Description::new("Files", "", METHODS)
    };
}
#[cfg(unix)]
#[cfg(not(feature = "v2"))]
#[automatically_derived]
impl ::portcullis::Service for Files {
    type Request = Read;
    type Response = <File as ::portcullis::__private::OkType<
        { ::portcullis::__private::is_result!(File) },
    >>::Ok;
    #[cfg(feature = "quota")]
    #[cfg(unix)]
    type Error = <File as ::portcullis::__private::ErrType<
        { ::portcullis::__private::is_result!(File) },
        Full,
    >>::Err;
    #[cfg(feature = "quota")]
    #[cfg(unix)]
    type Conn = Quota;
    #[cfg(not(all(feature = "quota", unix)))]
    type Error = <File as ::portcullis::__private::ErrType<
        { ::portcullis::__private::is_result!(File) },
        ::core::convert::Infallible,
    >>::Err;
    #[cfg(not(all(feature = "quota", unix)))]
    type Conn = ();
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["read"];
    const HALF_CLOSE: ::portcullis::__private::HalfClose = ::portcullis::__private::HalfClose::Answer;
    #[cfg(feature = "quota")]
    #[cfg(unix)]
    async fn on_connect(
        self: &::std::sync::Arc<Self>,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
    ) -> ::core::result::Result<
        ::portcullis::__private::Connected<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        ::core::result::Result::Ok(::portcullis::__private::Connected {
            conn: Self::connected(self)
                .await
                .map_err(|error| <Full as ::portcullis::__private::FailsWith<
                    <Self as ::portcullis::Service>::Error,
                >>::into_error(error))?,
            state: (),
        })
    }
    #[cfg(not(all(feature = "quota", unix)))]
    async fn on_connect(
        self: &::std::sync::Arc<Self>,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
    ) -> ::core::result::Result<
        ::portcullis::__private::Connected<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        ::core::result::Result::Ok(::portcullis::__private::Connected {
            conn: (),
            state: (),
        })
    }
    #[cfg(feature = "quota")]
    async fn on_stop(self: &::std::sync::Arc<Self>) {
        Self::stopped(self).await;
    }
    async fn on_request(
        self: &::std::sync::Arc<Self>,
        state: <Self as ::portcullis::Service>::State,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        _conn: &mut <Self as ::portcullis::Service>::Conn,
        request: <Self as ::portcullis::Service>::Request,
    ) -> ::core::result::Result<
        ::portcullis::__private::Step<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        let response: <File as ::portcullis::__private::OkType<
            { ::portcullis::__private::is_result!(File) },
        >>::Ok = <File as ::portcullis::__private::IntoServiceResult<
            { ::portcullis::__private::is_result!(File) },
            <Self as ::portcullis::Service>::Error,
        >>::into_result(Self::read(self, request).await)?;
        ::core::result::Result::Ok(::portcullis::__private::Step::reply(state, response))
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            #[cfg(feature = "v2")]
            Method::new(Role::OnRequest, "read", "").calls(&["open"]),
            #[cfg(not(feature = "v2"))]
            Method::new(Role::OnRequest, "read", "").calls(&["open"]),
            #[cfg(feature = "quota")]
            #[cfg(unix)]
            Method::new(Role::OnConnect, "connected", ""),
            #[cfg(feature = "quota")]
            Method::new(Role::OnStop, "stopped", ""),
            #[cfg(feature = "v2")]
            Method::new(Role::AsyncHelper, "open", ""),
            #[cfg(feature = "quota")]
            Method::new(Role::RunsOnPool, "measure", ""),
        ];
        Description::new("Files", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::request as _; use ::portcullis::request as _;
    use ::portcullis::on as _; use ::portcullis::on as _; use ::portcullis::blocking as
    _; }; }
}
