//! The single facts of a run, each as it is shown, whether a session's status or a record tells it.

use ambient_crds::session::{AgenticSessionStatus, SessionOutput, SessionUsage};
use ambient_protocol::Usage;
use ambient_protocol::records::Record;
use ambient_protocol::result::Output;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::link::{self, Place};
use super::numbers::{self, Moment};
use super::phase;
use super::text::{clean, short_commit};

/// What a run consumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsageView {
    /// Money, if known.
    pub(crate) cost: Option<String>,
    /// Tokens read, those from a cache included.
    pub(crate) input: String,
    /// Tokens written.
    pub(crate) output: String,
    /// Tokens read from a cache, if any.
    pub(crate) cached: Option<String>,
    /// Turns of the model.
    pub(crate) turns: u32,
}

/// The document a run came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceView {
    /// The repository.
    pub(crate) repository: Place,
    /// The file within it.
    pub(crate) path: Option<String>,
    /// The commit.
    pub(crate) commit: Option<CommitView>,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitView {
    /// The whole id.
    pub(crate) id: String,
    /// Its first characters.
    pub(crate) short: String,
    /// Its page, if its repository has pages.
    pub(crate) href: Option<String>,
}

/// What a run left in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutputView {
    /// The repository.
    pub(crate) repository: Place,
    /// The branch.
    pub(crate) branch: Option<String>,
    /// Its last commit.
    pub(crate) commit: Option<CommitView>,
    /// The pull request.
    pub(crate) pull_request: Option<Place>,
    /// `3 files +10 −2`, where known.
    pub(crate) size: Option<(u32, u64, u64)>,
    /// Why its commits were not pushed.
    pub(crate) refused: Vec<String>,
}

/// Where a result is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResultView {
    /// The results repository and branch, where known.
    pub(crate) target: Option<(Place, String)>,
    /// The commit that recorded it, where known.
    pub(crate) commit: Option<CommitView>,
    /// The folder on the branch.
    pub(crate) folder: Option<String>,
    /// The ledger entry on the branch.
    pub(crate) ledger: Option<String>,
    /// The ref of the transcript.
    pub(crate) transcript: Option<String>,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConditionView {
    /// What is judged.
    pub(crate) kind: String,
    /// The style's class.
    pub(crate) tone: &'static str,
    /// Why.
    pub(crate) reason: String,
    /// Why, for people.
    pub(crate) message: String,
    /// Since when.
    pub(crate) since: Moment,
}

/// What a status says was consumed.
pub(super) fn usage_of_status(usage: &SessionUsage) -> UsageView {
    let number = |value: i64| u64::try_from(value).unwrap_or_default();
    usage_view(&Usage {
        input_tokens: number(usage.input_tokens),
        output_tokens: number(usage.output_tokens),
        cached_input_tokens: number(usage.cached_input_tokens),
        cost_usd: usage.cost_usd,
        reported_cost_usd: None,
        turns: u32::try_from(usage.turns).unwrap_or_default(),
    })
}

/// What was consumed, as it is shown.
pub(super) fn usage_view(usage: &Usage) -> UsageView {
    UsageView {
        cost: usage.cost_usd.map(numbers::money),
        input: numbers::count(usage.input_tokens),
        output: numbers::count(usage.output_tokens),
        cached: Some(usage.cached_input_tokens).filter(|cached| *cached > 0).map(numbers::count),
        turns: usage.turns,
    }
}

fn commit_view(repository: &str, id: &str) -> CommitView {
    let id = clean(id);
    CommitView { short: short_commit(&id), href: link::commit(repository, &id), id }
}

/// Where a run came from.
pub(super) fn source_view(repository: &str, path: Option<&str>, commit: Option<&str>) -> SourceView {
    SourceView {
        repository: link::place(&clean(repository)),
        path: path.map(clean),
        commit: commit.map(|id| commit_view(repository, id)),
    }
}

/// What a status says of one repository.
pub(super) fn output_of_status(output: &SessionOutput) -> OutputView {
    OutputView {
        repository: link::place(&clean(&output.repo)),
        branch: output.branch.as_deref().map(clean),
        commit: output.commit.as_deref().map(|id| commit_view(&output.repo, id)),
        pull_request: output.pull_request.as_deref().map(|address| link::place(&clean(address))),
        size: None,
        refused: Vec::new(),
    }
}

/// What a record says of one repository.
pub(super) fn output_view(output: &Output) -> OutputView {
    let diff = output.diff;
    OutputView {
        repository: link::place(&clean(&output.repo)),
        branch: output.branch.as_deref().map(clean),
        commit: output.commit.as_deref().map(|id| commit_view(&output.repo, id)),
        pull_request: output.pull_request.as_deref().map(|address| link::place(&clean(address))),
        size: Some((diff.files, diff.insertions, diff.deletions)),
        refused: output.refused.iter().map(|reason| clean(reason)).collect(),
    }
}

/// Where a status says the result is.
pub(super) fn result_of_status(status: &AgenticSessionStatus) -> Option<ResultView> {
    let commit = status.result_commit.as_deref()?;
    Some(ResultView {
        target: None,
        commit: Some(commit_view("", commit)),
        folder: None,
        ledger: None,
        transcript: status.transcript_ref.as_deref().map(clean),
    })
}

/// Where a record says the result is; the commit that recorded it is known to the status alone.
pub(super) fn result_view(record: &Record, commit: Option<CommitView>) -> ResultView {
    let ending = record.entry.ended.as_ref();
    let transcript = ending.and_then(|ending| ending.transcript.as_ref());
    let has_result = ending.is_some_and(|ending| ending.has_result);
    ResultView {
        target: Some((link::place(&clean(&record.repository)), clean(&record.branch))),
        commit: commit.map(|commit| commit_view(&record.repository, &commit.id)),
        folder: has_result.then(|| clean(&record.entry.claim.result_path)),
        ledger: Some(clean(&record.ledger_path)),
        transcript: transcript.map(|transcript| clean(&transcript.reference)),
    }
}

/// A condition, seen from `now`.
pub(super) fn condition_view(condition: &Condition, now: Timestamp) -> ConditionView {
    ConditionView {
        kind: clean(&condition.type_),
        tone: phase::condition_tone(&condition.type_, &condition.status, &condition.reason),
        reason: clean(&condition.reason),
        message: clean(&condition.message),
        since: Moment::new(condition.last_transition_time.0, now),
    }
}
