//! The journal: one JSON line per change, written before the change is seen by anybody.
//!
//! A line that reached the kernel outlives `kill -9` of this process; no `fsync` is waited for. What a
//! power failure may take is bounded by the pace at which journals are folded into the database.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Key, StoreError};

/// One change: the object's new state, or none for a removal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) revision: u64,
    resource: String,
    namespace: String,
    name: String,
    pub(crate) value: Option<Value>,
}

impl Record {
    /// The change of one object.
    pub(crate) fn new(key: &Key, revision: u64, value: Option<Value>) -> Self {
        Self {
            revision,
            resource: key.resource.to_string(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            value,
        }
    }

    /// Which object changed.
    pub(crate) fn key(&self) -> Key {
        Key {
            resource: self.resource.as_str().into(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }
}

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Journal {
    /// Makes the journal `number` of a database; readable by the owner alone, since Secrets pass through.
    pub(crate) fn create(database: &Path, number: u64) -> Result<Self, StoreError> {
        let path = journal_path(database, number);
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|source| failed(&path, source))?;
        Ok(Self { path, file, length: 0 })
    }

    /// Writes one line; on failure the line is taken back, so that a later one cannot follow half of it.
    pub(crate) fn append(&mut self, line: &[u8]) -> Result<(), StoreError> {
        if let Err(source) = self.file.write_all(line) {
            let _ = self.file.set_len(self.length);
            return Err(failed(&self.path, source));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// The journal's file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads the journals of a database in the order they were written, with their paths.
///
/// A journal ends at its first unreadable line: the process died while writing it, unacknowledged.
pub(crate) fn read_all(database: &Path) -> Result<Vec<(u64, PathBuf, Vec<Record>)>, StoreError> {
    let mut journals = Vec::new();
    for (number, path) in list(database)? {
        let file = File::open(&path).map_err(|source| failed(&path, source))?;
        let records = BufReader::new(file)
            .split(b'\n')
            .map_while(Result::ok)
            .map_while(|line| serde_json::from_slice(&line).ok())
            .collect();
        journals.push((number, path, records));
    }
    Ok(journals)
}

fn list(database: &Path) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let folder = database.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = format!("{}.journal-", file_name(database));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let path = entry.map_err(|source| failed(folder, source))?.path();
        if let Some(number) = file_name(&path).strip_prefix(&prefix).and_then(|text| text.parse().ok()) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

fn journal_path(database: &Path, number: u64) -> PathBuf {
    database.with_file_name(format!("{}.journal-{number}", file_name(database)))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn failed(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Journal { path: path.display().to_string(), source }
}
