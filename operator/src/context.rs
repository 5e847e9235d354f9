//! What the operator's controllers share.

use std::sync::{Arc, OnceLock};

use ambient_crds::AgenticSession;
use ambient_git::LocalRepositories;
use ambient_kit::Clock;
use ambient_kit::retry::Backoff;
use ambient_protocol::installation::Installation;
use ambient_protocol::token::Signer;
use kube::Client;
use kube::runtime::reflector::{ObjectRef, Store};

use crate::agents::Agents;
use crate::ledger::ResultsTargets;
use crate::session::{Broker, PodShape, ProgressBoard, Pursuits, RunId, Slots};

/// Handles and settings of one operator.
pub(crate) struct Context {
    /// The cluster.
    pub client: Client,
    /// Who we are on results branches.
    pub installation: Installation,
    /// How each runner type is run.
    pub agents: Agents,
    /// Who lends keys to runs.
    pub broker: Option<Broker>,
    /// Signs tokens for runners.
    pub signer: Arc<Signer>,
    /// Public keys that runners trust, one a line.
    pub public_keys: String,
    /// Whether repositories may be paths of this machine.
    pub local_repositories: LocalRepositories,
    /// Which containers a session's pod has.
    pub pod_shape: PodShape,
    /// Results branches: ledger, results, transcripts.
    pub results: ResultsTargets,
    /// What is known of runs.
    pub board: ProgressBoard,
    /// Tasks that follow runners.
    pub pursuits: Pursuits,
    /// Who may run.
    pub slots: Slots,
    /// The sessions of the cluster, once they are watched.
    pub sessions: OnceLock<Store<AgenticSession>>,
    /// Delays after failures, by namespace and name.
    pub backoff: Backoff<String>,
    /// What tells the time by which sessions are judged; tokens go by the system's.
    pub clock: Clock,
}

impl Context {
    /// Whether the session object of a run is in the cluster, as far as that is known.
    pub(crate) fn has_session(&self, id: &RunId) -> bool {
        let reference = ObjectRef::new(id.key.session()).within(id.key.project());
        let Some(sessions) = self.sessions.get() else { return true };
        sessions.get(&reference).is_some_and(|found| found.metadata.uid.as_ref() == Some(&id.session_uid))
    }
}
