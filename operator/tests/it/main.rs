//! The operator's controllers against an embedded cluster, a real repository, and a node and runners that the test plays.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test fails as the test does")]

mod admission;
mod agents;
mod dormant;
mod failures;
mod lending;
mod lives;
mod losses;
mod node;
mod outputs;
mod people;
mod pins;
mod private;
mod projects;
mod repository;
mod runner;
mod sight;
mod wishes;
mod world;
