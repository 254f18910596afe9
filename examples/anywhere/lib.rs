//! See the example beside this file.

#![forbid(unsafe_code)]
