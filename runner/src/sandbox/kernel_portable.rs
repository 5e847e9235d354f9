//! Systems other than Linux have nothing like it.

use std::io;

use super::Bounds;
use super::support::Support;

/// What this system can do.
#[must_use]
pub fn support() -> Support {
    Support::None("this is not Linux")
}

pub(super) fn restrict(_: &Bounds) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
