//! A results branch at one commit, read from the mirror.

use ambient_git::{EntryKind, Mirror, ObjectId};
use ambient_protocol::documents::from_yaml;
use ambient_protocol::installation::{INSTALLATION_PATH, Installation};
use ambient_protocol::ledger::LedgerEntry;
use ambient_protocol::run::RunKey;

/// Most bytes of one file that is read whole.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;
/// Most ledger entries of one project that are listed.
const ENTRIES_LIMIT: usize = 100_000;

/// A results branch at one commit; an absent branch is an empty one.
#[derive(Clone)]
pub struct Snapshot {
    mirror: Mirror,
    tip: Option<(ObjectId, ObjectId)>,
}

/// Why a results branch cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {path} of the results branch: {message}")]
pub struct ReadError {
    path: String,
    message: String,
}

impl Snapshot {
    /// The branch at a commit.
    pub(super) fn at(mirror: Mirror, tip: Option<ObjectId>) -> Result<Self, ReadError> {
        let tip =
            tip.map(|commit| Ok((commit, mirror.commit(commit).map_err(|error| failed("", &error))?.tree)));
        Ok(Self { tip: tip.transpose()?, mirror })
    }

    /// The commit; empty where there is no branch.
    #[must_use]
    pub fn commit(&self) -> String {
        self.tip.map_or(String::new(), |(commit, _)| commit.to_string())
    }

    pub(super) fn tip(&self) -> Option<ObjectId> {
        self.tip.map(|(commit, _)| commit)
    }

    /// A file's content; none where there is no such file.
    ///
    /// # Errors
    /// Fails where it cannot be read.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let Some((_, tree)) = self.tip else { return Ok(None) };
        self.mirror.file(tree, path, FILE_LIMIT).map_err(|error| failed(path, &error))
    }

    /// A run's ledger entry; none where it has none.
    ///
    /// # Errors
    /// Fails where it cannot be read.
    pub fn entry(&self, key: &RunKey) -> Result<Option<LedgerEntry>, ReadError> {
        self.document(&key.ledger_path())
    }

    /// The owner of the branch.
    pub(super) fn owner(&self) -> Result<Option<Installation>, ReadError> {
        self.document(INSTALLATION_PATH)
    }

    /// All ledger entries of a project.
    ///
    /// # Errors
    /// Fails where one cannot be read.
    pub fn entries(&self, project: &str) -> Result<Vec<LedgerEntry>, ReadError> {
        let Some((_, tree)) = self.tip else { return Ok(Vec::new()) };
        let folder = format!("ledger/{project}");
        let found = self.mirror.entry_at(tree, &folder).map_err(|error| failed(&folder, &error))?;
        let Some(found) = found.filter(|found| found.kind == EntryKind::Folder) else {
            return Ok(Vec::new());
        };
        let files = self.mirror.walk(found.id, ENTRIES_LIMIT, 2).map_err(|error| failed(&folder, &error))?;
        let entries = files.iter().map(|file| {
            let content =
                self.mirror.blob(file.id, FILE_LIMIT).map_err(|error| failed(&file.path, &error))?;
            parse(&file.path, content)
        });
        entries.collect()
    }

    fn document<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ReadError> {
        self.read(path)?.map(|content| parse(path, content)).transpose()
    }
}

fn parse<T: serde::de::DeserializeOwned>(path: &str, content: Vec<u8>) -> Result<T, ReadError> {
    let text = String::from_utf8(content).map_err(|error| failed(path, &error))?;
    from_yaml(&text).map_err(|error| failed(path, &error))
}

fn failed(path: &str, error: &dyn std::fmt::Display) -> ReadError {
    ReadError { path: path.to_owned(), message: error.to_string() }
}
