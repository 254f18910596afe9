//! [`Backoff`]: how long to wait before connecting again.

use std::time::Duration;

/// How long a [`ReconnectingClient`](crate::ReconnectingClient) waits before it connects:
/// exponential, with full jitter and a cap.
///
/// Each pause is any time between none and a bound, which doubles from
/// [`initial_delay`](Self::initial_delay) up to [`max_delay`](Self::max_delay).
#[derive(Clone, Debug)]
pub struct Backoff {
    initial_delay: Duration,
    max_delay: Duration,
    max_attempts: u32,
    connect_timeout: Option<Duration>,
}

impl Backoff {
    /// From 100 milliseconds to 10 seconds, 8 attempts an operation, 10 seconds an attempt.
    pub fn new() -> Self {
        let (initial_delay, max_delay) = (Duration::from_millis(100), Duration::from_secs(10));
        Self { initial_delay, max_delay, max_attempts: 8, connect_timeout: Some(max_delay) }
    }

    /// The bound of the first pause.
    #[must_use]
    pub fn initial_delay(mut self, initial_delay: Duration) -> Self {
        self.initial_delay = initial_delay;
        self
    }

    /// The bound of any pause.
    #[must_use]
    pub fn max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay;
        self
    }

    /// How often one operation tries to connect before it gives up (at least once); `u32::MAX` is
    /// as good as for ever. The next operation waits for its pause and tries as often.
    #[must_use]
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// How long one attempt may take. On a thread that is for what connects to say:
    /// [`BlockingClient::connect_timeout`](crate::BlockingClient::connect_timeout).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    pub(super) fn attempt_timeout(&self) -> Option<Duration> {
        self.connect_timeout
    }

    pub(super) fn gives_up_after(&self, attempts: u32) -> bool {
        attempts >= self.max_attempts
    }

    /// The pause after so many failures.
    pub(in crate::client) fn pause(&self, failures: u32, random: u64) -> Duration {
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
