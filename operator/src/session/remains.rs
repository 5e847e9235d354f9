//! What a lost attempt left: commits, changes, a log, perhaps an outcome, on a volume that nobody serves any more.
//!
//! Where no other attempt is made, a runner is started only to take it (docs/adr/0022). How the attempt was lost is
//! written on the volume first, so that the run ends by that, whoever records it.

use ambient_crds::labels;
use ambient_protocol::ledger::EndPhase;
use ambient_protocol::outcome::{ExitReason, Outcome};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{Client, ResourceExt as _};
use serde::{Deserialize, Serialize};

use super::volume;

/// How long a runner may take to come up for what was left: a volume that its node keeps cannot be had elsewhere.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// An attempt that was lost, and after which none is made but to take what it left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Loss {
    /// The attempt.
    pub(crate) attempt: u32,
    /// The phase that the run ends in.
    pub(crate) phase: EndPhase,
    /// The public reason that it ends by.
    pub(crate) reason: String,
    /// For people.
    pub(crate) message: String,
    /// When it was noticed.
    pub(crate) at: Timestamp,
}

impl Loss {
    /// What is written on a volume. Nobody else writes there; what cannot be read is as nothing.
    pub(super) fn of(volume: &PersistentVolumeClaim) -> Option<Self> {
        serde_json::from_str(volume.annotations().get(labels::LOST)?).ok()
    }

    /// Its message, and what comes of it now.
    #[must_use]
    pub(super) fn and(&self, more: &str) -> String {
        if self.message.is_empty() { more.to_owned() } else { format!("{}; {more}", self.message) }
    }

    /// When it is no longer waited for what was left.
    #[must_use]
    pub(super) fn given_up_at(&self) -> Timestamp {
        self.at.checked_add(PATIENCE).unwrap_or(Timestamp::MAX)
    }

    /// The outcome of the attempt that took what was left, as that of the run: by what it was lost.
    #[must_use]
    pub(super) fn told_of(&self, outcome: Outcome) -> Outcome {
        let exit = match self.phase {
            EndPhase::Completed => ExitReason::Completed,
            EndPhase::Stopped => ExitReason::Stopped,
            EndPhase::Failed if self.reason == ExitReason::OutOfMemory.as_str() => ExitReason::OutOfMemory,
            EndPhase::Failed => ExitReason::AgentLost,
        };
        Outcome { exit, message: self.message.clone(), ..outcome }
    }
}

/// Notes a loss. The first one counts.
///
/// # Errors
/// See [`volume::note`].
pub(super) async fn note(
    client: &Client,
    namespace: &str,
    volume: &str,
    loss: &Loss,
) -> Result<(), kube::Error> {
    let add = |found: &PersistentVolumeClaim| {
        let text = serde_json::to_string(loss).ok().filter(|_| Loss::of(found).is_none());
        text.map(|text| (labels::LOST, text))
    };
    volume::note(client, namespace, volume, add).await
}
