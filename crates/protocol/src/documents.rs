//! YAML as it is written to and read from Git.
//!
//! One engine for both ways, chosen because it quotes strings that a YAML 1.1 reader would take for booleans.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The `apiVersion` of every document that the platform writes to a results branch.
pub const API_VERSION: &str = "ambient-code.io/v1";

/// Writes a document.
///
/// # Errors
/// Fails for values that YAML cannot hold; our formats have none.
pub fn to_yaml<T: Serialize>(value: &T) -> Result<String, DocumentError> {
    serde_saphyr::to_string(value).map_err(|error| DocumentError::Write(error.to_string()))
}

/// Reads a document; unknown fields are ignored, so that newer writers can be read.
///
/// # Errors
/// Says where the text is no such document.
pub fn from_yaml<T: DeserializeOwned>(text: &str) -> Result<T, DocumentError> {
    serde_saphyr::from_str(text).map_err(|error| DocumentError::Read(error.to_string()))
}

/// Why a document cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// A value that YAML cannot hold.
    #[error("cannot write document: {0}")]
    Write(String),
    /// Not a document of the expected kind.
    #[error("cannot read document: {0}")]
    Read(String),
}
