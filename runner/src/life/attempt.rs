//! One attempt: what is found on the volume, the workspace, the turns, the outcome.

use std::sync::Arc;
use std::time::Duration;

use ambient_git::LocalRepositories;
use ambient_protocol::attendance::COLLECTING;
use ambient_protocol::capabilities::AgentFeature;
use ambient_protocol::outcome::{ExitReason, RepositoryOutcome};
use ambient_protocol::{Event, Outcome, RunAgentInput};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::conversation::ConversationName;
use super::ending::ending_event;
use super::model::ChosenModel;
use super::{Ending, RunnerError};
use crate::bridge::Bridge;
use crate::carrier::Carrier;
use crate::clock;
use crate::config::Config;
use crate::lending::Lending;
use crate::log::Recorder;
use crate::orders::Order;
use crate::server::{Desk, Stage};
use crate::state::StateFolder;
use crate::turn::TurnEnd;
use crate::workspace::{self, CheckoutRules, WorkspaceRecord};

/// How long what the agent left may be collected before that is said.
const A_WHILE: Duration = Duration::from_secs(5);

/// One attempt, and all it works with.
pub(super) struct Attempt {
    pub(super) config: Config,
    pub(super) lending: Option<Lending>,
    pub(super) carrier: Arc<dyn Carrier>,
    pub(super) bridge: Box<dyn Bridge>,
    pub(super) state: StateFolder,
    pub(super) recorder: Recorder,
    pub(super) desk: Desk,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) conversation: ConversationName,
    pub(super) model: ChosenModel,
    /// Cancelled when the pod is told to end.
    pub(super) shutdown: CancellationToken,
    /// Turns that this attempt has begun.
    pub(super) turns: u32,
}

impl Attempt {
    /// Works until there is an outcome, then serves it until it is acknowledged.
    pub(super) async fn live(mut self) -> Result<Ending, RunnerError> {
        let stop = self.desk.stop().clone();
        let stopper = tokio::spawn(stop_with(self.shutdown.clone(), stop));
        let outcome = match self.state.outcome()? {
            Some(outcome) => outcome,
            None => self.work().await?,
        };
        tracing::info!(outcome.exit = outcome.exit.as_str(), outcome.events = outcome.events, "ended");
        let is_wanted = self.state.was_started() || outcome.attempt < self.config.attempt.attempt;
        // A client that sees the end of the log asks for the outcome.
        self.desk.enter(Stage::Ended(Box::new(outcome)));
        self.refuse_orders();
        self.recorder.log().seal();
        let ending = self.wait(is_wanted).await;
        stopper.abort();
        Ok(ending)
    }

    /// Told to go after a turn, the runner stays: its outcome may not have been fetched yet. It ends by the
    /// acknowledgement, or by the pod's kill.
    async fn wait(&self, is_wanted: bool) -> Ending {
        if is_wanted {
            self.desk.acknowledged().cancelled().await;
            return Ending::Acknowledged;
        }
        tokio::select! {
            () = self.desk.acknowledged().cancelled() => Ending::Acknowledged,
            () = self.shutdown.cancelled() => Ending::NeverStarted,
        }
    }

    async fn work(&mut self) -> Result<Outcome, RunnerError> {
        self.sweep_earlier_attempts().await;
        self.end_earlier_attempt()?;
        self.desk.begin_attempt();
        if self.state.was_started() {
            return self.end_interrupted().await;
        }
        let record = match self.prepare().await {
            Ok(record) => record,
            // An earlier attempt has worked here: what it left is taken.
            Err(end) if end.exit() == ExitReason::Stopped && self.recorder.facts().turn().is_some() => {
                let record = WorkspaceRecord::read(&self.state.workspace_record()).unwrap_or_default();
                return self.stop_at_rest(&mut None, &record).await;
            }
            Err(end) => return self.end_unstarted(&end),
        };
        self.desk.enter(Stage::Ready);
        self.converse(&record).await
    }

    async fn prepare(&self) -> Result<WorkspaceRecord, TurnEnd> {
        let local = match self.config.allow_local_repositories {
            true => LocalRepositories::Allowed,
            false => LocalRepositories::Refused,
        };
        let shared = self.config.agent_socket.is_some();
        let rules = CheckoutRules { local, shared, lending: self.lending.as_ref() };
        let record = self.state.workspace_record();
        tokio::select! {
            prepared = workspace::prepare(&self.config.session, &self.config.workspace, &record, rules) => {
                prepared.map_err(|error| TurnEnd::failed(ExitReason::WorkspaceFailed, error.to_string()))
            }
            () = self.desk.stop().cancelled() => Err(stopped_before_start()),
        }
    }

