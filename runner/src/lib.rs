//! Inside one run: workspace, agent, event log, AG-UI server.
//!
//! A runner serves one attempt of one run. It checks out the run's repositories, waits for its first turn, drives the
//! agent as a process of its own, stores what the agent does as events in one log, and leaves an outcome that is on
//! disk before anybody can read it. It calls nobody but the broker: operator and backend call it, with signed tokens.
//!
//! Where things are it learns from environment variables alone; no absolute path stands in this crate.

pub mod agent_shim;
mod bridge;
mod carrier;
mod clock;
mod config;
mod durable;
pub mod langgraph;
mod lending;
mod life;
mod log;
mod orders;
pub mod recording;
pub mod replay;
mod reserve;
mod retelling;
pub mod sandbox;
mod server;
mod sharing;
mod state;
mod turn;
mod wire;
mod workspace;

pub use bridge::{RUNNER_TYPES, UnknownRunnerType};
pub use config::{Config, ConfigError};
pub use lending::BrokerAccess;
pub use life::{Ending, RunnerError, run, serve};
pub use log::LogError;
pub use state::StateError;
pub use turn::Watchdogs;
