//! From data to what is shown: pure functions from sessions, records and conversations to values that templates print.

pub(crate) mod conversation;
pub(crate) mod facts;
pub(crate) mod link;
pub(crate) mod listing;
pub(crate) mod numbers;
pub(crate) mod patch;
pub(crate) mod people;
pub(crate) mod phase;
pub(crate) mod run;
pub(crate) mod text;
