//! [`Backoff`]: how long to wait before connecting again.

use std::time::Duration;

/// How long a [`Reconnect`](crate::Reconnect) waits before it connects: exponential, with full jitter and a cap.
///
/// Each pause is any time between none and a bound, which doubles from [`first`](Self::first) up to [`cap`](Self::cap).
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    attempts: u32,
    within: Option<Duration>,
}

impl Backoff {
    /// From 100 milliseconds to 10 seconds, 8 attempts an operation, 10 seconds an attempt.
    pub fn new() -> Self {
        let (first, cap) = (Duration::from_millis(100), Duration::from_secs(10));
        Self { first, cap, attempts: 8, within: Some(cap) }
    }

    /// The bound of the first pause.
    #[must_use]
    pub fn first(mut self, first: Duration) -> Self {
        self.first = first;
        self
    }

    /// The bound of any pause.
    #[must_use]
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// How often one operation tries to connect before it gives up (at least once); `u32::MAX` is as good as for ever. The
    /// next operation waits for its pause and tries as often.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// How long one attempt may take. On a thread that is for what connects to say:
    /// [`BlockingClient::connect_within`](crate::BlockingClient::connect_within).
    #[must_use]
    pub fn connect_within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    pub(super) fn within(&self) -> Option<Duration> {
        self.within
    }

    pub(super) fn gives_up_after(&self, attempts: u32) -> bool {
        attempts >= self.attempts
    }

    /// The pause after so many failures.
    pub(in crate::client) fn pause(&self, failures: u32, random: u64) -> Duration {
        let bound = self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.cap);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(random % nanos.saturating_add(1))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}
