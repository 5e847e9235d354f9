//! One run as its page shows it: from the session's status while it lives there, from the record once Git has it.

use ambient_crds::AgenticSession;
use ambient_crds::session::AgenticSessionStatus;
use ambient_protocol::records::Record;
use jiff::Timestamp;

use super::facts::{
    ConditionView, OutputView, ResultView, SourceView, UsageView, condition_view, output_of_status,
    output_view, result_of_status, result_view, source_view, usage_of_status, usage_view,
};
use super::numbers::{self, Moment};
use super::phase::Badge;
use super::text::clean;
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

impl RunView {
    /// What session and record together say of a run. The record is the last word on a run that is over.
    pub(crate) fn new(target: &Target, record: Option<&Record>, now: Timestamp) -> Self {
        let live = target.session.as_ref().filter(|_| target.is_current());
        let mut view = match live {
            Some(session) => Self::of_session(session, now),
            None if record.is_some() => Self::bare(Badge::claimed()),
            None if target.is_over() => Self::bare(Badge::not_known()),
            None => Self::bare(Badge::not_started()),
        };
        if let Some(record) = record {
            view.add_record(record, now);
        }
        view
    }

    fn bare(badge: Badge) -> Self {
        Self {
            badge,
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
            self.badge = Badge::of_ending(ending);
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
