//! The redb file, and the thread that folds journals into it.
//!
//! Memory is what is read; the database is read once, at the start. Folding happens off the path of
//! requests: a journal is put aside, its changes are committed with `fsync`, then it is deleted.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde_json::Value;

use super::{
    Key, StoreError,
    journal::{self, Journal, Record},
};

const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const REVISION: &str = "revision";

/// A journal is put aside at this size: replaying it at a start stays well under a second.
const FOLD_BYTES: u64 = 4 << 20;
/// What a power failure can take at most, roughly: the folding thread puts changes aside this often.
const FOLD_INTERVAL: Duration = Duration::from_secs(1);

/// All objects are in memory anyway: the database's own cache serves writing alone.
const CACHE_BYTES: usize = 4 << 20;

/// The durable side of a store.
#[derive(Debug)]
pub(crate) struct Persistence {
    path: PathBuf,
    journal: Journal,
    number: u64,
    pending: Batch,
    last_fold: std::time::Instant,
    folder: Option<Folder>,
}

/// Changes of one journal, newest state per object.
#[derive(Debug, Default)]
struct Batch {
    bytes: u64,
    revision: u64,
    changes: HashMap<Key, Option<Arc<Value>>>,
}

#[derive(Debug)]
struct Folder {
    sender: mpsc::Sender<(Batch, PathBuf)>,
    thread: JoinHandle<()>,
}

impl Persistence {
    /// Opens the database, gives all that it and its journals hold, and folds those journals in.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Record>, u64), StoreError> {
        let database = open_database(path)?;
        let (mut records, mut revision) = load(&database).map_err(|error| failed(path, error))?;
        let (mut batch, mut number, mut old) = (Batch::default(), 0, Vec::new());
        for (found, journal, changes) in journal::read_all(path)? {
            number = number.max(found);
            old.push(journal);
            for record in changes.into_iter().filter(|record| record.revision > revision) {
                batch.add(&record.key(), record.revision, record.value.clone().map(Arc::new), 0);
                records.push(record);
            }
        }
        revision = revision.max(batch.revision);
        if batch.revision > 0 {
            fold(&database, &batch).map_err(|error| failed(path, error))?;
        }
        for journal in old {
            remove(&journal);
        }
        let persistence = Self::start(path, database, number + 1)?;
        Ok((persistence, records, revision))
    }

    fn start(path: &Path, database: Database, number: u64) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("cluster-fold".into())
            .spawn(move || fold_all(&database, &receiver))
            .map_err(|source| StoreError::Journal { path: path.display().to_string(), source })?;
        Ok(Self {
            path: path.to_owned(),
            journal: Journal::create(path, number)?,
            number,
            pending: Batch::default(),
            last_fold: std::time::Instant::now(),
            folder: Some(Folder { sender, thread }),
        })
    }

    /// Writes one change; when it returns, the change outlives this process.
    pub(crate) fn append(
        &mut self,
        key: &Key,
        revision: u64,
        value: Option<Arc<Value>>,
    ) -> Result<(), StoreError> {
        let record = Record::new(key, revision, value.as_deref().cloned());
        let mut line = serde_json::to_vec(&record).map_err(|error| failed(&self.path, error))?;
        line.push(b'\n');
        self.journal.append(&line)?;
        self.pending.add(key, revision, value, line.len() as u64);
        if self.pending.bytes >= FOLD_BYTES || self.last_fold.elapsed() >= FOLD_INTERVAL {
            self.put_aside()?;
        }
        Ok(())
    }

    fn put_aside(&mut self) -> Result<(), StoreError> {
        let next = Journal::create(&self.path, self.number + 1)?;
        let full = std::mem::replace(&mut self.journal, next);
        self.number += 1;
        self.last_fold = std::time::Instant::now();
        let batch = std::mem::take(&mut self.pending);
        if let Some(folder) = &self.folder {
            // The thread ends only after this sender is dropped.
            let _ = folder.sender.send((batch, full.path().to_owned()));
        }
        Ok(())
    }
}

