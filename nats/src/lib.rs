//! Runs services of [portcullis](https://docs.rs/portcullis) on more than one machine, over
//! [NATS](https://nats.io).
//!
//! | | for | guarantee |
//! |---|---|---|
//! | [`Calls`], [`CallClient`] | requests to a `#[request]` service or calls of `#[rpc]` methods, spread over the nodes that serve it | at most once: a call is answered, refused or fails within its time limit |
//! | [`JobQueue`] | work that must be done although nodes die | at least once: a job may run again after a failure |
//! | [`Topic`] | events for all nodes | at most once; each subscriber counts what it has missed |
//!
//! All of them take an [`async_nats::Client`], so connecting is the business of `async_nats`: TLS,
//! credentials, several servers, and whether a server must be there at the start
//! ([`ConnectOptions::retry_on_initial_connect`](async_nats::ConnectOptions::retry_on_initial_connect)).
//! The client reconnects by itself. Until it has, calls wait for their time limit, jobs wait in the
//! stream, and topics miss events.
//!
//! Messages are those of a [`DatagramCodec`](portcullis_codec::DatagramCodec), one in each NATS
//! message: `Datagrams::<Json>::new()`, for example. NATS rejects messages of more than 1 MiB,
//! unless the server is configured for more, and `Datagrams` those of more than 64 KiB, unless its
//! `max_size` says more. Nothing here buffers without a bound.
//!
//! Modules, in the order of their imports: [`wire`] has the names of headers and codes; [`refusal`]
//! what a call is answered that has no response; [`cancel`] ends dropped calls; [`call_stream`] and
//! [`calls`] serve calls, [`call_client`] makes them, and [`rpc`] those of typed clients; [`jobs`]
//! and [`topic`] stand alone.

#![forbid(unsafe_code)]
// docs.rs builds with nightly, and says of each item which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod call_client;
mod call_stream;
mod calls;
mod cancel;
mod jobs;
mod refusal;
#[cfg(feature = "rpc")]
mod rpc;
mod topic;
mod wire;

/// The code in the guide is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/nats.md")]
mod guide {}

pub use async_nats;

pub use call_client::{Call, CallClient, CallError};
pub use call_stream::{CallInfo, NatsPeer};
pub use calls::{CallService, Calls, CallsBuilder};
pub use jobs::{DeadJob, Delivery, JobQueue, JobQueueBuilder, JobTooLarge, JobWorkers, Pushed, WorkReport};
pub use topic::{Received, Subscription, Topic};

/// Any error of `async_nats`, whose operations have many types of them.
pub type NatsError = async_nats::Error;
