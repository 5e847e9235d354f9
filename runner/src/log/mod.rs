//! The event log: `events.jsonl`, one event a line. A line's number is its sequence number, from 1.
//!
//! It is the only store. Writers append; readers read the file up to what has been committed and are told when it
//! has grown, so that a slow reader costs nothing but its own time.

mod digest;
mod facts;
mod file;
mod ids;
mod pieces;
mod reader;
mod recorder;
mod redaction;

pub(crate) use digest::RunningDigest;
pub(crate) use facts::MODEL_EVENT;
pub(crate) use file::EventLog;
pub use file::LogError;
pub(crate) use reader::{LogReader, Next};
pub(crate) use recorder::Recorder;

/// How far the log has got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The last sequence number, 0 for an empty log.
    pub(crate) last: u64,
    /// Committed bytes; every one of them belongs to a whole line.
    pub(crate) bytes: u64,
    /// Whether it will not grow any more.
    pub(crate) sealed: bool,
}

#[cfg(test)]
mod tests;
