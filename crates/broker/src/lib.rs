//! Credentials, budgets and an allow list in front of models and Git, in a process outside every pod (rule 27).
//!
//! A run reaches the broker through a forwarder on loopback ([`forward`]) that the runner's container holds: it adds the
//! session's token, which the agent never sees. The broker checks the token, looks up what the run is bound to, takes
//! away what the agent sent as a credential, adds the real one, passes the answer on as it comes, and counts what it
//! says was used. Nothing is sent to an address that a request names: only to the upstreams of the run's binding, and
//! through tunnels to what its allow list has.
//!
//! The road of one request: `server` accepts, `proxy` decides and sends, `answer` passes on and counts,
//! `account` keeps the sum and the file that survives a kill.

mod account;
mod addresses;
mod admission;
mod answer;
mod asked;
mod body;
mod budget;
mod config;
mod count_file;
mod credential;
mod credentials;
mod dialect;
mod door;
mod endpoint;
mod estimate;
mod forward;
mod google;
mod headers;
mod hosted;
mod manage;
mod mask;
mod meter;
mod places;
mod proxy;
mod query;
mod refusal;
mod runs;
mod said;
mod server;
mod stall;
mod tunnel;
mod unasked;
mod upstream;
mod vertex;

pub use config::{Config, Limits};
pub use credentials::{Cached, CredentialError, Credentials, Fields, FolderCredentials};
pub use door::Door;
pub use forward::{SessionToken, forward};
pub use server::{BoundRuns, Broker, BrokerError};
