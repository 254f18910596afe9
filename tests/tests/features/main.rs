//! The features `metrics`, `rayon` and `serde`, and portcullis on smol's executor.

#![forbid(unsafe_code)]

mod config;
mod drops;
mod facade;
mod rayon_threads;
mod smol;

use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use async_executor::Executor;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::executor::block_on;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit,
};
use portcullis::{BoxTask, Interrupted, Overflow, Pool, PoolConfig, Portal, PortalTask, Spawn, Wait};
use portcullis_tests::{Gate, LIMIT, OpenOnDrop, eventually, occupy_thread, on_loops};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
