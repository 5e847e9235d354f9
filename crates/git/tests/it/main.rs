//! Stories of repositories, told on real ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod clone;
mod collection;
mod fixture;
mod http;
mod mirror;
mod push;
mod untrusted;
mod workspace;
