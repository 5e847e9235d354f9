//! One run as its page shows it: from the session's status while it lives there, from the record once Git has it.

use ambient_crds::AgenticSession;
use ambient_crds::session::AgenticSessionStatus;
use ambient_protocol::records::Record;
use ambient_protocol::result::Output;
use jiff::Timestamp;

use super::link::{self, Place};
use super::numbers::{self, Moment};
use super::phase::{self, Badge};
use super::text::{clean, short_commit};
use crate::runs::Target;

/// What is known of a run besides its conversation. Absent facts are not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunView {
    /// Where it stands.
    pub(crate) badge: Badge,
    /// The attempt, if there was more than one.
    pub(crate) attempt: Option<u32>,
    /// The runner type.
    pub(crate) runner: Option<String>,
    /// The model.
    pub(crate) model: Option<String>,
    /// Who asked, for display.
    pub(crate) requested_by: Option<String>,
    /// When the agent started.
    pub(crate) started: Option<Moment>,
    /// How long it took, once it has ended.
    pub(crate) lasted: Option<String>,
    /// What it consumed.
    pub(crate) usage: Option<UsageView>,
    /// Where it came from.
    pub(crate) source: Option<SourceView>,
    /// What the agent says it did.
    pub(crate) summary: Option<String>,
    /// What it left in repositories.
    pub(crate) outputs: Vec<OutputView>,
    /// Where its result is.
    pub(crate) result: Option<ResultView>,
    /// What holds of it and why.
    pub(crate) conditions: Vec<ConditionView>,
}

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

impl RunView {
    /// What session and record together say of a run. The record is the last word on a run that is over.
    pub(crate) fn new(target: &Target, record: Option<&Record>, now: Timestamp) -> Self {
        let live = target.session.as_ref().filter(|_| target.is_current());
        let mut view = live.map_or_else(Self::unknown, |session| Self::of_session(session, now));
        if let Some(record) = record {
            view.add_record(record, now);
        }
        view
    }

    fn unknown() -> Self {
        Self {
            badge: Badge::of_ending(None),
            attempt: None,
            runner: None,
            model: None,
            requested_by: None,
            started: None,
            lasted: None,
            usage: None,
            source: None,
            summary: None,
            outputs: Vec::new(),
            result: None,
            conditions: Vec::new(),
        }
    }

    fn of_session(session: &AgenticSession, now: Timestamp) -> Self {
        let default = AgenticSessionStatus::default();
        let (spec, status) = (&session.spec, session.status.as_ref().unwrap_or(&default));
        let started = status.start_time.as_ref().map(|time| time.0);
        let ended = status.completion_time.as_ref().map(|time| time.0);
        let settings = spec.llm_settings.as_ref();
        let user = spec.user_context.as_ref();
        let asked_by = user.and_then(|user| user.display_name.as_deref().or(user.user_id.as_deref()));
        Self {
            badge: Badge::of_session(session),
            attempt: status
                .attempt
                .and_then(|attempt| u32::try_from(attempt).ok())
                .filter(|attempt| *attempt > 1),
            runner: spec.runner_type.as_deref().map(clean),
            model: settings.and_then(|settings| settings.model.as_deref()).map(clean),
            requested_by: asked_by.map(clean),
            started: started.map(|at| Moment::new(at, now)),
            lasted: started.zip(ended).map(|(at, end)| numbers::duration(end.as_second() - at.as_second())),
            usage: status.usage.as_ref().map(usage_of_status),
            source: status
                .source
                .as_ref()
                .map(|source| source_view(&source.repo, source.path.as_deref(), source.commit.as_deref())),
            summary: status.result.as_ref().and_then(|result| result.summary.as_deref()).and_then(filled),
            outputs: status.outputs.iter().map(output_of_status).collect(),
            result: result_of_status(status),
            conditions: status.conditions.iter().map(|condition| condition_view(condition, now)).collect(),
        }
    }

    fn add_record(&mut self, record: &Record, now: Timestamp) {
        let (entry, result) = (&record.entry, record.result.as_ref());
        if let Some(ending) = &entry.ended {
            self.badge = Badge::of_ending(Some((ending.phase, &ending.reason, &ending.message)));
            self.attempt = Some(ending.attempt).filter(|attempt| *attempt > 1);
            self.usage = Some(usage_view(&ending.usage));
            self.outputs = ending.outputs.iter().map(output_view).collect();
        }
        let source = entry.claim.source.as_ref();
        if let Some(source) = source {
            self.source = Some(source_view(&source.repository, Some(&source.path), source.commit.as_deref()));
        }
        // The record knows the branch, the status knows the commit that recorded this very run.
        let commit = self.result.take().and_then(|result| result.commit);
        self.result = Some(result_view(record, commit));
        let Some(result) = result else { return };
        self.runner = Some(clean(&result.effective.runner_type));
        self.model = result.effective.model.as_deref().map(clean).or(self.model.take());
        self.requested_by = result.requested_by.as_deref().map(clean).or(self.requested_by.take());
        self.started = Some(Moment::new(result.started_at, now));
        self.lasted = Some(numbers::duration(result.ended_at.as_second() - result.started_at.as_second()));
        self.summary = filled(&result.outcome.summary).or(self.summary.take());
        self.outputs = result.outputs.iter().map(output_view).collect();
    }
}

fn filled(text: &str) -> Option<String> {
    let text = clean(text);
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}

fn usage_of_status(usage: &ambient_crds::session::SessionUsage) -> UsageView {
    let number = |value: i64| u64::try_from(value).unwrap_or_default();
    usage_view(&ambient_protocol::Usage {
        input_tokens: number(usage.input_tokens),
        output_tokens: number(usage.output_tokens),
        cached_input_tokens: number(usage.cached_input_tokens),
        cost_usd: usage.cost_usd,
        turns: u32::try_from(usage.turns).unwrap_or_default(),
    })
}

/// What was consumed, as it is shown.
pub(crate) fn usage_view(usage: &ambient_protocol::Usage) -> UsageView {
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

fn source_view(repository: &str, path: Option<&str>, commit: Option<&str>) -> SourceView {
    SourceView {
        repository: link::place(&clean(repository)),
        path: path.map(clean),
        commit: commit.map(|id| commit_view(repository, id)),
    }
}

fn output_of_status(output: &ambient_crds::session::SessionOutput) -> OutputView {
    OutputView {
        repository: link::place(&clean(&output.repo)),
        branch: output.branch.as_deref().map(clean),
        commit: output.commit.as_deref().map(|id| commit_view(&output.repo, id)),
        pull_request: output.pull_request.as_deref().map(|address| link::place(&clean(address))),
        size: None,
        refused: Vec::new(),
    }
}

fn output_view(output: &Output) -> OutputView {
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

fn result_of_status(status: &AgenticSessionStatus) -> Option<ResultView> {
    let commit = status.result_commit.as_deref()?;
    Some(ResultView {
        target: None,
        commit: Some(commit_view("", commit)),
        folder: None,
        ledger: None,
        transcript: status.transcript_ref.as_deref().map(clean),
    })
}

fn result_view(record: &Record, commit: Option<CommitView>) -> ResultView {
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

fn condition_view(
    condition: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition,
    now: Timestamp,
) -> ConditionView {
    ConditionView {
        kind: clean(&condition.type_),
        tone: phase::condition_tone(&condition.type_, &condition.status, &condition.reason),
        reason: clean(&condition.reason),
        message: clean(&condition.message),
        since: Moment::new(condition.last_transition_time.0, now),
    }
}
