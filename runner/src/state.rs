//! The state folder: what a runner that starts again on the same volume finds.
//!
//! | file | meaning |
//! |---|---|
//! | `events.jsonl` | the event log, shared by all attempts |
//! | `started-<attempt>` | the attempt's first turn has been started; made with `O_EXCL` |
//! | `outcome.json` | how the run ended, or this attempt of it; synced before it is served |
//! | `bundles/<repository>.bundle` | the agent's commits |
//! | `collections/<repository>` | a repository over the checkout's objects, made anew whenever they are collected |
//! | `acknowledged-<attempt>` | the outcome is on the remote: nothing is left to do |
//! | `workspace.json` | what was checked out, and at which commit |
//! | `conversation` | what the framework calls the conversation, by which another process takes it up |
//! | `model` | the model that somebody chose for what is left of the run |
//! | `lock` | held by the runner that works here, until its process ends |
//! | `reserve` | room for the run's ending while an agent works |
//! | `agent-home/` | a home folder for the agent, so that it never meets a person's own configuration |

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambient_protocol::input::ModelChoice;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::run::AttemptId;
use ambient_protocol::{Outcome, RunAgentInput};

use crate::durable;
use crate::reserve::Reserve;

/// The state folder, as one attempt sees it.
#[derive(Debug, Clone)]
pub(crate) struct StateFolder {
    root: PathBuf,
    attempt: AttemptId,
    reserve: Reserve,
    /// Two runners on one volume would write two logs into one file.
    _lock: Arc<File>,
}

impl StateFolder {
    /// Makes the folder where it is missing, and takes it: another runner that works there is an error.
    pub(crate) fn open(root: &Path, attempt: &AttemptId) -> Result<Self, StateError> {
        fs::create_dir_all(root).map_err(|cause| StateError::new("make the folder", root, cause))?;
        let lock = root.join("lock");
        let file = take(&lock).map_err(|cause| StateError::new("take", &lock, cause))?;
        let reserve = Reserve::keep(root);
        let folder = Self { root: root.to_owned(), attempt: attempt.clone(), reserve, _lock: Arc::new(file) };
        for path in [folder.bundles(), folder.agent_home()] {
            fs::create_dir_all(&path).map_err(|cause| StateError::new("make the folder", &path, cause))?;
        }
        Ok(folder)
    }

    /// Gives the room free that was kept back for the run's ending.
    pub(crate) fn make_room(&self) {
        self.reserve.release();
    }

    pub(crate) fn events(&self) -> PathBuf {
        self.root.join("events.jsonl")
    }

    pub(crate) fn workspace_record(&self) -> PathBuf {
        self.root.join("workspace.json")
    }

    pub(crate) fn agent_home(&self) -> PathBuf {
        self.root.join("agent-home")
    }

    pub(crate) fn bundles(&self) -> PathBuf {
        self.root.join("bundles")
    }

    pub(crate) fn bundle(&self, repository: &str) -> PathBuf {
        self.bundles().join(format!("{repository}.bundle"))
    }

    /// Where Git works for the runner when it takes what the agent left in a repository.
    pub(crate) fn collection(&self, repository: &str) -> PathBuf {
        self.root.join("collections").join(repository)
    }

    /// Claims the attempt's first turn; `false` where it has been claimed before, by this process or another.
    pub(crate) fn claim_start(&self, input: &RunAgentInput) -> Result<bool, StateError> {
        let path = self.start_marker();
        let bytes = serde_json::to_vec(input).unwrap_or_default();
        durable::create(&path, &bytes).map_err(|cause| StateError::new("make the start marker", &path, cause))
    }

    /// What the framework calls the conversation that this run has had.
    pub(crate) fn conversation(&self) -> Result<Option<String>, StateError> {
        let path = self.conversation_file();
        match fs::read_to_string(&path) {
            Ok(name) => Ok(Some(name).filter(|name| !name.is_empty())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(StateError::new("read the conversation's name", &path, cause)),
        }
    }

    /// Notes it; when this returns it survives a crash.
    pub(crate) fn note_conversation(&self, name: &str) -> Result<(), StateError> {
        let path = self.conversation_file();
        durable::replace(&path, name.as_bytes())
            .map_err(|cause| StateError::new("note the conversation's name", &path, cause))
    }

    /// The model that somebody chose for what is left of the run.
    pub(crate) fn chosen_model(&self) -> Result<Option<ModelChoice>, StateError> {
        let path = self.model_file();
        let failed = |cause| StateError::new("read the chosen model", &path, cause);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| failed(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(failed(cause)),
        }
    }

    /// Notes it; when this returns it survives a crash.
    pub(crate) fn note_chosen_model(&self, choice: &ModelChoice) -> Result<(), StateError> {
        let path = self.model_file();
        let bytes = serde_json::to_vec(choice).unwrap_or_default();
        durable::replace(&path, &bytes)
            .map_err(|cause| StateError::new("note the chosen model", &path, cause))
    }

    fn model_file(&self) -> PathBuf {
        self.root.join("model")
    }

    fn conversation_file(&self) -> PathBuf {
        self.root.join("conversation")
    }

    pub(crate) fn was_started(&self) -> bool {
        self.start_marker().exists()
    }

    /// The outcome that this attempt has left, or one before it that nobody has fetched: a run that has ended is not run
    /// again. An earlier attempt that was cut off, or rests, has not ended its run.
    pub(crate) fn outcome(&self) -> Result<Option<Outcome>, StateError> {
        let path = self.outcome_file();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(StateError::new("read the outcome", &path, cause)),
        };
        let outcome: Outcome = serde_json::from_slice(&bytes)
            .map_err(|error| StateError::new("read the outcome", &path, error.into()))?;
        Ok((outcome.attempt == self.attempt.attempt || ends_run(outcome.exit)).then_some(outcome))
    }

    /// Stores the outcome; when this returns it survives a crash.
    pub(crate) fn store_outcome(&self, outcome: &Outcome) -> Result<(), StateError> {
        let path = self.outcome_file();
        let bytes = serde_json::to_vec_pretty(outcome)
            .map_err(|error| StateError::new("write the outcome", &path, error.into()))?;
        durable::replace(&path, &bytes).map_err(|cause| StateError::new("write the outcome", &path, cause))
    }

    /// Notes that the outcome is on the remote. Safe to repeat.
    pub(crate) fn acknowledge(&self) -> Result<(), StateError> {
        let path = self.acknowledgement();
        durable::create(&path, b"")
            .map(drop)
            .map_err(|cause| StateError::new("note the acknowledgement", &path, cause))
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        self.acknowledgement().exists()
    }

    fn start_marker(&self) -> PathBuf {
        self.root.join(format!("started-{}", self.attempt))
    }

    fn acknowledgement(&self) -> PathBuf {
        self.root.join(format!("acknowledged-{}", self.attempt))
    }

    fn outcome_file(&self) -> PathBuf {
        self.root.join("outcome.json")
    }
}

/// Whether another attempt has nothing left to do: this one was not cut off, nor told to end with its pod.
fn ends_run(exit: ExitReason) -> bool {
    use ExitReason::{AgentCrashed, AgentLost, Idle, OutOfMemory, Stopped};
    !matches!(exit, AgentCrashed | AgentLost | Idle | OutOfMemory | Stopped)
}

fn take(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another runner works on this volume")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {cause}")]
pub struct StateError {
    action: &'static str,
    path: String,
    #[source]
    cause: io::Error,
}

impl StateError {
    pub(crate) fn new(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Self { action, path: path.display().to_string(), cause }
    }
}
