//! The one place where controllers read the clock; all that decides takes the time as a parameter.

use jiff::Timestamp;

/// The time now, to the second, as Kubernetes writes it.
#[must_use]
pub fn now() -> Timestamp {
    let now = precise_now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// The time now, as precise as the system has it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]
pub fn precise_now() -> Timestamp {
    Timestamp::now()
}
