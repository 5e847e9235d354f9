//! Clients of the two small HTTP protocols: runner and records. Both are served by one part and called by another.

mod http;
mod records;
mod runner;

pub use http::{ClientError, EventStream, TokenSource, follow_events};
pub use records::RecordsClient;
pub use runner::{RunnerClient, Start};
