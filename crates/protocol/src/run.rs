//! The identity of a run: the one key by which ledger, results, transcript and children are found.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Names one run of one session, within one results target (repository and branch).
///
/// Cluster, UID and attempt are recorded beside a run but are never part of its key: a run happens once, wherever it
/// is looked up from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "RunKeyFields")]
pub struct RunKey {
    project: String,
    session: String,
    run: u32,
}

impl RunKey {
    /// Makes a key from a project, a session (both DNS labels of at most 63 characters) and a run number from 1.
    ///
    /// # Errors
    /// Names the part that is not a valid name or number.
    pub fn new(project: &str, session: &str, run: u32) -> Result<Self, InvalidRunKey> {
        check_label("project", project)?;
        check_label("session", session)?;
        if run == 0 {
            return Err(InvalidRunKey::Run);
        }
        Ok(Self { project: project.to_owned(), session: session.to_owned(), run })
    }

    /// The project, which is also the namespace.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The session's name within the project.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }

    /// The run's number, from 1.
    #[must_use]
    pub fn run(&self) -> u32 {
        self.run
    }

    /// `<session>-r<run>`: the file and folder name of the run in Git.
    #[must_use]
    pub fn slug(&self) -> String {
        format!("{}-r{}", self.session, self.run)
    }

    /// `ledger/<project>/<hh>/<session>-r<run>.yaml`, where `<hh>` spreads a project's entries over 256 folders so
    /// that no tree object grows without bound.
    #[must_use]
    pub fn ledger_path(&self) -> String {
        let slug = self.slug();
        let digest = Sha256::digest(slug.as_bytes());
        format!("ledger/{}/{:02x}/{slug}.yaml", self.project, digest[0])
    }

    /// `results/<project>/<yyyy-mm>/<session>-r<run>`, for the month pinned in the effective session.
    #[must_use]
    pub fn result_path(&self, month: &str) -> String {
        format!("results/{}/{month}/{}", self.project, self.slug())
    }

    /// `refs/ambient/transcripts/<project>/<session>-r<run>`.
    #[must_use]
    pub fn transcript_ref(&self) -> String {
        format!("refs/ambient/transcripts/{}/{}", self.project, self.slug())
    }

    /// `ambient/<project>/<session>-r<run>`: the branch for the agent's commits where the session names none.
    #[must_use]
    pub fn output_branch(&self) -> String {
        format!("ambient/{}/{}", self.project, self.slug())
    }

    /// This run's attempt with the given number, from 1.
    #[must_use]
    pub fn attempt(&self, attempt: u32) -> AttemptId {
        AttemptId { key: self.clone(), attempt }
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}-r{}", self.project, self.session, self.run)
    }
}

impl FromStr for RunKey {
    type Err = InvalidRunKey;

    /// Reads `<project>/<session>-r<run>`; the last `-r` counts, so session names may contain it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (project, slug) = text.split_once('/').ok_or(InvalidRunKey::Shape)?;
        let (session, run) = slug.rsplit_once("-r").ok_or(InvalidRunKey::Shape)?;
        Self::new(project, session, run.parse().map_err(|_| InvalidRunKey::Run)?)
    }
}

/// One try of a run: attempts share the run's volume and event log.
///
/// Its text is the AG-UI run id that the operator sends to start the first turn.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptId {
    /// The run.
    pub key: RunKey,
    /// From 1.
    pub attempt: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-a{}", self.key.slug(), self.attempt)
    }
}

/// Why a text or a set of values is no run key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRunKey {
    /// Not `<project>/<session>-r<run>`.
    #[error("a run is written <project>/<session>-r<run>, for example demo/first-run-r1")]
    Shape,
    /// The number is missing, zero or too large.
    #[error("a run number is a whole number from 1")]
    Run,
    /// A name is not a DNS label.
    #[error(
        "the {part} name \"{name}\" must be 1 to 63 lower-case letters, digits and '-', and begin and end with a letter or digit"
    )]
    Name {
        /// `project` or `session`.
        part: &'static str,
        /// The offending name.
        name: String,
    },
}

#[derive(Deserialize)]
struct RunKeyFields {
    project: String,
    session: String,
    run: u32,
}

impl TryFrom<RunKeyFields> for RunKey {
    type Error = InvalidRunKey;

    fn try_from(fields: RunKeyFields) -> Result<Self, Self::Error> {
        Self::new(&fields.project, &fields.session, fields.run)
    }
}

fn check_label(part: &'static str, name: &str) -> Result<(), InvalidRunKey> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let valid = (1..=63).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if valid { Ok(()) } else { Err(InvalidRunKey::Name { part, name: name.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_from_the_key_alone() {
        let key = RunKey::new("demo", "first-run", 2).unwrap();
        assert_eq!(key.to_string(), "demo/first-run-r2");
        assert_eq!(key.result_path("2026-11"), "results/demo/2026-11/first-run-r2");
        assert_eq!(key.transcript_ref(), "refs/ambient/transcripts/demo/first-run-r2");
        assert_eq!(key.output_branch(), "ambient/demo/first-run-r2");
        assert_eq!(key.attempt(3).to_string(), "first-run-r2-a3");
        let path = key.ledger_path();
        assert!(path.starts_with("ledger/demo/") && path.ends_with("/first-run-r2.yaml"), "{path}");
        assert_eq!(path.split('/').nth(2).map(str::len), Some(2));
    }

    #[test]
    fn text_and_key_round_trip() {
        for (text, expected) in [
            ("demo/first-run-r1", Some(("demo", "first-run", 1))),
            ("demo/a-r1-r22", Some(("demo", "a-r1", 22))),
            ("demo/a", None),
            ("a-r1", None),
            ("demo/a-r0", None),
            ("demo/a-rx", None),
            ("Demo/a-r1", None),
            ("demo/-a-r1", None),
        ] {
            let parsed = text.parse::<RunKey>().ok();
            let fields = parsed.as_ref().map(|key| (key.project(), key.session(), key.run()));
            assert_eq!(fields, expected, "{text}");
            if let Some(key) = parsed {
                assert_eq!(key.to_string(), text);
            }
        }
    }

    #[test]
    fn a_stored_key_is_checked_when_read() {
        let bad = serde_json::json!({"project": "demo", "session": "../x", "run": 1});
        assert!(serde_json::from_value::<RunKey>(bad).is_err());
    }
}
