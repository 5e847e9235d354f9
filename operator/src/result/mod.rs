//! What a run leaves on the results branch for people and programs.

mod document;
mod readme;

pub(crate) use document::{ResultInputs, result_document, to_milliseconds};
pub(crate) use readme::render_readme;
