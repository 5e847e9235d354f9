//! One document of a file.

use serde_json::Value;

use super::positions::{Position, Positions};
use super::split::Piece;
use super::{Limits, canonical, engine, finding};
use crate::codes::Code;
use crate::finding::{Finding, Place};

/// One document: a mapping, and where each of its values stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The value; always an object.
    pub value: Value,
    /// `sha256:<hex>` of the value; comments, order of keys and style do not change it.
    pub digest: String,
    file: String,
    first_line: u32,
    positions: Positions,
}

impl Document {
    /// The path of its file within the repository.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where it begins.
    pub fn place(&self) -> Place {
        self.place_of("")
    }

    /// Where the field at a path such as `spec.repos[0].url` stands; for a field that is missing, the nearest value
    /// around it.
    pub fn place_of(&self, path: &str) -> Place {
        let at = self.positions.find(path);
        let line = self.first_line.saturating_add(at.line.saturating_sub(1));
        Place { file: self.file.clone(), line, column: at.column }
    }

    /// A finding about the field at a path.
    pub fn finding(&self, path: &str, code: Code, message: impl Into<String>) -> Finding {
        Finding { place: self.place_of(path), code, message: message.into() }
    }
}

/// Reads the document of a piece; `None` if it holds nothing but comments or `null`.
pub(super) fn read(file: &str, piece: &Piece<'_>, limits: &Limits) -> Result<Option<Document>, Finding> {
    if piece.text.len() > limits.document_bytes {
        let (found, most) = (piece.text.len(), limits.document_bytes);
        let message = format!("the document has {found} bytes, {most} are allowed; split it");
        return Err(finding(file, piece.position(1), Code::TooLarge, message));
    }
    let parsed = engine::parse(piece.text, limits).map_err(|error| {
        let at = Position { column: error.column, ..piece.position(error.line) };
        finding(file, at, error.code, error.message)
    })?;
    let Some(root) = parsed else { return Ok(None) };
    let at = super::node::position(&root.referenced);
    let (value, positions) = root.value.placed(at);
    match value {
        Value::Null => Ok(None),
        Value::Object(_) => {
            let digest = canonical::digest_of(&value);
            Ok(Some(Document {
                value,
                digest,
                file: file.to_owned(),
                first_line: piece.first_line,
                positions,
            }))
        }
        _ => {
            let at = Position { column: at.column, ..piece.position(at.line) };
            let message =
                "the document is a list or a single value, not an object with apiVersion and kind".to_owned();
            Err(finding(file, at, Code::NotAnObject, message))
        }
    }
}
