//! The road end to end, with the binary that users run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod ambient;
mod broker;
mod demo;
mod lending;
mod model_server;
mod rights;
mod up;
mod validate;
