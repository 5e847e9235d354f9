//! The backend as its users meet it: driven in process, on an embedded cluster, with a runner and records of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test fails as the test does")]

mod access;
mod lists;
mod people;
mod serving;
mod sessions;
mod streams;
mod support;
