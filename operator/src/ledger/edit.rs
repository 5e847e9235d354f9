//! What a write means, as a pure function of the tree it is applied to.
//!
//! A write that lost a race is applied again to the new tip; one that was made before changes nothing. So each is
//! written as "make it so", never as "change this to that".

use std::collections::BTreeMap;

use ambient_protocol::documents::{from_yaml, to_yaml};
use ambient_protocol::ledger::{Claim, Ending, LedgerEntry};
use ambient_protocol::run::RunKey;

/// One write to a results branch.
#[derive(Debug, Clone)]
pub enum Edit {
    /// Claims a run that is about to start.
    Claim {
        /// The run.
        key: RunKey,
        /// Who claims it.
        claim: Claim,
        /// Whether a claim that was lost with its cluster is replaced (`retry.onLoss`).
        take_lost: bool,
    },
    /// Ends a run, with the files of its result.
    End {
        /// The run.
        key: RunKey,
        /// The claim it was started by; written too where the entry is missing.
        claim: Claim,
        /// How it ended.
        ending: Box<Ending>,
        /// Files of the result, by path from the root of the branch.
        files: BTreeMap<String, Vec<u8>>,
    },
}

impl Edit {
    /// The run it is about.
    #[must_use]
    pub fn key(&self) -> &RunKey {
        match self {
            Self::Claim { key, .. } | Self::End { key, .. } => key,
        }
    }

    /// A line for the log of the branch.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Claim { key, .. } => format!("{key}: claimed"),
            Self::End { key, ending, .. } => format!("{key}: {} ({})", ending.phase.as_str(), ending.reason),
        }
    }

    /// The files to set so that the tree is as this write wants it; none where it is so already.
    ///
    /// # Errors
    /// Says why the tree does not allow it; nothing is to be written then.
    pub fn changes(&self, read: &ReadFile<'_>) -> Result<Vec<FileChange>, EditRefusal> {
        let existing = existing_entry(self.key(), read)?;
        match self {
            Self::Claim { key, claim, take_lost } => claim_changes(key, claim, *take_lost, existing),
            Self::End { key, claim, ending, files } => end_changes(key, claim, ending, files, existing),
        }
    }
}

/// Reads a file of the tree; absence is no error, anything else is.
pub(super) type ReadFile<'a> = dyn Fn(&str) -> Result<Option<Vec<u8>>, String> + 'a;

/// One file to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// From the root of the branch.
    pub path: String,
    /// The whole content.
    pub content: Vec<u8>,
}

/// Why a write is not made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditRefusal {
    /// The run has ended before.
    #[error("{} has ended before", .0.run)]
    Ended(Box<LedgerEntry>),
    /// The run was claimed by another installation, or for another session object.
    #[error("{} was claimed by installation {} for session {}", .0.run, .0.claim.installation, .0.claim.session_uid)]
    Claimed(Box<LedgerEntry>),
    /// The entry that is there cannot be read: nothing is started or overwritten.
    #[error("ledger entry {path} cannot be read: {message}")]
    Unreadable {
        /// Its path.
        path: String,
        /// What is wrong.
        message: String,
    },
}

fn existing_entry(key: &RunKey, read: &ReadFile<'_>) -> Result<Option<LedgerEntry>, EditRefusal> {
    let path = key.ledger_path();
    let unreadable = |message: String| EditRefusal::Unreadable { path: path.clone(), message };
    let Some(bytes) = read(&path).map_err(unreadable)? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    from_yaml(&text).map(Some).map_err(|error| unreadable(error.to_string()))
}

fn claim_changes(
    key: &RunKey,
    claim: &Claim,
    take_lost: bool,
    existing: Option<LedgerEntry>,
) -> Result<Vec<FileChange>, EditRefusal> {
    match existing {
        None => Ok(vec![entry_file(&LedgerEntry::claimed(key.clone(), claim.clone()))?]),
        Some(entry) if entry.ended.is_some() => Err(EditRefusal::Ended(Box::new(entry))),
        Some(entry) if same_claimant(&entry.claim, claim) => Ok(Vec::new()),
        Some(_) if take_lost => Ok(vec![entry_file(&LedgerEntry::claimed(key.clone(), claim.clone()))?]),
        Some(entry) => Err(EditRefusal::Claimed(Box::new(entry))),
    }
}

fn end_changes(
    key: &RunKey,
    claim: &Claim,
    ending: &Ending,
    files: &BTreeMap<String, Vec<u8>>,
    existing: Option<LedgerEntry>,
) -> Result<Vec<FileChange>, EditRefusal> {
    let entry = match existing {
        Some(entry) if entry.ended.as_ref() == Some(ending) => return Ok(Vec::new()),
        Some(entry) if entry.ended.is_some() => return Err(EditRefusal::Ended(Box::new(entry))),
        Some(entry) => entry,
        None => LedgerEntry::claimed(key.clone(), claim.clone()),
    };
    let mut changes = vec![entry_file(&entry.ended(ending.clone()))?];
    changes.extend(
        files.iter().map(|(path, content)| FileChange { path: path.clone(), content: content.clone() }),
    );
    Ok(changes)
}

