//! [`Backoff`]: the delays between attempts to connect.

use std::time::Duration;

/// How long a [`ReconnectingClient`](crate::ReconnectingClient) waits before it connects:
/// exponential backoff with full jitter and a maximum.
///
/// Each delay is random between zero and a bound. The bound doubles from
/// [`initial_delay`](Self::initial_delay) up to [`max_delay`](Self::max_delay).
#[derive(Clone, Debug)]
pub struct Backoff {
    initial_delay: Duration,
    max_delay: Duration,
    max_attempts: u32,
    connect_timeout: Option<Duration>,
}

impl Backoff {
    /// Delays from 100 milliseconds to 10 seconds, 8 attempts per operation, 10 seconds per
    /// attempt.
    pub fn new() -> Self {
        let (initial_delay, max_delay) = (Duration::from_millis(100), Duration::from_secs(10));
        Self { initial_delay, max_delay, max_attempts: 8, connect_timeout: Some(max_delay) }
    }

    /// Sets the bound of the first delay.
    #[must_use]
    pub fn initial_delay(mut self, initial_delay: Duration) -> Self {
        self.initial_delay = initial_delay;
        self
    }

    /// Sets the largest bound of a delay.
    #[must_use]
    pub fn max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay;
        self
    }

    /// Sets how often one operation tries to connect (at least once) before it returns the error;
    /// `u32::MAX` is practically unlimited. The next operation waits for its delay and tries again
    /// as often.
    #[must_use]
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// Sets how long one attempt may take. A blocking client ignores it: its closure uses
    /// [`BlockingClient::connect_timeout`](crate::BlockingClient::connect_timeout).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    pub(super) fn attempt_timeout(&self) -> Option<Duration> {
        self.connect_timeout
    }

    pub(super) fn is_exhausted(&self, attempts: u32) -> bool {
        attempts >= self.max_attempts
    }

    /// Returns the delay after `failures` failures in a row.
    pub(in crate::client) fn delay(&self, failures: u32, random: u64) -> Duration {
        let bound = self.initial_delay.saturating_mul(2_u32.saturating_pow(failures)).min(self.max_delay);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(random % nanos.saturating_add(1))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}
