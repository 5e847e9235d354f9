//! The YAML engine, its options, and its errors in our words.

use serde::Serialize;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Error, Options, Spanned};

use super::Limits;
use super::node::{Node, position};
use crate::codes::Code;

/// Why a text could not be read: the line and column within it, from 1.
pub(super) struct EngineError {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) code: Code,
    pub(super) message: String,
}

/// Reads the one document of a text; `None` if it holds nothing.
pub(super) fn parse(text: &str, limits: &Limits) -> Result<Option<Spanned<Node>>, EngineError> {
    let documents: Vec<Spanned<Node>> =
        serde_saphyr::from_multiple_with_options(text, options(limits)).map_err(|error| translate(&error))?;
    Ok(documents.into_iter().next())
}

/// Writes a value as YAML that YAML 1.1 and 1.2 readers understand alike (the text `yes` is quoted).
///
/// # Errors
/// If the value has no YAML form, such as a map with keys that are no scalars.
pub fn to_yaml(value: &impl Serialize) -> Result<String, serde_saphyr::SerializeError> {
    serde_saphyr::to_string(value)
}

fn options(limits: &Limits) -> Options {
    serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        // As kubectl reads them: `0644` is a number of base eight.
        legacy_octal_numbers: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_documents: 2,
            max_nodes: limits.nodes,
            max_events: limits.nodes.saturating_mul(2),
            max_depth: limits.depth,
            max_total_scalar_bytes: limits.document_bytes,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: limits.nodes,
            max_replay_stack_depth: 16,
        },
    }
}

fn translate(error: &Error) -> EngineError {
    let (line, column) = error.location().map_or((1, 1), |location| {
        let at = position(&location);
        (at.line, at.column)
    });
    let (code, message) = explain(error.without_snippet());
    EngineError { line, column, code, message }
}

fn explain(error: &Error) -> (Code, String) {
    match error {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("(not text)");
            (Code::DuplicateKey, format!("the key {key} stands twice in this mapping; remove one"))
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. } => (
            Code::TooLarge,
            format!("the document is too large or too deep, aliases expanded: {}", words(error)),
        ),
        Error::AliasError { error, .. } => explain(error),
        other => (Code::Syntax, format!("this is not YAML: {}", words(other))),
    }
}

/// The engine's own words on one line, without the place, which is told apart (and there counts from the document).
fn words(error: &Error) -> String {
    let line = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    line.rsplit_once(" at line ").map_or(line.clone(), |(words, _)| words.to_owned())
}