    /// Takes the agent's changes, ends the run's last turn in the log, and makes the outcome of both.
    pub(super) async fn conclude(
        &mut self,
        end: TurnEnd,
        input: &RunAgentInput,
        record: &WorkspaceRecord,
    ) -> Result<Outcome, RunnerError> {
        let ended_at = clock::now();
        self.state.make_room();
        self.recorder.close_open()?;
        let (repositories, failure) = self.collect_in_sight(record).await?;
        let end = match failure {
            Some(failure) if end.exit() == ExitReason::Completed => {
                end.overridden(ExitReason::WorkspaceFailed, failure)
            }
            Some(failure) => {
                tracing::error!(error = failure, "the agent's changes are incomplete");
                end
            }
            None => end,
        };
        let event = ending_event(&end, input);
        let event = if self.is_interactive() { super::ending::last(event) } else { event };
        self.recorder.record(event)?;
        self.store_outcome(&end, ended_at, repositories)
    }

    pub(super) async fn collect(&self, record: &WorkspaceRecord) -> (Vec<RepositoryOutcome>, Option<String>) {
        workspace::collect(record, &self.config.workspace, &self.state, &self.config.redactor).await
    }

    /// Collects, and says so in the log where that takes a while: it is no time of the agent's.
    async fn collect_in_sight(
        &mut self,
        record: &WorkspaceRecord,
    ) -> Result<(Vec<RepositoryOutcome>, Option<String>), RunnerError> {
        let (folder, state, redactor) =
            (self.config.workspace.clone(), self.state.clone(), self.config.redactor.clone());
        let mut collecting = std::pin::pin!(workspace::collect(record, &folder, &state, &redactor));
        if let Ok(collected) = tokio::time::timeout(A_WHILE, &mut collecting).await {
            return Ok(collected);
        }
        if self.recorder.is_active() {
            self.recorder.record(Event::custom(COLLECTING, serde_json::json!({})))?;
        }
        Ok(collecting.await)
    }

    /// A run that ends before its first turn still says in its log what was asked and how it ended.
    pub(super) fn end_unstarted(&mut self, end: &TurnEnd) -> Result<Outcome, RunnerError> {
        let input = self.expected_input();
        self.recorder.record(Event::run_started(input.clone()))?;
        self.recorder.record(ending_event(end, &input))?;
        self.store_outcome(end, clock::now(), Vec::new())
    }

    pub(super) fn store_outcome(
        &mut self,
        end: &TurnEnd,
        ended_at: jiff::Timestamp,
        repositories: Vec<RepositoryOutcome>,
    ) -> Result<Outcome, RunnerError> {
        self.state.make_room();
        let (log, facts) = (self.recorder.log(), self.recorder.facts());
        log.sync()?;
        let said = Some(end.report.summary.as_str()).filter(|summary| !summary.is_empty());
        let summary = said.unwrap_or_else(|| facts.last_text());
        let outcome = Outcome {
            run: self.config.session.key.clone(),
            attempt: self.config.attempt.attempt,
            exit: end.exit(),
            message: bounded(self.recorder.redact(end.message())),
            with_its_pod: end.exit() == ExitReason::Stopped && self.shutdown.is_cancelled(),
            summary: bounded(self.recorder.redact(summary)),
            model: end.report.model.clone().or_else(|| facts.model().map(str::to_owned)),
            usage: facts.usage(),
            started_at: facts.started_at().unwrap_or(ended_at),
            ended_at,
            repositories: repositories.into_iter().map(|one| self.without_secrets(one)).collect(),
            events: log.progress().last,
            events_digest: log.digest(),
            redactions: self.recorder.redactions(),
        };
        self.state.store_outcome(&outcome)?;
        Ok(outcome)
    }

    fn without_secrets(&self, mut repository: RepositoryOutcome) -> RepositoryOutcome {
        let branches = repository.other_lines.iter_mut().map(|line| &mut line.name);
        let names = repository.ignored.iter_mut().chain(&mut repository.left_out).chain(branches);
        names.for_each(|name| *name = self.recorder.redact(name));
        repository
    }

    /// Whether the run waits for messages: the session wants that, and its agent can be talked to.
    pub(super) fn is_interactive(&self) -> bool {
        let features = self.bridge.capabilities().agent_features;
        self.config.session.interactive && features.contains(&AgentFeature::AgenticChat)
    }

    /// The input that a first turn has; the log's beginning where nobody has sent one.
    pub(super) fn expected_input(&self) -> RunAgentInput {
        let session = &self.config.session;
        RunAgentInput::prompt(&session.session_uid, &self.config.attempt.to_string(), &session.prompt)
    }

    /// Marks the processes of this attempt, and of no other.
    pub(super) fn mark(&self) -> String {
        format!("{}/{}", self.config.session.session_uid, self.config.attempt)
    }
}

/// Most bytes of a message or a summary in an outcome, and so in a result; the transcript has all of it.
const TEXT_LIMIT: usize = 64 * 1024;

fn bounded(mut text: String) -> String {
    if text.len() > TEXT_LIMIT {
        text.truncate(text.floor_char_boundary(TEXT_LIMIT));
        text.push_str(" […]");
    }
    text
}

pub(super) fn stopped_before_start() -> TurnEnd {
    TurnEnd::failed(ExitReason::Stopped, "the run was stopped before its agent was started")
}

async fn stop_with(shutdown: CancellationToken, stop: CancellationToken) {
    shutdown.cancelled().await;
    stop.cancel();
}
