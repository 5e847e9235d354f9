//! Local mode: every part but the broker in one process, on the embedded cluster.
//!
//! The parts are the same as in a cluster and meet at the same places: objects of the API, refs in Git, and the two
//! small HTTP protocols. Agents run as processes of this user, confined where the system can do it; the start-up text says how.

mod accounts;
mod agents;
mod broker;
pub(crate) mod confinement;
mod credentials;
mod data;
mod installation;
mod lock;
mod objects;
mod platform;

pub(crate) use agents::Agents;
pub(crate) use data::DataFolder;
pub(crate) use installation::cluster_id;
pub(crate) use lock::RepositoryLock;
pub(crate) use objects::RootSource;
pub(crate) use platform::{Parts, Platform, Settings};
