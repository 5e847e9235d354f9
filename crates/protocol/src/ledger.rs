//! The ledger: one small document a run, on the results branch, that says it was claimed and how it ended.
//!
//! It is what makes a run happen once across restarts, leader changes and lost clusters (rules 11, 13, 15).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::documents::API_VERSION;
use crate::effective::SourceReference;
use crate::installation::Installation;
use crate::result::Output;
use crate::run::RunKey;
use crate::usage::Usage;

/// One run's entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    /// [`API_VERSION`].
    pub api_version: String,
    /// `LedgerEntry`.
    pub kind: String,
    /// The run.
    pub run: RunKey,
    /// Who started it.
    pub claim: Claim,
    /// How it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ending>,
}

impl LedgerEntry {
    /// The entry of a run that is about to start.
    #[must_use]
    pub fn claimed(run: RunKey, claim: Claim) -> Self {
        Self { api_version: API_VERSION.to_owned(), kind: "LedgerEntry".to_owned(), run, claim, ended: None }
    }

    /// The same entry, ended. A run that has ended stays as it ended first: history is not rewritten.
    #[must_use]
    pub fn ended(mut self, ending: Ending) -> Self {
        self.ended.get_or_insert(ending);
        self
    }

    /// Whether the claim was made by this installation, in this cluster, for the session with this UID.
    #[must_use]
    pub fn claimed_by(&self, installation: &Installation, session_uid: &str) -> bool {
        self.claim.cluster == installation.cluster
            && self.claim.installation == installation.name
            && self.claim.session_uid == session_uid
    }
}

/// Who started a run, and from what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// When.
    pub at: Timestamp,
    /// The installation's name.
    pub installation: String,
    /// Its cluster's id.
    pub cluster: String,
    /// Its epoch.
    pub epoch: u64,
    /// UID of the session object; recorded, never a key.
    pub session_uid: String,
    /// The document it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceReference>,
    /// Digest of the effective session.
    pub effective_digest: String,
    /// The folder that will hold the result.
    pub result_path: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// When the agent ended, or the loss was noticed.
    pub at: Timestamp,
    /// The phase it ended in.
    pub phase: EndPhase,
    /// A public reason, in PascalCase.
    pub reason: String,
    /// One sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The attempt that ended it.
    pub attempt: u32,
    /// What it consumed.
    pub usage: Usage,
    /// Whether the folder named by the claim holds a result.
    pub has_result: bool,
    /// The transcript, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<TranscriptReference>,
    /// What it left in repositories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
}

/// The phases in which a run can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EndPhase {
    /// The agent reached its end.
    Completed,
    /// It did not.
    Failed,
    /// A person or a source stopped it.
    Stopped,
}

impl EndPhase {
    /// The phase's name as sessions show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Stopped => "Stopped",
        }
    }
}

/// Where a transcript is, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TranscriptReference {
    /// The ref that holds it.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The parentless commit.
    pub commit: String,
    /// Number of events of the run, which is also the last sequence number.
    pub events: u64,
    /// `sha256:<hex>` of `events.jsonl` as stored.
    pub digest: String,
    /// Whether the middle was cut out because of the size cap.
    #[serde(default)]
    pub truncated: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::{from_yaml, to_yaml};

    fn entry() -> LedgerEntry {
        let claim = Claim {
            at: "2026-11-21T10:00:00Z".parse().unwrap(),
            installation: "yes".to_owned(),
            cluster: "0755".to_owned(),
            epoch: 1,
            session_uid: "u-1".to_owned(),
            source: None,
            effective_digest: "sha256:00".to_owned(),
            result_path: "results/demo/2026-11/first-run-r1".to_owned(),
        };
        LedgerEntry::claimed(RunKey::new("demo", "first-run", 1).unwrap(), claim)
    }

    fn ending(phase: EndPhase) -> Ending {
        Ending {
            at: "2026-11-21T10:01:00Z".parse().unwrap(),
            phase,
            reason: "Completed".to_owned(),
            message: String::new(),
            attempt: 1,
            usage: Usage::default(),
            has_result: true,
            transcript: None,
            outputs: Vec::new(),
        }
    }

    #[test]
    fn an_entry_survives_yaml_and_its_ambiguous_strings_stay_strings() {
        let entry = entry().ended(ending(EndPhase::Completed));
        let text = to_yaml(&entry).unwrap();
        assert_eq!(from_yaml::<LedgerEntry>(&text).unwrap(), entry, "{text}");
        assert!(text.contains("installation: \"yes\"") || text.contains("installation: 'yes'"), "{text}");
    }

    #[test]
    fn the_first_ending_stays() {
        let entry = entry().ended(ending(EndPhase::Completed)).ended(ending(EndPhase::Failed));
        assert_eq!(entry.ended.map(|ending| ending.phase), Some(EndPhase::Completed));
    }

    #[test]
    fn fields_of_later_versions_are_ignored() {
        let text = to_yaml(&entry()).unwrap() + "later: true\n";
        assert!(from_yaml::<LedgerEntry>(&text).is_ok());
    }
}
