//! [`PoolConfig`]: the part of a pool's setup that a configuration file may contain.

use std::time::Duration;

use super::{Overflow, PoolBuilder};

/// The options of a pool in a configuration file, for [`PoolBuilder::config`]. With feature `serde`
/// it implements `Deserialize` and `Serialize`.
///
/// Times are written as in the attributes: `"250ms"`, `"2s"`, `"1m30s"` or `"2h"`.
///
/// ```toml
/// [pools.cpu]
/// threads = 4
/// queue_capacity = 64
/// overflow = "reject" # or "wait", "shed_oldest"
/// deadline = "200ms"
/// queue_delay = "5ms"
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct PoolConfig {
    /// See [`PoolBuilder::threads`].
    pub threads: Option<usize>,
    /// See [`PoolBuilder::queue_capacity`].
    pub queue_capacity: Option<usize>,
    /// See [`PoolBuilder::overflow`].
    pub overflow: Option<Overflow>,
    /// See [`PoolBuilder::deadline`].
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub deadline: Option<Duration>,
    /// See [`PoolBuilder::queue_delay`].
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub queue_delay: Option<Duration>,
    /// See [`PoolBuilder::thread_keep_alive`].
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub thread_keep_alive: Option<Duration>,
    /// See [`PoolBuilder::stack_size`]; in bytes.
    pub stack_size: Option<usize>,
    /// See [`PoolBuilder::idle_spins`].
    pub idle_spins: Option<u32>,
    /// See [`PoolBuilder::wait_spins`].
    pub wait_spins: Option<u32>,
}

impl PoolBuilder {
    /// Applies the options that `config` contains; the others are unchanged.
    pub fn config(mut self, config: &PoolConfig) -> Self {
        if let Some(threads) = config.threads {
            self = self.threads(threads);
        }
        if let Some(idle) = config.thread_keep_alive {
            self = self.thread_keep_alive(idle);
        }
        self.queue_capacity = config.queue_capacity.unwrap_or(self.queue_capacity);
        self.overflow = config.overflow.unwrap_or(self.overflow);
        self.deadline = config.deadline.or(self.deadline);
        self.queue_delay = config.queue_delay.or(self.queue_delay);
        self.stack_size = config.stack_size.or(self.stack_size);
        if let Some(turns) = config.idle_spins {
            self = self.idle_spins(turns);
        }
        if let Some(turns) = config.wait_spins {
            self = self.wait_spins(turns);
        }
        self
    }
}

/// Durations as text.
#[cfg(feature = "serde")]
mod duration {
    use std::borrow::Cow;
    use std::fmt::Write;
    use std::time::Duration;

    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    /// The units from large to small, with their milliseconds.
    const UNITS: [(&str, u128); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

    /// The duration that `text` says: each unit at most once, from large to small, and not zero.
    pub(super) fn parse(text: &str) -> Option<Duration> {
        let (mut rest, mut total, mut smallest) = (text, 0_u128, u128::MAX);
        while !rest.is_empty() {
            let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
            let (name, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
            let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == name)?;
            if *unit >= smallest {
                return None;
            }
            total = total.checked_add(number.parse::<u128>().ok()?.checked_mul(*unit)?)?;
            (smallest, rest) = (*unit, tail);
        }
        let millis = u64::try_from(total).ok().filter(|millis| *millis > 0)?;
        Some(Duration::from_millis(millis))
    }

    /// In the syntax of [`parse`], rounded up to whole milliseconds.
    pub(super) fn print(duration: Duration) -> String {
        let mut rest = duration.as_nanos().div_ceil(1_000_000).max(1);
        let mut text = String::new();
        for (unit, millis) in UNITS {
            if rest >= millis {
                let _ = write!(text, "{}{unit}", rest / millis);
                rest %= millis;
            }
        }
        text
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let Some(text) = Option::<Cow<'de, str>>::deserialize(from)? else { return Ok(None) };
        let parsed = parse(&text).ok_or_else(|| {
            let how = r#"write it as "250ms", "2s", "1m30s" or "2h", and leave it out for no limit"#;
            D::Error::custom(format_args!("`{text}` is not a duration: {how}"))
        });
        parsed.map(Some)
    }

    #[allow(clippy::ref_option)] // serde calls it with a reference
    pub(super) fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => to.serialize_some(&print(*duration)),
            None => to.serialize_none(),
        }
    }
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_in_the_attributes_and_printed_the_same() {
        for (text, millis) in [("250ms", 250), ("2s", 2_000), ("1m30s", 90_000), ("1h1ms", 3_600_001)] {
            let duration = Duration::from_millis(millis);
            assert_eq!(duration::parse(text), Some(duration), "{text}");
            assert_eq!(duration::print(duration), text);
        }
        for text in
            ["", "5", "s", "0ms", "1.5s", "5 ms", "30s1m", "1s1s", "1d", "99999999999999999999h", "-1s"]
        {
            assert_eq!(duration::parse(text), None, "{text}");
        }
        assert_eq!(duration::print(Duration::from_micros(1_500)), "2ms");
    }
}
