//! What is wrong with a field of an object, wherever the object came from.

use crate::codes::Code;
use crate::finding::Finding;
use crate::manifest::Document;

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The path of the field, such as `spec.repos[0].url`; empty for the object as a whole.
    pub path: String,
    /// The stable code.
    pub code: Code,
    /// What is wrong and the way out; names the field.
    pub message: String,
}

impl Problem {
    /// A problem of the field at a path.
    pub fn new(path: impl Into<String>, code: Code, message: impl Into<String>) -> Self {
        Self { path: path.into(), code, message: message.into() }
    }

    /// The finding about a document that has this problem.
    pub fn at(&self, document: &Document) -> Finding {
        document.finding(&self.path, self.code, self.message.clone())
    }
}
