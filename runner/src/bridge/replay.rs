//! The bridge of recorded runs: an agent process that speaks AG-UI events itself.

use std::path::PathBuf;

use ambient_protocol::answers::{Answer, TOOL_CALL};
use ambient_protocol::capabilities::AgentFeature;
use ambient_protocol::effective::Approval;
use ambient_protocol::environment::REPLAY_FIXTURE;
use ambient_protocol::events::{EventBody, Interrupt, RunOutcome, TokenUsage};
use ambient_protocol::input::Message;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::registry::REPLAY;
use ambient_protocol::{Event, FrameworkCapabilities, RunAgentInput};
use serde_json::Value;

use super::{Bridge, Failure, Flow, Report, Translation, Translator, TurnContext, Word};
use crate::carrier::{AgentCommand, AgentExit};

/// The fixture of a repository that has one.
const REPOSITORY_FIXTURE: &str = ".ambient/replay.yaml";

/// Drives `ambient replay`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replay;

impl Bridge for Replay {
    fn capabilities(&self) -> FrameworkCapabilities {
        FrameworkCapabilities {
            framework: REPLAY.to_owned(),
            agent_features: vec![
                AgentFeature::AgenticChat,
                AgentFeature::HumanInTheLoop,
                AgentFeature::Thinking,
                AgentFeature::ToolRendering,
            ],
            file_system: true,
            mcp: false,
            tracing: false,
            session_persistence: true,
        }
    }

    fn command(&self, context: &TurnContext<'_>) -> AgentCommand {
        let (program, mut arguments) = context.own_program();
        if let Some(fixture) = fixture(context) {
            arguments.extend(["--fixture".into(), fixture.into()]);
        }
        if let Some(taken_up) = context.takes_up {
            arguments.extend(["--turn".into(), taken_up.name.into()]);
        }
        AgentCommand {
            program,
            arguments,
            environment: context.base_environment(),
            directory: context.directory(),
            input: line(context.input).into_bytes(),
            files: Vec::new(),
        }
    }

    fn translator(&self, context: &TurnContext<'_>) -> Box<dyn Translator> {
        let taken_up = context.takes_up.and_then(|taken_up| taken_up.name.parse().ok());
        let mut translator = ReplayTranslator::new(Consent::of(context), taken_up.unwrap_or_default());
        translator.input =
            RunAgentInput { messages: Vec::new(), resume: Vec::new(), ..context.input.clone() };
        Box::new(translator)
    }
}

/// An input as the agent reads it.
fn line(input: &RunAgentInput) -> String {
    serde_json::to_string(input).unwrap_or_default() + "\n"
}

/// The session's own choice, else the repository's, else the built-in one.
fn fixture(context: &TurnContext<'_>) -> Option<PathBuf> {
    let named = context.base_environment().remove(REPLAY_FIXTURE);
    let in_repository = || Some(context.directory().join(REPOSITORY_FIXTURE)).filter(|path| path.is_file());
    named.map(|path| context.workspace.join(path)).or_else(in_repository)
}

#[derive(Debug)]
struct ReplayTranslator {
    consent: Consent,
    /// What inputs of further turns are made of.
    input: RunAgentInput,
    report: Option<Report>,
    /// How many turns have ended: what a later process passes over.
    turns: String,
}

impl Translator for ReplayTranslator {
    fn line(&mut self, line: &str) -> Translation {
        if line.trim().is_empty() {
            return Translation::default();
        }
        let event = Event::parse(line).unwrap_or_else(|_| unreadable(line));
        match event.body {
            // The runner begins and ends turns; the agent's word on it becomes the report.
            EventBody::RunStarted { .. } => Translation::default(),
            EventBody::RunFinished { outcome: Some(RunOutcome::Interrupt { interrupts }), .. } => {
                self.asked(interrupts)
            }
            EventBody::RunFinished { .. } | EventBody::RunError { .. } => {
                self.report = Some(report(&event));
                self.count_turn();
                Translation { flow: Flow::Concluded, ..Translation::default() }
            }
            _ => Translation::of(vec![event]),
        }
    }

    fn finish(&mut self, exit: AgentExit) -> Report {
        self.report.take().unwrap_or_else(|| {
            let failure = Failure::no_result(exit);
            Report::failed(failure.reason, failure.message)
        })
    }

    fn report(&mut self) -> Report {
        self.report.take().unwrap_or_default()
    }

    fn converses(&self) -> bool {
        true
    }

    /// It cannot be told; what is called off is passed over.
    fn call_off(&mut self) -> Vec<Word> {
        self.count_turn();
        Vec::new()
    }

    fn begin(&mut self, turn: &str) {
        turn.clone_into(&mut self.input.run_id);
    }

    fn answered(&mut self, answers: &[Answer]) -> Translation {
        self.told(&RunAgentInput { resume: answers.to_vec(), ..self.input.clone() })
    }

    fn said(&mut self, text: &str) -> Option<Translation> {
        let message = Message::user(&format!("{}-said", self.input.run_id), text);
        Some(self.told(&RunAgentInput { messages: vec![message], ..self.input.clone() }))
    }

    fn conversation(&self) -> Option<&str> {
        Some(&self.turns)
    }
}

