//! A trait of calls, and a service that implements it.
/// The calls of `Images`.
///
/// The methods are calls. [`ImagesClient`] makes them, and a service with `#[service(rpc = Images)]`
/// handles them. Code that makes them takes an `impl` [`ImagesApi`], so that a test can pass a
/// mock. This trait is only for the signatures: its methods are not called.
#[allow(dead_code, clippy::too_many_arguments, clippy::wrong_self_convention)]
pub trait Images {
    /// Shrinks a picture.
    fn shrink(&self, picture: Bytes, width: u32) -> Result<Bytes, ImageError>;
    /// Calls `list`.
    fn list(&self, names: &Sender<String>);
}
#[automatically_derived]
impl ::portcullis::rpc::private::CallTrait for dyn Images {
    type Call = ImagesCall;
    const NAMES: &'static [&'static str] = &["shrink", "list"];
}
#[automatically_derived]
impl ::portcullis::rpc::private::CallOf<{ 0 }> for ImagesCall {
    type Params = (Bytes, u32);
    type Output = Result<Bytes, ImageError>;
    type Item = ::core::convert::Infallible;
    fn params(self) -> ::core::option::Option<(Bytes, u32)> {
        match self {
            Self::Shrink { picture: arg0, width: arg1 } => {
                ::core::option::Option::Some((arg0, arg1))
            }
            #[allow(unreachable_patterns)]
            _ => ::core::option::Option::None,
        }
    }
    fn reply(output: Result<Bytes, ImageError>) -> ImagesReply {
        ImagesReply::Shrink(output)
    }
    fn item(item: ::core::convert::Infallible) -> ImagesReply {
        match item {}
    }
}
#[automatically_derived]
impl ::portcullis::rpc::private::CallOf<{ 1 }> for ImagesCall {
    type Params = ();
    type Output = ();
    type Item = String;
    fn params(self) -> ::core::option::Option<()> {
        match self {
            Self::List {} => ::core::option::Option::Some(()),
            #[allow(unreachable_patterns)]
            _ => ::core::option::Option::None,
        }
    }
    fn reply(output: ()) -> ImagesReply {
        ImagesReply::List(output)
    }
    fn item(item: String) -> ImagesReply {
        ImagesReply::ListItem(item)
    }
}
/// Makes the calls of `Images`: [`ImagesClient`] implements it, and so can a mock in a test.
#[allow(dead_code, clippy::too_many_arguments, clippy::wrong_self_convention)]
pub trait ImagesApi: ::core::marker::Send + ::core::marker::Sync {
    /// Shrinks a picture.
    fn shrink(
        &self,
        picture: Bytes,
        width: u32,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<Bytes, ::portcullis::rpc::CallError<ImageError>>,
    > + ::core::marker::Send;
    /// Calls `list`.
    fn list(
        &self,
    ) -> impl ::portcullis::rpc::private::Stream<
        Item = ::core::result::Result<String, ::portcullis::rpc::CallError>,
    > + ::core::marker::Send;
}
#[automatically_derived]
#[allow(deprecated)]
impl ImagesApi for ImagesClient {
    fn shrink(
        &self,
        picture: Bytes,
        width: u32,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<Bytes, ::portcullis::rpc::CallError<ImageError>>,
    > + ::core::marker::Send {
        ImagesClient::shrink(self, picture, width)
    }
    fn list(
        &self,
    ) -> impl ::portcullis::rpc::private::Stream<
        Item = ::core::result::Result<String, ::portcullis::rpc::CallError>,
    > + ::core::marker::Send {
        ImagesClient::list(self)
    }
}
/// The calls of `Images`: a variant for each `#[rpc]` method.
pub enum ImagesCall {
    /// Shrinks a picture.
    Shrink {
        /// The parameter `picture`.
        picture: (Bytes),
        /// The parameter `width`.
        width: (u32),
    },
    /// Calls `list`.
    List {},
}
/// What the calls of `Images` return.
pub enum ImagesReply {
    /// What `shrink` returns.
    Shrink((Result<Bytes, ImageError>)),
    /// What `list` returns.
    List((())),
    /// An item that `list` sends.
    ListItem((String)),
}
/// The other end of a connection of `Images`.
pub type ImagesPeer = ::portcullis::Peer<::portcullis::rpc::ServerMessage<ImagesCall>>;
#[automatically_derived]
impl ::portcullis::rpc::Protocol for ImagesCall {
    type Reply = ImagesReply;
    type Client = ImagesClient;
    const METHODS: &'static [::portcullis::rpc::Method] = &[
        ::portcullis::rpc::Method::new("shrink", 7, &["picture", "width"]),
        ::portcullis::rpc::Method::new(
                "list",
                ::portcullis::rpc::method_number("list"),
                &[],
            )
            .sending_items(),
    ];
    fn method(&self) -> usize {
        match self {
            Self::Shrink { .. } => 0,
            Self::List { .. } => 1,
        }
    }
    fn reply_method(reply: &ImagesReply) -> usize {
        match reply {
            ImagesReply::Shrink(_) => 0,
            ImagesReply::List(_) => 1,
            ImagesReply::ListItem(_) => 1,
        }
    }
    fn serialize_params<S: ::portcullis::rpc::private::Serializer>(
        &self,
        serializer: S,
    ) -> ::core::result::Result<S::Ok, S::Error> {
        #[allow(unused_imports)]
        use ::portcullis::rpc::private::NotSendable as _;
        match self {
            Self::Shrink { picture: arg0, width: arg1 } => {
                ::portcullis::rpc::private::write_params(
                    (
                        ::portcullis::rpc::private::Wire::<Bytes>::PROBE.sent(arg0),
                        ::portcullis::rpc::private::Wire::<u32>::PROBE.sent(arg1),
                    ),
                    serializer,
                )
            }
            Self::List {} => {
                ::portcullis::rpc::private::write_params(
                    ::portcullis::rpc::private::NO_PARAMS,
                    serializer,
                )
            }
        }
    }
    fn deserialize_params<'de, D: ::portcullis::rpc::private::Deserializer<'de>>(
        method: usize,
        deserializer: D,
    ) -> ::core::result::Result<Self, D::Error> {
        #[allow(unused_imports)]
        use ::portcullis::rpc::private::NotSendable as _;
        let names = Self::METHODS[method].params;
        match method {
            0 => {
                let (arg0, arg1) = ::portcullis::rpc::private::read_params(
                    names,
                    deserializer,
                )?;
                ::core::result::Result::Ok(Self::Shrink {
                    picture: ::portcullis::rpc::private::Wire::<Bytes>::PROBE
                        .received(arg0),
                    width: ::portcullis::rpc::private::Wire::<u32>::PROBE.received(arg1),
                })
            }
            1 => {
                let () = ::portcullis::rpc::private::read_params(names, deserializer)?;
                ::core::result::Result::Ok(Self::List {})
            }
            _ => ::portcullis::rpc::private::unexpected(),
        }
    }
    fn is_error(reply: &ImagesReply) -> bool {
        match reply {
            ImagesReply::Shrink(result) => result.is_err(),
            _ => false,
        }
    }
    fn serialize_reply<S: ::portcullis::rpc::private::Serializer>(
        reply: &ImagesReply,
        serializer: S,
    ) -> ::core::result::Result<S::Ok, S::Error> {
        #[allow(unused_imports)]
        use ::portcullis::rpc::private::NotSendable as _;
        match reply {
            ImagesReply::Shrink(::core::result::Result::Ok(value)) => {
                ::portcullis::rpc::private::write(
                    ::portcullis::rpc::private::Wire::<Bytes>::PROBE.sent(value),
                    serializer,
                )
            }
            ImagesReply::Shrink(::core::result::Result::Err(value)) => {
                ::portcullis::rpc::private::write(
                    ::portcullis::rpc::private::Wire::<ImageError>::PROBE.sent(value),
                    serializer,
                )
            }
            ImagesReply::List(value) => {
                ::portcullis::rpc::private::write(
                    ::portcullis::rpc::private::Wire::<()>::PROBE.sent(value),
                    serializer,
                )
            }
            ImagesReply::ListItem(value) => {
                ::portcullis::rpc::private::write(
                    ::portcullis::rpc::private::Wire::<String>::PROBE.sent(value),
                    serializer,
                )
            }
        }
    }
    fn deserialize_reply<'de, D: ::portcullis::rpc::private::Deserializer<'de>>(
        method: usize,
        is_error: bool,
        deserializer: D,
    ) -> ::core::result::Result<ImagesReply, D::Error> {
        #[allow(unused_imports)]
        use ::portcullis::rpc::private::NotSendable as _;
        ::core::result::Result::Ok(
            match (method, is_error) {
                (0, false) => {
                    ImagesReply::Shrink(
                        ::core::result::Result::Ok(
                            ::portcullis::rpc::private::Wire::<Bytes>::PROBE
                                .received(::portcullis::rpc::private::read(deserializer)?),
                        ),
                    )
                }
                (0, true) => {
                    ImagesReply::Shrink(
                        ::core::result::Result::Err(
                            ::portcullis::rpc::private::Wire::<ImageError>::PROBE
                                .received(::portcullis::rpc::private::read(deserializer)?),
                        ),
                    )
                }
                (1, false) => {
                    ImagesReply::List(
                        ::portcullis::rpc::private::Wire::<()>::PROBE
                            .received(::portcullis::rpc::private::read(deserializer)?),
                    )
                }
                _ => return ::portcullis::rpc::private::unexpected(),
            },
        )
    }
    fn deserialize_item<'de, D: ::portcullis::rpc::private::Deserializer<'de>>(
        method: usize,
        deserializer: D,
    ) -> ::core::result::Result<ImagesReply, D::Error> {
        #[allow(unused_imports)]
        use ::portcullis::rpc::private::NotSendable as _;
        ::core::result::Result::Ok(
            match method {
                1 => {
                    ImagesReply::ListItem(
                        ::portcullis::rpc::private::Wire::<String>::PROBE
                            .received(::portcullis::rpc::private::read(deserializer)?),
                    )
                }
                _ => return ::portcullis::rpc::private::unexpected(),
            },
        )
    }
}
const _: fn() = || {
    ::portcullis::rpc::private::is_sendable::<Bytes>();
    ::portcullis::rpc::private::is_sendable::<u32>();
    ::portcullis::rpc::private::is_sendable::<ImageError>();
    ::portcullis::rpc::private::is_sendable::<String>();
};
/// A client of `Images`. Clones share its connection.
#[derive(Clone, Debug)]
pub struct ImagesClient(::portcullis::rpc::RpcClient<ImagesCall>);
#[allow(dead_code, clippy::too_many_arguments)]
impl ImagesClient {
    /// Connects to a service. The connection is driven by a task on the current tokio
    /// runtime.
    ///
    /// # Errors
    /// The connection cannot be made.
    pub async fn connect<A, C>(
        addr: A,
        codec: C,
    ) -> ::core::result::Result<Self, ::portcullis::ClientError>
    where
        A: ::portcullis::Connect,
        A::Stream: ::core::marker::Send + 'static,
        C: ::portcullis::Codec<
            ::portcullis::rpc::ServerMessage<ImagesCall>,
            ::portcullis::rpc::ClientMessage<ImagesCall>,
        >,
    {
        ::core::result::Result::Ok(
            Self(::portcullis::rpc::RpcClient::connect(addr, codec).await?),
        )
    }
    /// Makes a client over a stream that is already connected.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn from_stream<C, IO>(io: IO, codec: C) -> Self
    where
        C: ::portcullis::Codec<
            ::portcullis::rpc::ServerMessage<ImagesCall>,
            ::portcullis::rpc::ClientMessage<ImagesCall>,
        >,
        IO: ::portcullis::rpc::private::AsyncRead
            + ::portcullis::rpc::private::AsyncWrite + ::core::marker::Unpin
            + ::core::marker::Send + 'static,
    {
        Self(::portcullis::rpc::RpcClient::from_stream(io, codec))
    }
    /// Makes a client that connects when there is a call to send, and again when the
    /// connection is lost. It never sends a call twice: a call in flight ends with
    /// `Lost` then.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn reconnecting<A, C>(addr: A, codec: C, backoff: ::portcullis::Backoff) -> Self
    where
        A: ::portcullis::Connect + ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync + 'static,
        A::Stream: ::core::marker::Send,
        C: ::portcullis::Codec<
            ::portcullis::rpc::ServerMessage<ImagesCall>,
            ::portcullis::rpc::ClientMessage<ImagesCall>,
        >,
    {
        Self(::portcullis::rpc::RpcClient::reconnecting(addr, codec, backoff))
    }
    /// Connects to a service, for a program without a runtime: a thread of the client
    /// drives the connection. Wait for calls with `blocking_wait`.
    ///
    /// # Errors
    /// The connection cannot be made, or the thread cannot be started.
    pub fn connect_blocking<A, C>(
        addr: A,
        codec: C,
    ) -> ::core::result::Result<Self, ::portcullis::ClientError>
    where
        A: ::portcullis::Connect + ::core::marker::Send + 'static,
        A::Stream: ::core::marker::Send + 'static,
        C: ::portcullis::Codec<
            ::portcullis::rpc::ServerMessage<ImagesCall>,
            ::portcullis::rpc::ClientMessage<ImagesCall>,
        >,
    {
        ::core::result::Result::Ok(
            Self(::portcullis::rpc::RpcClient::connect_blocking(addr, codec)?),
        )
    }
    /// Returns the client of calls as values.
    pub fn into_inner(self) -> ::portcullis::rpc::RpcClient<ImagesCall> {
        self.0
    }
    /// Shrinks a picture.
    pub fn shrink(
        &self,
        picture: Bytes,
        width: u32,
    ) -> ::portcullis::rpc::Call<ImagesCall, Bytes, ImageError> {
        self.0
            .call(
                ImagesCall::Shrink {
                    picture,
                    width,
                },
                |reply| match reply {
                    ImagesReply::Shrink(result) => ::core::option::Option::Some(result),
                    #[allow(unreachable_patterns)]
                    _ => ::core::option::Option::None,
                },
            )
    }
    /// Calls `list`.
    pub fn list(&self) -> ::portcullis::rpc::StreamCall<ImagesCall, String, ()> {
        self.0
            .call_stream(
                ImagesCall::List {},
                |reply| match reply {
                    ImagesReply::ListItem(item) => ::core::option::Option::Some(item),
                    _ => ::core::option::Option::None,
                },
                |reply| match reply {
                    ImagesReply::List(result) => {
                        ::core::option::Option::Some(::core::result::Result::Ok(result))
                    }
                    _ => ::core::option::Option::None,
                },
            )
    }
}
#[automatically_derived]
impl ::core::convert::From<::portcullis::rpc::RpcClient<ImagesCall>> for ImagesClient {
    fn from(client: ::portcullis::rpc::RpcClient<ImagesCall>) -> Self {
        Self(client)
    }
}
#[automatically_derived]
impl ::core::convert::AsRef<::portcullis::rpc::RpcClient<ImagesCall>> for ImagesClient {
    fn as_ref(&self) -> &::portcullis::rpc::RpcClient<ImagesCall> {
        &self.0
    }
}
impl Server {
    fn shrink(
        self: &::std::sync::Arc<Self>,
        picture: Bytes,
        width: u32,
    ) -> ::portcullis::Offload<Result<Bytes, ImageError>> {
        ::portcullis::__private::moves_between_threads::<Bytes>();
        ::portcullis::__private::moves_between_threads::<u32>();
        ::portcullis::__private::moves_between_threads::<Result<Bytes, ImageError>>();
        let pool: &::portcullis::Pool = ::portcullis::Pool::shared();
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        ::portcullis::__private::ServiceJob(pool.job("Server::shrink"), this)
            .run::<
                _,
                Result<Bytes, ImageError>,
            >(move |this, worker| Self::blocking_shrink(this, worker, picture, width))
    }
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    fn blocking_shrink(
        self: &::std::sync::Arc<Self>,
        worker: &Worker,
        picture: Bytes,
        width: u32,
    ) -> Result<Bytes, ImageError> {
        let _ = Self::shrink;
        picture.shrink(worker, width)
    }
    async fn list(self: &::std::sync::Arc<Self>, names: &Sender<String>) {
        self.names.send_all(names).await
    }
}
#[automatically_derived]
impl ::portcullis::Service for Server {
    type Request = ::portcullis::rpc::ClientMessage<
        <dyn Images as ::portcullis::rpc::private::CallTrait>::Call,
    >;
    type Response = ::portcullis::rpc::ServerMessage<
        <dyn Images as ::portcullis::rpc::private::CallTrait>::Call,
    >;
    type Error = ::portcullis::SessionError;
    type Conn = ();
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerSession;
    const HANDLERS: &'static [&'static str] = &["shrink", "list"];
    fn stop_message() -> ::core::option::Option<Self::Response> {
        ::portcullis::rpc::private::stop_message()
    }
    fn response_key(response: &Self::Response) -> ::core::option::Option<u64> {
        ::portcullis::rpc::private::response_key(response)
    }
    fn replace_response(
        key: ::core::option::Option<u64>,
    ) -> ::core::ops::ControlFlow<(), ::core::option::Option<Self::Response>> {
        ::portcullis::rpc::private::replace_response(key)
    }
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
    async fn on_session(
        self: &::std::sync::Arc<Self>,
        conn: &mut <Self as ::portcullis::Service>::Conn,
        session: &mut ::portcullis::Session<
            <Self as ::portcullis::Service>::Request,
            <Self as ::portcullis::Service>::Response,
        >,
    ) -> ::core::result::Result<(), ::portcullis::SessionError> {
        #[allow(unused_imports)]
        use ::portcullis::rpc::private::NotShareable as _;
        ::portcullis::rpc::private::Calls::<Self>::PROBE.serve(self, conn, session).await
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::RunsOnPool, "shrink", "")
                .call(
                    ::portcullis::rpc::private::method::<dyn Images>("shrink").name,
                    ::portcullis::rpc::private::method::<dyn Images>("shrink").number,
                    &["picture: Bytes", "width: u32"],
                ),
            Method::new(Role::OnCall, "list", "")
                .call(
                    ::portcullis::rpc::private::method::<dyn Images>("list").name,
                    ::portcullis::rpc::private::method::<dyn Images>("list").number,
                    &[],
                ),
        ];
        Description::new("Server", "", METHODS)
    };
}
#[automatically_derived]
impl ::portcullis::rpc::RpcService for Server {
    type Protocol = <dyn Images as ::portcullis::rpc::private::CallTrait>::Call;
    async fn handle_call(
        self: &::std::sync::Arc<Self>,
        context: ::portcullis::rpc::CallContext<
            '_,
            <dyn Images as ::portcullis::rpc::private::CallTrait>::Call,
        >,
        _conn: &<Self as ::portcullis::Service>::Conn,
        call: <dyn Images as ::portcullis::rpc::private::CallTrait>::Call,
    ) -> ::core::result::Result<
        <<dyn Images as ::portcullis::rpc::private::CallTrait>::Call as ::portcullis::rpc::Protocol>::Reply,
        ::portcullis::rpc::Failure,
    > {
        #[allow(non_upper_case_globals)]
        const POSITION_OF_shrink: usize = ::portcullis::rpc::private::position::<
            dyn Images,
        >("shrink");
        #[allow(non_upper_case_globals)]
        const POSITION_OF_list: usize = ::portcullis::rpc::private::position::<
            dyn Images,
        >("list");
        ::core::result::Result::Ok(
            match ::portcullis::rpc::Protocol::method(&call) {
                #[allow(unreachable_patterns)]
                POSITION_OF_shrink => {
                    let (arg0, arg1) = ::portcullis::rpc::private::params::<
                        POSITION_OF_shrink,
                        <dyn Images as ::portcullis::rpc::private::CallTrait>::Call,
                        (Bytes, u32),
                    >(call);
                    ::portcullis::rpc::private::reply::<
                        POSITION_OF_shrink,
                        <dyn Images as ::portcullis::rpc::private::CallTrait>::Call,
                        _,
                    >(Self::shrink(self, arg0, arg1).await?)
                }
                #[allow(unreachable_patterns)]
                POSITION_OF_list => {
                    let () = ::portcullis::rpc::private::params::<
                        POSITION_OF_list,
                        <dyn Images as ::portcullis::rpc::private::CallTrait>::Call,
                        (),
                    >(call);
                    ::portcullis::rpc::private::reply::<
                        POSITION_OF_list,
                        <dyn Images as ::portcullis::rpc::private::CallTrait>::Call,
                        _,
                    >(
                        context
                            .with_items(
                                ::portcullis::rpc::private::item::<
                                    POSITION_OF_list,
                                    <dyn Images as ::portcullis::rpc::private::CallTrait>::Call,
                                    String,
                                >,
                                |sender| async move { Self::list(self, &sender).await },
                            )
                            .await,
                    )
                }
                _ => ::portcullis::__private::never(),
            },
        )
    }
}
const _: () = {
    #[allow(dead_code)]
    enum ServerSignatures {}
    #[allow(unused_variables, clippy::all)]
    impl Images for ServerSignatures {
        fn shrink(&self, _: Bytes, _: u32) -> Result<Bytes, ImageError> {
            match *self {}
        }
        fn list(&self, _: &Sender<String>) {
            match *self {}
        }
    }
};
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::rpc as _; use ::portcullis::blocking as _;
    use ::portcullis::rpc as _; }; }
}
