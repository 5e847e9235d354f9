//! The broker as runs, operators and upstreams meet it: over sockets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod budgets;
mod credentials;
mod git;
mod google;
mod limits;
mod models;
mod restart;
mod strangers;
mod streams;
mod tokens;
mod tunnels;
mod untold;
mod upstream;
mod world;
