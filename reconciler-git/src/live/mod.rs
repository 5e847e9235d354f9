//! What is in the cluster, kept by watches: no object is read by a request of its own.

pub(crate) mod health;
pub(crate) mod index;
pub(crate) mod namespaces;
pub(crate) mod object;
pub(crate) mod sources;
pub(crate) mod watch;

pub(crate) use health::Health;
pub(crate) use index::{LiveIndex, LiveView};
pub(crate) use object::LiveObject;
