//! How long a server is waited for.

use std::time::Duration;

/// Bounds of waiting.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    /// For a connection.
    pub(super) connection: Duration,
    /// For the head of an answer.
    pub(super) answer: Duration,
    /// Between two pieces of a stream. Servers send a comment every few seconds.
    pub(super) silence: Duration,
    /// Before each try to take up a broken stream; a frame that arrives counts them from the first again.
    pub(super) pauses: Vec<Duration>,
    /// For a cancellation to be taken.
    pub(super) cancellation: Duration,
    /// For a server of one's own to answer; graphs may import for long.
    pub(super) start: Duration,
    /// For a server of one's own to end.
    pub(super) end: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connection: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            silence: Duration::from_secs(60),
            // Half a minute: a server that is being replaced is back by then.
            pauses: [200, 500, 1_000, 2_000, 4_000, 8_000, 15_000].map(Duration::from_millis).into(),
            cancellation: Duration::from_secs(3),
            start: Duration::from_secs(120),
            end: Duration::from_secs(3),
        }
    }
}
