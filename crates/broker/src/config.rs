//! What a broker is told at its start, and the bounds of what a client may take.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ambient_protocol::broker::Binding;
use ambient_protocol::models::ModelTable;

use crate::credentials::Credentials;

/// What a broker is told at its start.
pub struct Config {
    /// Bindings and counts are kept here, on a volume of the broker's own; one broker at a time.
    pub state_directory: PathBuf,
    /// The public keys of whoever signs tokens, one PASERK a line.
    pub public_keys: String,
    /// Where credentials are.
    pub credentials: Arc<dyn Credentials>,
    /// What models cost.
    pub models: ModelTable,
    /// Bindings that are there from the start.
    pub bindings: Vec<Binding>,
    /// Bounds.
    pub limits: Limits,
}

/// Bounds of what clients and upstreams may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Bytes of a request's body; the Messages API takes 32 MB.
    pub body_bytes: usize,
    /// Open connections of all who have shown a token.
    pub connections: usize,
    /// Open connections of all others; the oldest gives way to the next.
    pub strangers: usize,
    /// As many of them at one address.
    pub strangers_per_address: usize,
    /// Requests under way for one run.
    pub requests_per_run: usize,
    /// MiB of requests' bodies of one run that are held in memory at once.
    pub memory_per_run: usize,
    /// Tunnels open for one run.
    pub tunnels_per_run: usize,
    /// How long a client may take to show a token, in the head of a request.
    pub head_timeout: Duration,
    /// How long a connection may be idle between requests, or take for the head of a further one.
    pub idle_timeout: Duration,
    /// How long a client may send nothing of a body, or read nothing of an answer.
    pub stall_timeout: Duration,
    /// How long an upstream may take to accept a connection.
    pub connect_timeout: Duration,
    /// How long an upstream may take to begin its answer. Models think for minutes before they do.
    pub answer_timeout: Duration,
    /// How long an upstream may be silent within an answer.
    pub silence_timeout: Duration,
    /// How long a tunnel may be silent.
    pub tunnel_timeout: Duration,
    /// How long a request may wait for others of its run that hold the rest of the budget.
    pub budget_wait: Duration,
    /// How long requests under way may go on when the broker is told to end.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            body_bytes: 32 * 1024 * 1024,
            connections: 4096,
            strangers: 1024,
            strangers_per_address: 256,
            requests_per_run: 32,
            memory_per_run: 96,
            tunnels_per_run: 64,
            head_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(900),
            silence_timeout: Duration::from_secs(300),
            tunnel_timeout: Duration::from_secs(600),
            budget_wait: Duration::from_secs(120),
            grace: Duration::from_secs(25),
        }
    }
}
