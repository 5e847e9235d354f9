//! Reads manifests: bytes in, documents with positions out.
//!
//! This is the only caller of the YAML engine. A document that cannot be read stops itself and not its neighbours:
//! a file is cut at document markers first, each piece is read alone. Documents that hold nothing but comments, or
//! `null`, are skipped.

mod canonical;
mod document;
mod engine;
mod node;
mod positions;
mod split;

#[cfg(test)]
mod tests;

pub use document::Document;
pub use engine::to_yaml;
pub use positions::Position;

use crate::codes::Code;
use crate::finding::{Finding, Place};

/// What every object says of itself.
const TYPE_FIELDS: [&str; 2] = ["apiVersion", "kind"];

/// How much a file may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of a file.
    pub file_bytes: usize,
    /// Most documents of a file.
    pub documents: usize,
    /// Most bytes of a document. An object must fit into etcd, whose limit is 1.5 MiB.
    pub document_bytes: usize,
    /// Most values of a document, after aliases are expanded.
    pub nodes: usize,
    /// Deepest nesting.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 16 * 1024 * 1024,
            documents: 20_000,
            document_bytes: 1024 * 1024,
            nodes: 50_000,
            depth: 64,
        }
    }
}

/// What a file holds: the documents that could be read, and what is wrong with the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The documents, in the order of the file.
    pub documents: Vec<Document>,
    /// Why the rest could not be read.
    pub findings: Vec<Finding>,
    /// Whether it is a JSON file of somebody else's: with nothing in it that calls itself an object.
    pub is_foreign: bool,
}

impl Reading {
    /// Of a file that could not be read at all.
    pub fn failed(finding: Finding) -> Self {
        Self { findings: vec![finding], ..Self::default() }
    }
}

/// Reads a file. `file` is its path within the repository, for messages.
///
/// Repositories hold JSON files of all sorts of programs, so one that says neither `apiVersion` nor `kind` is no manifest.
/// A YAML file without them is one that was meant otherwise.
pub fn read(file: &str, bytes: &[u8], limits: &Limits) -> Reading {
    let is_json = file.ends_with(".json");
    if is_json && !mentions_type(bytes) {
        return Reading { is_foreign: true, ..Reading::default() };
    }
    let mut reading = match text_of(file, bytes, limits) {
        Ok(text) => read_text(file, text, limits),
        Err(finding) => return Reading::failed(finding),
    };
    let is_object = |document: &Document| TYPE_FIELDS.iter().any(|field| document.value.get(field).is_some());
    if is_json && reading.findings.is_empty() && !reading.documents.iter().any(is_object) {
        reading = Reading { is_foreign: true, ..Reading::default() };
    }
    reading
}

/// Whether a file of this name is read as manifests: `.yaml`, `.yml` and `.json`, hidden files left out.
pub fn is_manifest_name(name: &str) -> bool {
    let stem_and_ending = name.rsplit_once('.');
    stem_and_ending
        .is_some_and(|(stem, ending)| !stem.is_empty() && matches!(ending, "yaml" | "yml" | "json"))
        && !name.starts_with('.')
}

fn read_text(file: &str, text: &str, limits: &Limits) -> Reading {
    let mut reading = Reading::default();
    for piece in split::documents(text) {
        if reading.documents.len() == limits.documents {
            let message = format!("the file has more than {} documents; split it", limits.documents);
            reading.findings.push(finding(file, piece.position(1), Code::TooLarge, message));
            break;
        }
        match document::read(file, &piece, limits) {
            Ok(document) => reading.documents.extend(document),
            Err(finding) => reading.findings.push(finding),
        }
    }
    reading
}

fn text_of<'a>(file: &str, bytes: &'a [u8], limits: &Limits) -> Result<&'a str, Finding> {
    let start = Position { line: 1, column: 1 };
    if bytes.len() > limits.file_bytes {
        let message =
            format!("the file has {} bytes, {} are allowed; split it", bytes.len(), limits.file_bytes);
        return Err(finding(file, start, Code::TooLarge, message));
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let message = "the file is not UTF-8 text here; save it as UTF-8".to_owned();
        finding(file, end_of(&valid), Code::NotText, message)
    })
}

/// Whether a text has one of the fields as a key, in JSON's way or in YAML's. It need not be readable.
fn mentions_type(bytes: &[u8]) -> bool {
    let keys = TYPE_FIELDS.iter().flat_map(|field| [format!("\"{field}\""), format!("{field}:")]);
    keys.into_iter().any(|key| bytes.windows(key.len()).any(|window| window == key.as_bytes()))
}

/// The position just after a text.
fn end_of(text: &str) -> Position {
    let lines = text.matches('\n').count();
    let last = text.rsplit('\n').next().unwrap_or_default().chars().count();
    let number = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    Position { line: number(lines), column: number(last) }
}

fn finding(file: &str, at: Position, code: Code, message: String) -> Finding {
    Finding { place: Place { file: file.to_owned(), line: at.line, column: at.column }, code, message }
}
