//! [`Warning`]: a finding of the lints, which becomes a use of a deprecated item.

use proc_macro2::TokenStream;

/// The kind of a warning: an item of `portcullis::lints`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lint {
    ThreadSleep,
    BlockingFs,
    Network,
    Process,
    Stdin,
    BlockOn,
    BlockingCall,
    GuardAcrossAwait,
    /// The unused value of a `#[must_use]` helper, for which rustc's own lint is triggered.
    UnusedValue,
    UnusedWorker,
    PoolCycle,
    OffloadDropped,
    ArcMissing,
    UnreachableState,
    BlockOnAThread,
    IgnoredSend,
}

impl Lint {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Lint::ThreadSleep => "THREAD_SLEEP",
            Lint::BlockingFs => "BLOCKING_FS",
            Lint::Network => "NETWORK",
            Lint::Process => "PROCESS",
            Lint::Stdin => "STDIN",
            Lint::BlockOn => "BLOCK_ON",
            Lint::BlockingCall => "BLOCKING_CALL",
            Lint::GuardAcrossAwait => "Guard",
            Lint::UnusedValue => "value",
            Lint::UnusedWorker => "unused_worker",
            Lint::PoolCycle => "POOL_CYCLE",
            Lint::OffloadDropped => "OFFLOAD_DROPPED",
            Lint::ArcMissing => "ARC_MISSING",
            Lint::UnreachableState => "UNREACHABLE_STATE",
            Lint::BlockOnAThread => "BLOCK_ON_A_THREAD",
            Lint::IgnoredSend => "IGNORED_SEND",
        }
    }
}

/// A warning and the tokens that it points at.
#[derive(Clone)]
pub(crate) struct Warning {
    pub(crate) lint: Lint,
    pub(crate) at: TokenStream,
}
