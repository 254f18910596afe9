//! [`Finding`]: a warning on its way from the lints to the code that is generated.

use proc_macro2::TokenStream;

/// A warning: the constant's name in `portcullis::lints`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lint {
    ThreadSleep,
    FileSystem,
    Network,
    Process,
    StandardInput,
    BlockOn,
    BlockingCall,
    GuardAcrossAwait,
    /// The value of an awaited helper that is `#[must_use]`: rustc's own lint tells of it.
    UnusedValue,
    UnusedWorker,
    PoolCircle,
    OffloadDropped,
    ArcMissing,
    UnreachableState,
    BlockOnAThread,
}

impl Lint {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Lint::ThreadSleep => "THREAD_SLEEP",
            Lint::FileSystem => "BLOCKING_FS",
            Lint::Network => "NETWORK",
            Lint::Process => "PROCESS",
            Lint::StandardInput => "STDIN",
            Lint::BlockOn => "BLOCK_ON",
            Lint::BlockingCall => "BLOCKING_CALL",
            Lint::GuardAcrossAwait => "Guard",
            Lint::UnusedValue => "value",
            Lint::UnusedWorker => "unused_worker",
            Lint::PoolCircle => "POOL_CYCLE",
            Lint::OffloadDropped => "OFFLOAD_DROPPED",
            Lint::ArcMissing => "ARC_MISSING",
            Lint::UnreachableState => "UNREACHABLE_STATE",
            Lint::BlockOnAThread => "BLOCK_ON_A_THREAD",
        }
    }
}

/// A warning, and the tokens that it is about.
#[derive(Clone)]
pub(crate) struct Finding {
    pub(crate) lint: Lint,
    pub(crate) at: TokenStream,
}
