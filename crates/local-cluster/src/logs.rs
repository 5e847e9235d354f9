//! Where the logs of pods come from: the seam to whoever runs them.

use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;

/// Which part of which log is asked for (`pods/log`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRequest {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// UID of the pod.
    pub uid: String,
    /// Name of the container; it is one of the pod's.
    pub container: String,
    /// Whether to go on with new lines until the container ends.
    pub follow: bool,
    /// Whether the log of the container's previous instance is meant.
    pub previous: bool,
    /// Whether each line begins with the time it was written, as RFC 3339 with nanoseconds.
    pub timestamps: bool,
    /// Only this many lines from the end, before new ones.
    pub tail_lines: Option<u64>,
    /// Only lines written at or after this time.
    pub since: Option<Timestamp>,
    /// At most this many bytes.
    pub limit_bytes: Option<u64>,
}

/// The bytes of a log, as they come.
pub type LogStream = BoxStream<'static, std::io::Result<Bytes>>;

/// Gives the logs of containers. Set by [`crate::Cluster::set_log_source`].
#[async_trait::async_trait]
pub trait LogSource: Send + Sync + 'static {
    /// Opens a log.
    ///
    /// # Errors
    /// The log cannot be read; `NotFound` if there is none (yet).
    async fn open(&self, request: LogRequest) -> std::io::Result<LogStream>;
}
