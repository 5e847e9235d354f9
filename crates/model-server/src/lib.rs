//! A model server that follows a script, for the demo and for tests of real agent programs.
//!
//! Agent programs speak to their model over HTTP. This server speaks the same protocol on loopback and answers from a
//! [`Script`], so that a real agent runs through its own loop (text, tool use, end) without a key, a network or a bill.
//! It keeps no conversation: programs send the whole of it with every request, and the turns in it choose the step.
//!
//! One module per dialect turns requests into a [`script::Request`] and a [`script::Answer`] into the dialect's bytes;
//! scripts and steps know no dialect. Spoken now: Anthropic Messages.

mod anthropic;
pub mod script;
mod server;

pub use script::{Script, ScriptError};
pub use server::ModelServer;
