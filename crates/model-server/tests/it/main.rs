//! The server as an agent program sees it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

mod anthropic;
mod serving;
