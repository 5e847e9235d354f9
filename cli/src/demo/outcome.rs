//! What came back, read from the repositories and from nowhere else.

use ambient_crds::phase::Phase;
use ambient_git::Mirror;
use ambient_protocol::documents::from_yaml;
use ambient_protocol::ledger::LedgerEntry;
use ambient_protocol::run::RunKey;
use anyhow::Context as _;
use serde::Serialize;

use super::follow::Ended;
use super::repositories::DemoRepositories;
use super::{PROJECT, SESSION};
use crate::output::{Progress, clean};

/// Most bytes of a patch that is printed.
const SHOWN: usize = 1024 * 1024;

/// The outcome of a demo; its JSON is a promise to scripts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DemoOutcome {
    project: String,
    session: String,
    run: u32,
    phase: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    repository: String,
    result_branch: String,
    result_commit: Option<String>,
    ledger_path: String,
    result_path: Option<String>,
    transcript_ref: Option<String>,
    outputs: Vec<DemoOutput>,
    events: u64,
    duration_seconds: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DemoOutput {
    repo: String,
    branch: Option<String>,
    commit: Option<String>,
    /// Why the agent's commits were not pushed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
}

const RESULTS: &str = ambient_crds::labels::DEFAULT_RESULTS_BRANCH;
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

impl DemoOutcome {
    /// Reads the ledger entry of the run from the results branch.
    pub(crate) fn read(ended: &Ended, repositories: &DemoRepositories, seconds: f64) -> anyhow::Result<Self> {
        let run = ended.status.run.unwrap_or_default().get();
        let key = RunKey::new(PROJECT, SESSION, run)?;
        let entry = entry(repositories, &key)?;
        let ending = entry.as_ref().and_then(|entry| entry.ended.clone());
        let transcript = ending.as_ref().and_then(|ending| ending.transcript.clone());
        let outputs = ending.iter().flat_map(|ending| &ending.outputs);
        let phase = ended.status.phase.map_or("Pending", Phase::as_str);
        let (reason, message) = cause(ended);
        Ok(Self {
            project: PROJECT.to_owned(),
            session: SESSION.to_owned(),
            run,
            phase: ending.as_ref().map_or(phase, |ending| ending.phase.as_str()).to_owned(),
            reason,
            message,
            repository: repositories.platform.display().to_string(),
            result_branch: RESULTS.to_owned(),
            result_commit: ended.status.result_commit.clone(),
            ledger_path: key.ledger_path(),
            result_path: entry.map(|entry| entry.claim.result_path),
            events: transcript.as_ref().map_or(0, |transcript| transcript.events),
            transcript_ref: transcript.map(|transcript| transcript.reference),
            outputs: outputs
                .map(|output| DemoOutput {
                    repo: output.repo.clone(),
                    branch: output.branch.clone(),
                    commit: output.commit.clone(),
                    refused: output.refused.clone(),
                })
                .collect(),
            duration_seconds: (seconds * 1000.0).round() / 1000.0,
        })
    }

    /// Whether the run completed and its result is on the remote.
    pub(crate) fn succeeded(&self) -> bool {
        let recorded = self.result_commit.is_some() && self.result_path.is_some();
        self.phase == Phase::Completed.as_str() && recorded && !self.is_refused()
    }

    fn is_refused(&self) -> bool {
        self.outputs.iter().any(|output| !output.refused.is_empty())
    }

    /// Says why a run that completed is no success.
    pub(crate) fn say_what_was_refused(&self, progress: &Progress) {
        if self.is_refused() {
            progress.line("The agent's commits were refused, so this demo has not succeeded:");
        }
        for (output, reason) in
            self.outputs.iter().flat_map(|output| output.refused.iter().map(move |reason| (output, reason)))
        {
            progress.line(&format!("  not pushed to {}: {}", output.repo, clean(reason)));
        }
    }

    /// Shows what came back, and how to look at it with plain Git.
    pub(crate) fn explain(&self, progress: &Progress, repositories: &DemoRepositories) {
        progress.line("");
        if !self.succeeded() && !self.is_refused() {
            let reason = self.reason.as_deref().unwrap_or("unknown");
            let message = self.message.as_deref().unwrap_or_default();
            progress.line(&format!("The run did not complete: {} {reason}: {message}", self.phase));
            return;
        }
        progress.line("What came back:\n");
        for output in &self.outputs {
            if let (Some(branch), Some(commit)) = (&output.branch, &output.commit) {
                progress.line(&format!("  the agent's branch  {branch} of {}", output.repo));
                progress.line(&self.patch(repositories, commit).unwrap_or_else(|error| format!("  {error}")));
                progress.line(&format!("    git -C {} log -p {branch}", output.repo));
            }
        }
        let result = self.result_path.as_deref().unwrap_or_default();
        let transcript = self.transcript_ref.as_deref().unwrap_or_default();
        let repository = &self.repository;
        progress.line(&format!("\n  the ledger entry    {}", self.ledger_path));
        progress.line(&format!("    git -C {repository} show {RESULTS}:{}", self.ledger_path));
        progress.line(&format!("  the result          {result}/"));
        progress.line(&format!("    git -C {repository} show {RESULTS}:{result}/README.md"));
        progress.line(&format!("  the transcript      {transcript} ({} events)", self.events));
        progress.line(&format!("    git -C {repository} show {transcript}:events.jsonl"));
    }

    fn patch(&self, repositories: &DemoRepositories, commit: &str) -> anyhow::Result<String> {
        let target = Mirror::open(&repositories.target)?;
        let commit = commit.parse()?;
        let base = target.branch("main")?.context("the branch main has gone")?;
        let patch = target.patch(base, commit, SHOWN)?;
        let text = String::from_utf8_lossy(&patch.text).into_owned();
        let lines: Vec<_> = text.lines().map(|line| format!("    {}", clean(line))).collect();
        Ok(lines.join("\n"))
    }
}

fn cause(ended: &Ended) -> (Option<String>, Option<String>) {
    use ambient_crds::conditions::ConditionType;
    let ready = ambient_kit::conditions::find(&ended.status.conditions, ConditionType::Ready.as_str());
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ready.map_or((None, None), |ready| (filled(&ready.reason), filled(&ready.message)))
}

fn entry(repositories: &DemoRepositories, key: &RunKey) -> anyhow::Result<Option<LedgerEntry>> {
    let repository = Mirror::open(&repositories.platform)?;
    let Some(tip) = repository.branch(RESULTS)? else { return Ok(None) };
    let tree = repository.commit(tip)?.tree;
    let content = repository.file(tree, &key.ledger_path(), FILE_LIMIT)?;
    let text = content.map(|content| String::from_utf8_lossy(&content).into_owned());
    Ok(text.map(|text| from_yaml(&text)).transpose()?)
}
