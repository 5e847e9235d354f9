//! The HTTP API: paths and verbs to reads and writes of the store.

mod call;
mod create;
mod delete;
mod discovery;
mod get;
mod labels;
mod namespaces;
mod parameters;
mod paths;
mod prepare;
mod render;
mod replace;
mod server;
mod track;
mod watch;

pub use self::paths::RequestInfo;
pub(crate) use self::server::{Observer, Server, serve_request};