impl Drop for Persistence {
    fn drop(&mut self) {
        let batch = std::mem::take(&mut self.pending);
        if let Some(folder) = self.folder.take() {
            let _ = folder.sender.send((batch, self.journal.path().to_owned()));
            drop(folder.sender);
            let _ = folder.thread.join();
        }
    }
}

impl Batch {
    fn add(&mut self, key: &Key, revision: u64, value: Option<Arc<Value>>, bytes: u64) {
        self.bytes += bytes;
        self.revision = self.revision.max(revision);
        self.changes.insert(key.clone(), value);
    }

    /// Takes over what an earlier batch could not write; the newer state of an object wins.
    fn absorb(&mut self, earlier: Self) {
        self.revision = self.revision.max(earlier.revision);
        for (key, value) in earlier.changes {
            self.changes.entry(key).or_insert(value);
        }
    }
}

/// Folds batches until the store is dropped. A batch that cannot be written is kept with its journals
/// and tried again with the next one.
fn fold_all(database: &Database, batches: &mpsc::Receiver<(Batch, PathBuf)>) {
    let (mut failed_batch, mut journals) = (Batch::default(), Vec::new());
    while let Ok((mut batch, journal)) = batches.recv() {
        batch.absorb(std::mem::take(&mut failed_batch));
        journals.push(journal);
        match fold(database, &batch) {
            Ok(()) => journals.drain(..).for_each(|journal| remove(&journal)),
            Err(error) => {
                tracing::error!(%error, "cluster database not written; its journals are kept");
                failed_batch = batch;
            }
        }
    }
}

fn fold(database: &Database, batch: &Batch) -> Result<(), redb::Error> {
    if batch.changes.is_empty() {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    {
        let mut objects = transaction.open_table(OBJECTS)?;
        for (key, value) in &batch.changes {
            let place = format!("{}\0{}\0{}", key.resource, key.namespace, key.name);
            match value {
                Some(value) => objects.insert(place.as_str(), value.to_string().as_bytes())?,
                None => objects.remove(place.as_str())?,
            };
        }
        transaction.open_table(NUMBERS)?.insert(REVISION, batch.revision)?;
    }
    transaction.commit()?;
    Ok(())
}

fn load(database: &Database) -> Result<(Vec<Record>, u64), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(OBJECTS)?;
    transaction.open_table(NUMBERS)?;
    transaction.commit()?;
    let transaction = database.begin_read()?;
    let revision = transaction.open_table(NUMBERS)?.get(REVISION)?.map_or(0, |found| found.value());
    let mut records = Vec::new();
    for entry in transaction.open_table(OBJECTS)?.iter()? {
        let (place, bytes) = entry?;
        let mut parts = place.value().splitn(3, '\0');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let key = Key { resource: part().into(), namespace: part(), name: part() };
        let value: Value = serde_json::from_slice(bytes.value())
            .map_err(|error| redb::Error::Corrupted(format!("object {key:?}: {error}")))?;
        let version = crate::object::meta_str(&value, "resourceVersion").parse().unwrap_or(revision);
        records.push(Record::new(&key, version, Some(value)));
    }
    Ok((records, revision))
}

fn open_database(path: &Path) -> Result<Database, StoreError> {
    // Secrets are in it: the file is the owner's alone from its first byte.
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| failed(path, error))?;
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder.create(path).map_err(|error| failed(path, error))
}

fn remove(journal: &Path) {
    if let Err(error) = std::fs::remove_file(journal) {
        tracing::warn!(journal = %journal.display(), %error, "journal not removed; it is harmless");
    }
}

fn failed(path: &Path, error: impl std::fmt::Display) -> StoreError {
    StoreError::Database { path: path.display().to_string(), message: error.to_string() }
}
