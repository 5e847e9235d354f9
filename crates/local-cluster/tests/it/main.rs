//! The embedded cluster as its clients see it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "helpers of tests: a failure is the test's failure"
)]

mod applies;
mod claims;
mod controllers;
mod identity;
mod logs;
mod objects;
mod pods;
mod protocol;
mod watches;