fn same_claimant(one: &Claim, other: &Claim) -> bool {
    one.installation == other.installation
        && one.cluster == other.cluster
        && one.session_uid == other.session_uid
}

fn entry_file(entry: &LedgerEntry) -> Result<FileChange, EditRefusal> {
    let path = entry.run.ledger_path();
    match to_yaml(entry) {
        Ok(text) => Ok(FileChange { path, content: text.into_bytes() }),
        Err(error) => Err(EditRefusal::Unreadable { path, message: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use ambient_protocol::ledger::EndPhase;
    use ambient_protocol::usage::Usage;

    use super::*;

    fn key() -> RunKey {
        RunKey::new("demo", "first", 1).unwrap()
    }

    fn claim(uid: &str, cluster: &str) -> Claim {
        Claim {
            at: "2026-11-21T10:00:00Z".parse().unwrap(),
            installation: "local".to_owned(),
            cluster: cluster.to_owned(),
            epoch: 1,
            session_uid: uid.to_owned(),
            source: None,
            effective_digest: "sha256:0".to_owned(),
            result_path: "results/demo/2026-11/first-r1".to_owned(),
        }
    }

    fn ending(phase: EndPhase) -> Box<Ending> {
        Box::new(Ending {
            at: "2026-11-21T10:01:00Z".parse().unwrap(),
            phase,
            reason: phase.as_str().to_owned(),
            message: String::new(),
            attempt: 1,
            usage: Usage::default(),
            has_result: true,
            transcript: None,
            outputs: Vec::new(),
        })
    }

    fn claim_edit(uid: &str, cluster: &str) -> Edit {
        Edit::Claim { key: key(), claim: claim(uid, cluster), take_lost: false }
    }

    fn take_lost(uid: &str, cluster: &str) -> Edit {
        Edit::Claim { key: key(), claim: claim(uid, cluster), take_lost: true }
    }

    fn end_edit(phase: EndPhase) -> Edit {
        let files = [("results/x/README.md".to_owned(), b"hi".to_vec())].into();
        Edit::End { key: key(), claim: claim("u", "c"), ending: ending(phase), files }
    }

    /// Applies edits one after the other and says how each went: number of files, or the refusal's kind.
    fn story(edits: &[Edit]) -> Vec<Result<usize, &'static str>> {
        let mut tree: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut results = Vec::new();
        for edit in edits {
            let outcome = edit.changes(&|path| Ok(tree.get(path).cloned()));
            results.push(match &outcome {
                Ok(changes) => Ok(changes.len()),
                Err(EditRefusal::Ended(_)) => Err("ended"),
                Err(EditRefusal::Claimed(_)) => Err("claimed"),
                Err(EditRefusal::Unreadable { .. }) => Err("unreadable"),
            });
            tree.extend(outcome.unwrap_or_default().into_iter().map(|change| (change.path, change.content)));
        }
        results
    }

    #[test]
    fn a_run_is_claimed_once_and_ended_once() {
        let again = claim_edit("u", "c");
        let cases = [
            ("claim, repeated", vec![claim_edit("u", "c"), again.clone()], vec![Ok(1), Ok(0)]),
            ("another object", vec![again.clone(), claim_edit("v", "c")], vec![Ok(1), Err("claimed")]),
            ("a lost claim, taken", vec![again.clone(), take_lost("v", "d")], vec![Ok(1), Ok(1)]),
            ("another cluster", vec![again.clone(), claim_edit("u", "d")], vec![Ok(1), Err("claimed")]),
            (
                "end, repeated",
                vec![again.clone(), end_edit(EndPhase::Completed), end_edit(EndPhase::Completed)],
                vec![Ok(1), Ok(2), Ok(0)],
            ),
            (
                "an ended run is not ended otherwise",
                vec![end_edit(EndPhase::Completed), end_edit(EndPhase::Failed)],
                vec![Ok(2), Err("ended")],
            ),
            ("nor claimed", vec![end_edit(EndPhase::Completed), again], vec![Ok(2), Err("ended")]),
        ];
        for (name, edits, expected) in cases {
            assert_eq!(story(&edits), expected, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_never_taken_for_absent() {
        let broken = claim_edit("u", "c").changes(&|_| Ok(Some(b"run: [".to_vec())));
        let failing = claim_edit("u", "c").changes(&|_| Err("object missing".to_owned()));
        for outcome in [broken, failing] {
            assert!(matches!(outcome, Err(EditRefusal::Unreadable { .. })), "{outcome:?}");
        }
    }
}
