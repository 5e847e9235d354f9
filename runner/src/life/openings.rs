//! How turns begin, and what of it stands in the log.

use ambient_protocol::answers::{Answer, AnswersReceipt, Given, PLATFORM};
use ambient_protocol::environment::GIT_DEPTH;
use ambient_protocol::events::{EventBody, Interrupt, MessageRole, PROTOCOL_VERSION, RunOutcome};
use ambient_protocol::input::Message;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{Event, RunAgentInput};
use serde_json::json;

use super::RunnerError;
use super::attempt::Attempt;
use super::ending::is_last;
use crate::clock;
use crate::orders::Taken;
use crate::turn::Opening;
use crate::workspace::WorkspaceRecord;

/// A turn that has begun: its `RUN_STARTED` is in the log.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) input: RunAgentInput,
    /// Sequence number of the last event before it.
    pub(super) after: u64,
    /// Whether a new process for it goes on with the conversation.
    pub(super) goes_on: bool,
    /// Whether the framework was to take the conversation up, and has it no more.
    pub(super) is_lost: bool,
    /// Whether it is the last turn once more, which was cut off.
    pub(super) runs_again: bool,
    /// Whether another turn of this run came before it.
    pub(super) is_further: bool,
}

impl Begun {
    /// What an agent that is there is told.
    pub(super) fn opening(&self) -> Opening<'_> {
        match self.input.resume.as_slice() {
            [] => Opening::Message(self.input.last_user_text().unwrap_or_default()),
            answers => Opening::Answers(answers),
        }
    }

    /// The same turn for a framework that has lost the conversation.
    pub(super) fn anew(self) -> Self {
        Self { is_lost: true, runs_again: false, ..self }
    }
}

impl Attempt {
    /// The attempt's first turn. A turn that was cut off in an earlier attempt is run again in its place. None where the
    /// conversation rests: then there is nothing to run.
    pub(super) fn begin_first(
        &mut self,
        input: RunAgentInput,
        by: &str,
    ) -> Result<Option<Begun>, RunnerError> {
        let facts = self.recorder.facts();
        let ends_run = |ending: &Event| !self.is_interactive() || is_last(ending);
        let was_cut_off = facts.ending().is_some_and(|ending| is_cut_off(ending, ends_run(ending)));
        let rests = facts.ending().is_some_and(|ending| !is_last(ending)) && self.is_interactive();
        if rests && !was_cut_off {
            return Ok(None);
        }
        let parent_run_id = facts.turn().map(str::to_owned);
        let messages = facts.asked().filter(|_| was_cut_off).map(|asked| vec![asked.clone()]);
        let messages = messages.unwrap_or_else(|| input.messages.clone());
        let input =
            RunAgentInput { messages, parent_run_id: input.parent_run_id.clone().or(parent_run_id), ..input };
        self.turns += 1;
        self.begin(input, by, |begun| Begun { goes_on: was_cut_off, runs_again: was_cut_off, ..begun })
            .map(Some)
    }

    /// A turn that a message begins.
    pub(super) fn begin_message(&mut self, message: Message, by: &str) -> Result<Begun, RunnerError> {
        let input = self.input_of(vec![message], Vec::new());
        self.begin(input, by, |begun| begun)
    }

    /// The turn that goes on with answers, and what is said to whoever gave them.
    pub(super) fn begin_answers(
        &mut self,
        answers: Vec<Answer>,
        by: &str,
    ) -> Result<(Begun, AnswersReceipt), RunnerError> {
        let given = Given { by: by.to_owned(), at: clock::now() };
        let answers = answers.into_iter().map(|answer| answer.given(&given)).collect();
        let input = self.input_of(Vec::new(), answers);
        let receipt = AnswersReceipt { turn: input.run_id.clone(), given, before: false };
        Ok((self.begin(input, by, |begun| begun)?, receipt))
    }

    /// What became of answers to questions that had all been answered before.
    pub(super) fn answered_before(&self, answers: &[Answer]) -> Option<Taken> {
        let facts = self.recorder.facts();
        let found: Option<Vec<_>> =
            answers.iter().map(|answer| facts.answer_to(&answer.interrupt_id)).collect();
        let (turn, given) = found?.last().copied()?.clone();
        Some(Taken::Answered(AnswersReceipt { turn, given, before: true }))
    }

    /// What somebody said in the turn that goes on.
    pub(super) fn record_said(&mut self, message: &Message, by: &str) -> Result<(), RunnerError> {
        let start = EventBody::TextMessageStart {
            message_id: message.id.clone(),
            role: Some(MessageRole::User),
            name: None,
            subagent_run_id: None,
        };
        self.recorder.record(Event::from(start).with_metadata("by", by.into()))?;
        self.recorder.record(Event::text_content(&message.id, &message.text()))?;
        Ok(self.recorder.record(Event::text_end(&message.id))?)
    }

    /// The input of a further turn.
    pub(super) fn input_of(&mut self, messages: Vec<Message>, resume: Vec<Answer>) -> RunAgentInput {
        self.turns += 1;
        RunAgentInput {
            thread_id: self.config.session.session_uid.clone(),
            run_id: format!("{}-t{}", self.config.attempt, self.turns),
            protocol_version: Some(PROTOCOL_VERSION.to_owned()),
            parent_run_id: self.recorder.facts().turn().map(str::to_owned),
            messages,
            state: None,
            tools: Vec::new(),
            context: Vec::new(),
            forwarded_props: None,
            resume,
        }
    }

    /// Says in the log what the first turn has less of than people may think.
    pub(super) fn tell_of_workspace(
        &mut self,
        begun: &Begun,
        record: &WorkspaceRecord,
    ) -> Result<(), RunnerError> {
        for name in record.with_short_history().filter(|_| !begun.is_further) {
            let why = format!(
                "only its latest commits are checked out; {GIT_DEPTH}: \"0\" among the session's variables brings all"
            );
            let value = json!({"repository": name, "history": why});
            self.recorder.record(Event::custom("ambient.workspace", value))?;
        }
        Ok(())
    }

    fn begin(
        &mut self,
        input: RunAgentInput,
        by: &str,
        change: impl FnOnce(Begun) -> Begun,
    ) -> Result<Begun, RunnerError> {
        let is_further = self.recorder.facts().turn().is_some();
        let after = self.recorder.log().progress().last;
        self.recorder.record(Event::run_started(input.clone()).with_metadata("by", by.into()))?;
        self.record_model()?;
        let begun = Begun { input, after, goes_on: true, is_lost: false, runs_again: false, is_further };
        Ok(change(begun))
    }
}

/// Nobody has answered: in the platform's name.
pub(super) fn denied(questions: &[Interrupt]) -> Vec<Answer> {
    let given = Given { by: PLATFORM.to_owned(), at: clock::now() };
    questions.iter().map(|question| Answer::cancelled(&question.id).given(&given)).collect()
}

/// Whether the turn that this event ends was cut off, and not given up by the agent. A stop that was wanted ends its run:
/// where another attempt follows it was the pod that was told to end.
fn is_cut_off(ending: &Event, is_last: bool) -> bool {
    let cut_off = [ExitReason::AgentCrashed, ExitReason::AgentLost, ExitReason::OutOfMemory];
    match &ending.body {
        EventBody::RunError { code: Some(code), .. } => cut_off.iter().any(|reason| reason.as_str() == code),
        EventBody::RunFinished { outcome: Some(RunOutcome::Cancelled), .. } => is_last,
        _ => false,
    }
}
