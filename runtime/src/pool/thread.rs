//! What a pool thread does all day.

use std::sync::Arc;

use super::Inner;
use super::builder::Spin;
use super::local;
use super::seat::{self, Seat};

/// Runs job after job until the line is closed and empty. Jobs catch their own panics.
pub(super) fn work(inner: &Arc<Inner>, seat: Arc<Seat>, spin: Spin) {
    seat::take(seat);
    while let Some((job, place)) = inner.line.next(spin) {
        job.run(place);
    }
    local::clear();
}
