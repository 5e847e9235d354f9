//! The runs that are bound, on disk: `<project>/<session>-r<run>.binding` and `.count` below the state folder.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ambient_protocol::RunKey;
use ambient_protocol::broker::Binding;
use jiff::Timestamp;

use crate::account::Account;
use crate::config::Limits;

/// One bound run.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) binding: Arc<Binding>,
    pub(crate) account: Arc<Account>,
}

#[derive(Default)]
struct Known {
    bound: HashMap<RunKey, Run>,
    /// Also those that are not bound any more, as long as a request is under way: a file has one writer.
    accounts: HashMap<RunKey, Weak<Account>>,
}

/// All runs.
pub(crate) struct Runs {
    folder: PathBuf,
    limits: Limits,
    known: Mutex<Known>,
    /// Held as long as this lives: two brokers would count past each other.
    _lock: File,
}

impl Runs {
    /// Opens the state folder.
    ///
    /// # Errors
    /// Fails where it cannot be made, or another broker has it.
    pub(crate) fn open(folder: &Path, limits: &Limits) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::ResourceBusy, "another broker works with this folder")
            }
            std::fs::TryLockError::Error(error) => error,
        })?;
        Ok(Self { folder: folder.to_owned(), limits: limits.clone(), known: Mutex::default(), _lock: lock })
    }

    /// Binds a run, in place of an earlier binding. What it has used stays.
    pub(crate) fn bind(&self, binding: Binding) -> io::Result<()> {
        let mut known = self.known();
        let run = binding.run.clone();
        replace(&self.path(&run, "binding"), &serde_json::to_vec_pretty(&binding)?)?;
        let account = self.account(&mut known, &run)?;
        known.bound.insert(run, Run { binding: Arc::new(binding), account });
        Ok(())
    }

    /// A run's binding and account.
    pub(crate) fn get(&self, run: &RunKey) -> io::Result<Option<Run>> {
        let mut known = self.known();
        if let Some(found) = known.bound.get(run) {
            return Ok(Some(found.clone()));
        }
        let text = match std::fs::read(self.path(run, "binding")) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let binding: Binding = serde_json::from_slice(&text)?;
        let account = self.account(&mut known, run)?;
        let found = Run { binding: Arc::new(binding), account };
        known.bound.insert(run.clone(), found.clone());
        Ok(Some(found))
    }

    /// Forgets a run's binding, if there is one. What it has used stays on disk.
    pub(crate) fn unbind(&self, run: &RunKey) -> io::Result<()> {
        let mut known = self.known();
        known.bound.remove(run);
        match std::fs::remove_file(self.path(run, "binding")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether a run on disk is bound beyond a time.
    pub(crate) fn any_until(&self, time: Timestamp) -> bool {
        let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
        let files = entries(&self.folder).flat_map(|project| entries(&project.path()));
        let bindings = files.filter(|file| file.path().extension().is_some_and(|end| end == "binding"));
        let mut read = bindings
            .filter_map(|file| serde_json::from_slice::<Binding>(&std::fs::read(file.path()).ok()?).ok());
        read.any(|binding| binding.expires_at > time)
    }

    fn account(&self, known: &mut Known, run: &RunKey) -> io::Result<Arc<Account>> {
        if let Some(account) = known.accounts.get(run).and_then(Weak::upgrade) {
            return Ok(account);
        }
        let account = Account::open(run.clone(), &self.path(run, "count"), &self.limits)?;
        known.accounts.retain(|_, account| account.strong_count() > 0);
        known.accounts.insert(run.clone(), Arc::downgrade(&account));
        Ok(account)
    }

    fn path(&self, run: &RunKey, extension: &str) -> PathBuf {
        self.folder.join(run.project()).join(format!("{}.{extension}", run.slug()))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}
