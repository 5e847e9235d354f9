//! Clients of the three small HTTP protocols: runner, records and broker. Each is served by one part and called by others.

mod broker;
mod http;
mod records;
mod runner;

pub use broker::BrokerClient;
pub use http::{ClientError, EventStream, Pieces, TokenSource, follow_events};
pub use records::RecordsClient;
pub use runner::{RunnerClient, Start};
