//! A results branch at one commit, read from the mirror.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ambient_git::{Entry, EntryKind, Mirror, ObjectId};
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
    newest: NewestRuns,
}

/// The highest run of each session, by project, read once a commit.
type NewestRuns = Arc<Mutex<HashMap<String, Arc<HashMap<String, u32>>>>>;

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
        Ok(Self { tip: tip.transpose()?, mirror, newest: NewestRuns::default() })
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
        let files = self.entry_files(project)?;
        let entries = files.iter().map(|file| {
            let content =
                self.mirror.blob(file.id, FILE_LIMIT).map_err(|error| failed(&file.path, &error))?;
            parse(&file.path, content)
        });
        entries.collect()
    }

    /// The highest run of a session that was ever claimed; none where none was.
    ///
    /// # Errors
    /// Fails where the ledger cannot be listed.
    pub fn newest_run(&self, project: &str, session: &str) -> Result<Option<u32>, ReadError> {
        let known = self.newest.lock().unwrap_or_else(PoisonError::into_inner).get(project).cloned();
        let runs = match known {
            Some(runs) => runs,
            None => {
                let runs = Arc::new(newest_runs(&self.entry_files(project)?));
                let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
                newest.insert(project.to_owned(), Arc::clone(&runs));
                runs
            }
        };
        Ok(runs.get(session).copied())
    }

    fn entry_files(&self, project: &str) -> Result<Vec<Entry>, ReadError> {
        let Some((_, tree)) = self.tip else { return Ok(Vec::new()) };
        let folder = format!("ledger/{project}");
        let found = self.mirror.entry_at(tree, &folder).map_err(|error| failed(&folder, &error))?;
        let Some(found) = found.filter(|found| found.kind == EntryKind::Folder) else {
            return Ok(Vec::new());
        };
        self.mirror.walk(found.id, ENTRIES_LIMIT, 2).map_err(|error| failed(&folder, &error))
    }

    /// A file's content as a document; none where there is no such file.
    ///
    /// # Errors
    /// Fails where it cannot be read.
    pub(crate) fn document<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<T>, ReadError> {
        self.read(path)?.map(|content| parse(path, content)).transpose()
    }
}

/// From the names of ledger files, `<session>-r<run>.yaml`.
fn newest_runs(files: &[Entry]) -> HashMap<String, u32> {
    let mut newest = HashMap::new();
    for file in files {
        let name = file.path.rsplit('/').next().and_then(|name| name.strip_suffix(".yaml"));
        let parts = name.and_then(|name| name.rsplit_once("-r"));
        let Some((session, Ok(run))) = parts.map(|(session, run)| (session, run.parse::<u32>())) else {
            continue;
        };
        let highest = newest.entry(session.to_owned()).or_insert(run);
        *highest = run.max(*highest);
    }
    newest
}

fn parse<T: serde::de::DeserializeOwned>(path: &str, content: Vec<u8>) -> Result<T, ReadError> {
    let text = String::from_utf8(content).map_err(|error| failed(path, &error))?;
    from_yaml(&text).map_err(|error| failed(path, &error))
}

fn failed(path: &str, error: &dyn std::fmt::Display) -> ReadError {
    ReadError { path: path.to_owned(), message: error.to_string() }
}
