//! The bench `alloc`, which `portcullis-bench -- alloc` starts. It counts heap allocations with an
//! allocator that adds a header to each. The header is as large as the alignment, 128 bytes for a
//! task, so this program measures no memory.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::process::ExitCode;

use tracking_allocator::Allocator;

#[global_allocator]
static COUNTING: Allocator<System> = Allocator::system();

fn main() -> ExitCode {
    portcullis_bench::counting()
}
