// errors: 1
// Each `cfg` on a parameter doubles the generated functions. Sixteen is the maximum.
use portcullis::prelude::*;

#[blocking]
fn work(
    #[cfg(unix)] descriptor: u32,
    #[cfg(windows)] handle: u64,
    #[cfg(target_pointer_width = "64")] wide: u64,
    #[cfg(test)] seen: u64,
    #[cfg(debug_assertions)] name: String,
) -> u64 {
    1
}

fn main() {}
