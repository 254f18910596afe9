//! The package of the example `offload_anywhere`, which is beside this file.

#![forbid(unsafe_code)]
