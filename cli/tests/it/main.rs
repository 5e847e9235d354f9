//! The road end to end, with the binary that users run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod ambient;
mod broker;
mod demo;
mod lending;
mod lent;
mod model_server;
mod real_agents;
mod rights;
mod up;
mod validate;
