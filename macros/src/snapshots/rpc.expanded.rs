//! Typed calls: asynchronous ones and jobs, with errors of their own, between `#[before]` and `#[after]`.
impl Images {
    /// Shrinks a picture.
    fn shrink(
        self: &::std::sync::Arc<Self>,
        picture: Bytes,
        width: u32,
    ) -> ::portcullis::Offload<Result<Bytes, ImageError>> {
        ::portcullis::__private::moves_between_threads::<Bytes>();
        ::portcullis::__private::moves_between_threads::<u32>();
        ::portcullis::__private::moves_between_threads::<Result<Bytes, ImageError>>();
        let pool: &::portcullis::Pool = ::portcullis::__private::runs_on(&self.cpu);
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        ::portcullis::__private::ServiceJob(pool.job("Images::shrink"), this)
            .run::<
                _,
                Result<Bytes, ImageError>,
            >(move |this, worker| Self::blocking_shrink(this, worker, picture, width))
    }
    /// Shrinks a picture.
    ///
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
        ::portcullis::lints::unused_worker(worker);
        picture.shrink(width)
    }
    #[allow(clippy::unused_async)]
    async fn count(self: &::std::sync::Arc<Self>, user: &User) -> u64 {
        self.count.load(Relaxed)
    }
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn check(
        self: &::std::sync::Arc<Self>,
        picture: Bytes,
    ) -> Result<bool, Interrupted> {
        self.parse(picture).await
    }
    fn list(
        self: &::std::sync::Arc<Self>,
        names: Sender<String>,
    ) -> ::portcullis::Offload<()> {
        ::portcullis::__private::moves_between_threads::<Sender<String>>();
        let pool: &::portcullis::Pool = ::portcullis::Pool::shared();
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        ::portcullis::__private::ServiceJob(pool.job("Images::list"), this)
            .run::<_, ()>(move |this, worker| Self::blocking_list(this, worker, &names))
    }
    /// Runs on the calling thread: for code that holds a `Worker` already.
    fn blocking_list(
        self: &::std::sync::Arc<Self>,
        _worker: &::portcullis::Worker,
        names: &Sender<String>,
    ) {
        let _ = Self::list;
        self.names.each(|name| names.send(name));
    }
    #[allow(clippy::unused_async, clippy::unused_self)]
    async fn connected(
        self: &::std::sync::Arc<Self>,
        peer: &ImagesPeer,
    ) -> Result<User, Refused> {
        User::of(peer)
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn allow(
        self: &::std::sync::Arc<Self>,
        user: &User,
        call: ImagesCall,
    ) -> Result<ControlFlow<ImagesReply, ImagesCall>, Failure> {
        user.may(call)
    }
    #[allow(clippy::unused_async)]
    async fn log(self: &::std::sync::Arc<Self>, reply: &ImagesReply) {
        self.log.push(reply);
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
    /// Calls `count`.
    Count {},
    /// Calls `check`.
    Check {
        /// The parameter `picture`.
        picture: (Bytes),
    },
    /// Calls `list`.
    List {},
}
/// What the calls of `Images` return.
pub enum ImagesReply {
    /// What `shrink` returns.
    Shrink((Result<Bytes, ImageError>)),
    /// What `count` returns.
    Count((u64)),
    /// What `check` returns.
    Check((bool)),
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
        ::portcullis::rpc::Method::new(
            "shrink",
            ::portcullis::rpc::method_number("shrink"),
            &["picture", "width"],
        ),
        ::portcullis::rpc::Method::new("images/count", 7, &[]),
        ::portcullis::rpc::Method::new(
            "check",
            ::portcullis::rpc::method_number("check"),
            &["picture"],
        ),
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
            Self::Count { .. } => 1,
            Self::Check { .. } => 2,
            Self::List { .. } => 3,
        }
    }
    fn reply_method(reply: &ImagesReply) -> usize {
        match reply {
            ImagesReply::Shrink(_) => 0,
            ImagesReply::Count(_) => 1,
            ImagesReply::Check(_) => 2,
            ImagesReply::List(_) => 3,
            ImagesReply::ListItem(_) => 3,
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
            Self::Count {} => {
                ::portcullis::rpc::private::write_params(
                    ::portcullis::rpc::private::NO_PARAMS,
                    serializer,
                )
            }
            Self::Check { picture: arg0 } => {
                ::portcullis::rpc::private::write_params(
                    (::portcullis::rpc::private::Wire::<Bytes>::PROBE.sent(arg0),),
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
                ::core::result::Result::Ok(Self::Count {})
            }
            2 => {
                let (arg0,) = ::portcullis::rpc::private::read_params(
                    names,
                    deserializer,
                )?;
                ::core::result::Result::Ok(Self::Check {
                    picture: ::portcullis::rpc::private::Wire::<Bytes>::PROBE
                        .received(arg0),
                })
            }
            3 => {
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
            ImagesReply::Count(value) => {
                ::portcullis::rpc::private::write(
                    ::portcullis::rpc::private::Wire::<u64>::PROBE.sent(value),
                    serializer,
                )
            }
            ImagesReply::Check(value) => {
                ::portcullis::rpc::private::write(
                    ::portcullis::rpc::private::Wire::<bool>::PROBE.sent(value),
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
                    ImagesReply::Count(
                        ::portcullis::rpc::private::Wire::<u64>::PROBE
                            .received(::portcullis::rpc::private::read(deserializer)?),
                    )
                }
                (2, false) => {
                    ImagesReply::Check(
                        ::portcullis::rpc::private::Wire::<bool>::PROBE
                            .received(::portcullis::rpc::private::read(deserializer)?),
                    )
                }
                (3, false) => {
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
                3 => {
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
    ::portcullis::rpc::private::is_sendable::<u64>();
    ::portcullis::rpc::private::is_sendable::<bool>();
    ::portcullis::rpc::private::is_sendable::<String>();
};
#[automatically_derived]
impl ::portcullis::Service for Images {
    type Request = ::portcullis::rpc::ClientMessage<ImagesCall>;
    type Response = ::portcullis::rpc::ServerMessage<ImagesCall>;
    type Error = ::portcullis::SessionError;
    type Conn = User;
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerSession;
    const HANDLERS: &'static [&'static str] = &["shrink", "count", "check", "list"];
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
        peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
    ) -> ::core::result::Result<
        ::portcullis::__private::Connected<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        ::core::result::Result::Ok(::portcullis::__private::Connected {
            conn: Self::connected(
                    self,
                    <ImagesPeer as ::portcullis::__private::TakesPeer<
                        ::portcullis::Peer<
                            <Self as ::portcullis::Service>::Response,
                            <Self as ::portcullis::Service>::Event,
                        >,
                    >>::borrowed(peer),
                )
                .await
                .map_err(::portcullis::rpc::private::refused)?,
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
        ::portcullis::rpc::private::is_shareable::<User>();
        #[allow(unused_imports)]
        use ::portcullis::rpc::private::NotShareable as _;
        ::portcullis::rpc::private::Calls::<Self>::PROBE.serve(self, conn, session).await
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::RunsOnPool, "shrink", "Shrinks a picture.")
                .pool("self.cpu")
                .call("shrink", 3149562608, &["picture: Bytes", "width: u32"]),
            Method::new(Role::OnCall, "count", "").call("images/count", 7, &[]),
            Method::new(Role::OnCall, "check", "")
                .call("check", 3010534471, &["picture: Bytes"]),
            Method::new(Role::RunsOnPool, "list", "").call("list", 217798785, &[]),
            Method::new(Role::OnConnect, "connected", ""),
            Method::new(Role::Before, "allow", ""),
            Method::new(Role::After, "log", ""),
        ];
        Description::new("Images", "", METHODS)
    };
}
#[automatically_derived]
impl ::portcullis::rpc::RpcService for Images {
    type Protocol = ImagesCall;
    fn max_in_flight(&self) -> usize {
        self.limit
    }
    async fn handle_call(
        self: &::std::sync::Arc<Self>,
        context: ::portcullis::rpc::CallContext<'_, ImagesCall>,
        conn: &<Self as ::portcullis::Service>::Conn,
        call: ImagesCall,
    ) -> ::core::result::Result<ImagesReply, ::portcullis::rpc::Failure> {
        let reply: ImagesReply = {
            let flow: ::core::ops::ControlFlow<ImagesReply, ImagesCall> = Self::allow(
                    self,
                    conn,
                    call,
                )
                .await
                .map_err(|error| <Failure as ::portcullis::__private::FailsWith<
                    ::portcullis::rpc::Failure,
                >>::into_error(error))?;
            match flow {
                ::core::ops::ControlFlow::Continue(call) => {
                    match call {
                        ImagesCall::Shrink { picture: arg0, width: arg1 } => {
                            ImagesReply::Shrink(Self::shrink(self, arg0, arg1).await?)
                        }
                        ImagesCall::Count {} => {
                            ImagesReply::Count(Self::count(self, conn).await)
                        }
                        ImagesCall::Check { picture: arg0 } => {
                            ImagesReply::Check(Self::check(self, arg0).await?)
                        }
                        ImagesCall::List {} => {
                            ImagesReply::List(
                                context
                                    .with_items(
                                        ImagesReply::ListItem,
                                        |sender| async move {
                                            ::core::result::Result::<
                                                _,
                                                ::portcullis::rpc::Failure,
                                            >::Ok(Self::list(self, sender).await?)
                                        },
                                    )
                                    .await?,
                            )
                        }
                    }
                }
                ::core::ops::ControlFlow::Break(reply) => reply,
            }
        };
        Self::log(self, &reply).await;
        ::core::result::Result::Ok(reply)
    }
}
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
    /// Calls `count`.
    pub fn count(&self) -> ::portcullis::rpc::Call<ImagesCall, u64> {
        self.0
            .call(
                ImagesCall::Count {},
                |reply| match reply {
                    ImagesReply::Count(result) => {
                        ::core::option::Option::Some(::core::result::Result::Ok(result))
                    }
                    #[allow(unreachable_patterns)]
                    _ => ::core::option::Option::None,
                },
            )
    }
    /// Calls `check`.
    pub fn check(&self, picture: Bytes) -> ::portcullis::rpc::Call<ImagesCall, bool> {
        self.0
            .call(
                ImagesCall::Check { picture },
                |reply| match reply {
                    ImagesReply::Check(result) => {
                        ::core::option::Option::Some(::core::result::Result::Ok(result))
                    }
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
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::rpc as _; use ::portcullis::blocking as _;
    use ::portcullis::rpc as _; use ::portcullis::rpc as _; use ::portcullis::rpc as _;
    use ::portcullis::blocking as _; use ::portcullis::on as _; use ::portcullis::before
    as _; use ::portcullis::after as _; }; }
}
