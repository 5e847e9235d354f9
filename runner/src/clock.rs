//! The one place where this crate asks for the time.

use jiff::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "events and outcomes are stamped where they happen")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
