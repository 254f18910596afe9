//! Tests of the parts of the client that its users do not see.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::runtime::Builder;

use super::cell::CallCell;
use super::in_flight::{InFlight, InFlightCall};
use super::shared::Shared;
use crate::protocol::{Method, Protocol};

struct Ping;

impl Protocol for Ping {
    type Reply = ();
    type Client = super::RpcClient<Self>;

    const METHODS: &'static [Method] = &[Method::new("ping", 1, &[])];

    fn method(&self) -> usize {
        0
    }

    fn serialize_params<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ().serialize(serializer)
    }

    fn deserialize_params<'de, D: Deserializer<'de>>(_: usize, from: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(from).map(|()| Self)
    }

    fn reply_method((): &()) -> usize {
        0
    }

    fn is_error((): &()) -> bool {
        false
    }

    fn serialize_reply<S: Serializer>((): &(), serializer: S) -> Result<S::Ok, S::Error> {
        ().serialize(serializer)
    }

    fn deserialize_reply<'de, D: Deserializer<'de>>(_: usize, _: bool, from: D) -> Result<(), D::Error> {
        Deserialize::deserialize(from)
    }
}

fn cell() -> Arc<CallCell<Ping>> {
    Arc::new(CallCell::new(Ping, Waker::noop().clone()))
}

fn insert(calls: &mut InFlight<Ping>) -> u64 {
    let id = calls.next_id();
    calls.insert(InFlightCall { id, cell: cell(), deadline: None::<Instant> });
    id
}

#[test]
fn numbers_are_not_used_again_and_skip_occupied_slots() {
    let mut calls = InFlight::new();
    let old = insert(&mut calls);
    let mut last = old;
    for _ in 0..1000 {
        let id = insert(&mut calls);
        assert!(id > last, "{id} after {last}");
        assert!(calls.remove(id).is_some());
        assert!(calls.remove(id).is_none());
        last = id;
    }
    assert!(calls.get(old).is_some());
    // Numbers that share its slot.
    assert!(
        [16, 32, 1 << 40].iter().all(|n| calls.get(old + n).is_none() && calls.remove(old + n).is_none())
    );
    assert_eq!(calls.len(), 1);
}

#[test]
fn calls_in_flight_are_found_after_the_table_has_grown() {
    let mut calls = InFlight::new();
    let ids: Vec<_> = (0..300).map(|_| insert(&mut calls)).collect();
    assert_eq!(calls.len(), 300);
    for id in ids.iter().step_by(2) {
        assert_eq!(calls.remove(*id).map(|call| call.id), Some(*id));
    }
    assert_eq!(calls.iter_mut().count(), 150);
    let last = *ids.last().unwrap();
    assert_eq!(calls.take_all().count(), 150);
    assert_eq!(calls.len(), 0);
    assert!(insert(&mut calls) > last);
}

#[test]
fn dropped_calls_do_not_fill_the_queue() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let shared = Shared::<Ping>::new(runtime.handle().clone(), 64);
    let push = || shared.push(Ping, None, Waker::noop().clone());
    let kept: Vec<_> = (0..10).map(|_| push().unwrap()).collect();
    for _ in 0..10_000 {
        shared.cancel(&push().unwrap());
        assert!(shared.lock().queue.len() <= 2 * kept.len() + 2, "{}", shared.lock().queue.len());
    }
    let queue = shared.close();
    assert_eq!(queue.iter().filter(|call| call.cell.is_queued()).count(), kept.len());
    assert!(push().is_err());
}
