//! The bench `alloc`, which `portcullis-bench -- alloc` starts: it counts heap allocations, by an
//! allocator that puts a header of its own before each of them. That is as much as the alignment:
//! 128 bytes for a task, so nothing is weighed here.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::process::ExitCode;

use tracking_allocator::Allocator;

#[global_allocator]
static COUNTING: Allocator<System> = Allocator::system();

fn main() -> ExitCode {
    portcullis_bench::counting()
}
