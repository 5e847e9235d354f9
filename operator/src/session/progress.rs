//! What this process has learnt of runs by talking to runners and to Git.
//!
//! It is a cache of facts, never the only place of any: after a restart it is empty and is learnt again from the
//! runner's log, the ledger and the cluster.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ambient_crds::conditions::Reason;
use ambient_crds::session::AgenticSession;
use ambient_kit::retry::ErrorClass;
use ambient_protocol::attendance::Attendance;
use ambient_protocol::ledger::Ending;
use ambient_protocol::outcome::Outcome;
use ambient_protocol::run::RunKey;
use ambient_protocol::usage::Usage;
use futures::channel::mpsc;
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;

use super::transcript::Transcript;
use crate::context::Context;

/// The facts of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Progress {
    /// How far the claim is.
    pub claim: ClaimState,
    /// Whether an ending without an outcome is being recorded.
    pub concluding: bool,
    /// Whether a task follows the runner.
    pub pursued: bool,
    /// When the agent was started.
    pub started_at: Option<Timestamp>,
    /// Since when the runner is asked to stop.
    pub stopping_since: Option<Timestamp>,
    /// Sequence number of the newest event seen.
    pub last_sequence: u64,
    /// What was consumed so far.
    pub usage: Usage,
    /// How long the agent has worked, and who is waited for.
    pub attendance: Attendance,
    /// What was seen of the log of a run that left no outcome.
    pub seen: Arc<Transcript>,
    /// What the runner said at its end.
    pub outcome: Option<Box<Outcome>>,
    /// Whether its runner is gone, before all that belongs to that was read.
    pub unserved: bool,
    /// Where the ending was recorded.
    pub recorded: Option<Box<Recorded>>,
    /// Whether the runner was released, as far as it could be.
    pub released: bool,
    /// Whether the runner heard that it may go.
    pub acknowledged: bool,
    /// Whether what it was lent was let go of.
    pub let_go: bool,
    /// What is in the way at the moment, for the condition.
    pub trouble: Option<Trouble>,
}

/// How far a claim is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum ClaimState {
    /// Nobody has asked for it.
    #[default]
    Unasked,
    /// It is being pushed.
    Pushing,
    /// It is on the remote.
    Acknowledged,
    /// The ledger does not allow it; the next look-up says why.
    Refused(String),
}

/// An ending that is on the remote.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    /// What was recorded.
    pub ending: Ending,
    /// The commit on the results branch.
    pub commit: String,
}

/// Something in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// A public reason.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

impl Trouble {
    /// What could not be pushed, and why.
    #[must_use]
    pub(crate) fn with_push(error: &dyn std::fmt::Display) -> Self {
        Self { reason: Reason::PushFailed.as_str(), message: error.to_string() }
    }

    /// Says so, and waits before the next try, longer each time: what a repository refuses now it will refuse at once.
    pub(crate) async fn wait(self, context: &Context, id: &RunId) {
        self.note(context, id);
        let delay = context.backoff.next(&pushes_of(id), ErrorClass::Outside);
        tokio::time::sleep(delay.unwrap_or_default().min(LONGEST_WAIT)).await;
    }

    /// Has the condition say so; the log says it once.
    pub(crate) fn note(self, context: &Context, id: &RunId) {
        if context.board.get(id).trouble.as_ref() != Some(&self) {
            tracing::warn!(run = %id.key, reason = self.reason, error = self.message, "it will be tried again");
        }
        context.board.update(id, |progress| progress.trouble = Some(self));
    }

    /// Notes that a push went well.
    pub(crate) fn is_over(context: &Context, id: &RunId) {
        context.backoff.reset(&pushes_of(id));
    }
}

/// Longest wait between two tries: somebody may be watching for the repository to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

fn pushes_of(id: &RunId) -> String {
    format!("results/{}", id.key)
}

/// The facts of all runs, and a way to have a session looked at again when one changes.
#[derive(Clone)]
pub(crate) struct ProgressBoard {
    runs: Arc<Mutex<HashMap<RunId, Progress>>>,
    wake: mpsc::UnboundedSender<ObjectRef<AgenticSession>>,
}

/// One run of one session object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RunId {
    /// The run.
    pub key: RunKey,
    /// UID of the session object.
    pub session_uid: String,
}

impl ProgressBoard {
    /// An empty board; `wake` gets the sessions to look at again.
    #[must_use]
    pub(crate) fn new(wake: mpsc::UnboundedSender<ObjectRef<AgenticSession>>) -> Self {
        Self { runs: Arc::default(), wake }
    }

    /// The facts of a run.
    #[must_use]
    pub(crate) fn get(&self, id: &RunId) -> Progress {
        self.lock().get(id).cloned().unwrap_or_default()
    }

    /// Whether a claim of the run was asked for.
    #[must_use]
    pub(crate) fn has_begun(&self, id: &RunId) -> bool {
        self.lock().get(id).is_some_and(|progress| progress.claim != ClaimState::Unasked)
    }

    /// Changes the facts of a run, and has its session looked at again if that made a difference.
    pub(crate) fn update(&self, id: &RunId, change: impl FnOnce(&mut Progress)) {
        let changed = {
            let mut runs = self.lock();
            let progress = runs.entry(id.clone()).or_default();
            let before = progress.clone();
            change(progress);
            *progress != before
        };
        if changed {
            self.look_again(id.key.project(), id.key.session());
        }
    }

    /// Forgets what was learnt of an attempt that has ended without an outcome: another one begins.
    pub(crate) fn begin_attempt(&self, id: &RunId) {
        self.note(id, |progress| {
            *progress =
                Progress { claim: progress.claim.clone(), usage: progress.usage, ..Progress::default() }
        });
    }

    /// Changes facts that nobody waits for, such as counters.
    pub(crate) fn note(&self, id: &RunId, change: impl FnOnce(&mut Progress)) {
        change(self.lock().entry(id.clone()).or_default());
    }

    /// Has a session looked at again.
    pub(crate) fn look_again(&self, project: &str, session: &str) {
        // The receiver ends with the controller; then nobody needs waking.
        let _ = self.wake.unbounded_send(ObjectRef::new(session).within(project));
    }

    /// Takes the right to do something once: true for the first that asks while `claimed` gives false.
    pub(crate) fn take(&self, id: &RunId, claimed: impl FnOnce(&mut Progress) -> bool) -> bool {
        claimed(self.lock().entry(id.clone()).or_default())
    }

    /// Forgets a session's runs, once the object is gone.
    pub(crate) fn forget(&self, session_uid: &str) {
        self.lock().retain(|id, _| id.session_uid != session_uid);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Progress>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
