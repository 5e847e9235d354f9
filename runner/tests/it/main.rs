//! Runners as others see them: over HTTP, as processes, on their volume.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod abuse;
mod acp;
mod containers;
mod conversations;
mod endings;
mod figures;
mod gemini;
mod harness;
mod history;
mod interactive;
mod joining;
mod langgraph;
mod leavings;
mod lending;
mod lifetime;
mod people;
mod protocol;
mod real_acp;
mod real_claude;
mod real_codex;
mod real_disk;
mod real_gemini;
mod real_langgraph;
mod real_mcp;
mod real_stories;
mod recordings;
mod resume;
mod sandbox;
mod secrets;
mod workspace;