impl ReplayTranslator {
    fn new(consent: Consent, turns: u32) -> Self {
        let input = RunAgentInput::prompt("", "", "");
        Self { consent, input, report: None, turns: turns.to_string() }
    }

    fn count_turn(&mut self) {
        self.turns = self.turns.parse::<u32>().map_or(1, |turns| turns.saturating_add(1)).to_string();
    }

    fn told(&self, input: &RunAgentInput) -> Translation {
        let mut line = line(input);
        line.pop();
        Translation { words: vec![Word::Line(line)], ..Translation::default() }
    }

    /// What the session lets pass is answered at once.
    fn asked(&mut self, questions: Vec<Interrupt>) -> Translation {
        if questions.iter().any(|question| self.consent.is_needed(question)) {
            return Translation { flow: Flow::Asks(questions), ..Translation::default() };
        }
        let answers = questions.iter().map(|question| match question.reason.as_str() {
            TOOL_CALL => Answer::allow(&question.id),
            _ => Answer::cancelled(&question.id),
        });
        self.answered(&answers.collect::<Vec<_>>())
    }
}

/// Whom the session asks.
#[derive(Debug, Clone, Default)]
struct Consent {
    approval: Approval,
    asks_people: bool,
}

impl Consent {
    fn of(context: &TurnContext<'_>) -> Self {
        Self { approval: context.session.approval.clone(), asks_people: context.asks_people() }
    }

    fn is_needed(&self, question: &Interrupt) -> bool {
        let tool = question.ambient_metadata("tool").and_then(Value::as_str);
        match question.reason.as_str() {
            TOOL_CALL => self.approval.holds(tool),
            _ => self.asks_people,
        }
    }
}

fn unreadable(line: &str) -> Event {
    let source = Some(REPLAY.to_owned());
    EventBody::Raw { event: Value::String(line.to_owned()), source, subagent_run_id: None }.into()
}

fn report(event: &Event) -> Report {
    let mut report = Report {
        cost_usd: event.ambient_metadata("costUsd").and_then(Value::as_f64),
        turns: event.ambient_metadata("turns").and_then(Value::as_u64).map_or(0, saturated),
        model: event.ambient_metadata("model").and_then(Value::as_str).map(str::to_owned),
        ..Report::default()
    };
    match &event.body {
        EventBody::RunFinished { result, usage, outcome, .. } => {
            report.usage = usage.clone().unwrap_or_default();
            let text = |value: &Value| value.get("summary").unwrap_or(value).as_str().map(str::to_owned);
            report.summary = result.as_ref().and_then(text).unwrap_or_default();
            if *outcome == Some(RunOutcome::Cancelled) {
                let message = "the agent cancelled its run".to_owned();
                report.failure = Some(Failure { reason: ExitReason::AgentFailed, message });
            }
        }
        EventBody::RunError { message, usage, .. } => {
            report.usage = usage.clone().unwrap_or_default();
            report.failure = Some(Failure { reason: ExitReason::AgentFailed, message: message.clone() });
        }
        _ => {}
    }
    name_model(&mut report);
    report
}

/// A recorded run names its model once; its usage is that model's.
fn name_model(report: &mut Report) {
    let named = report.usage.iter().find_map(|usage| usage.model.clone());
    report.model = report.model.take().or(named);
    for TokenUsage { model, .. } in &mut report.usage {
        *model = model.take().or_else(|| report.model.clone());
    }
}

fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translate(lines: &[&str]) -> (Vec<Event>, Report) {
        let mut translator = ReplayTranslator::new(Consent::default(), 0);
        let events = lines.iter().flat_map(|line| translator.line(line).events).collect();
        (events, translator.finish(AgentExit::Code(3)))
    }

    #[test]
    fn events_pass_and_the_end_becomes_the_report() {
        let (events, report) = translate(&[
            r#"{"type":"RUN_STARTED","threadId":"t","runId":"r"}"#,
            r#"{"type":"TEXT_MESSAGE_START","messageId":"m"}"#,
            r#"{"type":"RUN_FINISHED","threadId":"t","runId":"r","result":{"summary":"Done."},"usage":[{"inputTokens":5}],"metadata":{"ambient":{"model":"recorded","turns":2,"costUsd":0.01}}}"#,
        ]);
        assert_eq!(
            events,
            vec![serde_json::from_str(r#"{"type":"TEXT_MESSAGE_START","messageId":"m"}"#).unwrap()]
        );
        assert_eq!((report.summary.as_str(), report.turns, report.cost_usd), ("Done.", 2, Some(0.01)));
        assert_eq!(report.usage[0].model.as_deref(), Some("recorded"));
        assert_eq!(report.failure, None);
    }

    #[test]
    fn junk_is_kept_and_no_end_is_a_crash() {
        let (events, report) = translate(&["oh no", "", "{\"type\":\"FUTURE\",\"x\":1}"]);
        let kinds: Vec<_> = events.iter().map(|event| event.body.kind()).collect();
        assert_eq!(kinds, ["RAW", "RAW"]);
        let failure = report.failure.unwrap();
        assert_eq!(failure.reason, ExitReason::AgentCrashed);
        assert_eq!(failure.message, "the agent ended with exit code 3 without giving a result");
    }
}
