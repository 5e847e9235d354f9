//! Plain data that the parts of Ambient exchange: the identity of a run, its effective session, AG-UI events, the
//! outcome, and the files that a run leaves in Git.
//!
//! Nothing here does I/O, except the clients behind the feature `client`; nothing here knows Kubernetes. Formats that
//! reach Git are promises: their readers ignore unknown fields, and a change of meaning needs a new `apiVersion`.

pub mod answers;
pub mod attendance;
pub mod broker;
pub mod capabilities;
pub mod causes;
#[cfg(feature = "client")]
pub mod client;
mod constructs;
pub mod conversation;
pub mod documents;
pub mod effective;
pub mod environment;
pub mod events;
pub mod fitting;
pub mod input;
pub mod installation;
pub mod ledger;
pub mod legible;
pub mod models;
pub mod outcome;
pub mod prelude;
pub mod records;
pub mod registry;
pub mod result;
pub mod run;
pub mod sandbox;
pub mod seal;
pub mod sse;
pub mod token;
pub mod usage;
pub mod verifier;

pub use answers::Answer;
pub use attendance::Attendance;
pub use capabilities::FrameworkCapabilities;
pub use conversation::Conversation;
pub use effective::EffectiveSession;
pub use events::Event;
pub use input::RunAgentInput;
pub use installation::Installation;
pub use ledger::LedgerEntry;
pub use outcome::Outcome;
pub use prelude::Prelude;
pub use registry::AgentRegistry;
pub use result::RunResult;
pub use run::{AttemptId, RunKey};
pub use usage::Usage;
pub use verifier::Verifier;
