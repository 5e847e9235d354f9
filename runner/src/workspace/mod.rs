//! The workspace: what is checked out before the agent starts, and what is taken from it at the end.

mod collect;
mod guidance;
mod handover;
mod history;
mod prepare;
mod record;
mod secrets;
mod workflow;

pub(crate) use collect::collect;
pub(crate) use guidance::Guidance;
pub(crate) use prepare::{CheckoutRules, prepare};
pub(crate) use record::WorkspaceRecord;
pub(crate) use workflow::WorkflowCheckout;
