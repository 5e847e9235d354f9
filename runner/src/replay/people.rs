//! Where a fixture waits for people: it says what it waits for, and reads one more input.

use std::io::{BufRead, Write};

use ambient_protocol::answers::{Choices, Consent, INPUT_REQUIRED, TOOL_CALL};
use ambient_protocol::events::{Interrupt, RunOutcome};
use ambient_protocol::{Event, RunAgentInput};
use serde_json::json;

use super::PlayError;
use super::fixture::Question;
use super::player::Player;

/// Inputs of turns, one a line.
pub(super) struct Inputs<Input>(Input);

impl<Input: BufRead> Inputs<Input> {
    pub(super) fn new(input: Input) -> Self {
        Self(input)
    }

    /// The next one; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<RunAgentInput>, PlayError> {
        let mut line = String::new();
        if self.0.read_line(&mut line).map_err(PlayError::Input)? == 0 {
            return Ok(None);
        }
        serde_json::from_str(&line).map(Some).map_err(|error| PlayError::Input(error.into()))
    }
}

impl<Input: BufRead, Output: Write> Player<'_, Input, Output> {
    /// Waits for a message that begins another turn; `false` where none comes.
    pub(super) fn listen(&mut self) -> Result<bool, PlayError> {
        let Some(input) = self.inputs.next()? else { return Ok(false) };
        self.variables.set("prompt", input.last_user_text().unwrap_or_default().trim());
        self.input = input;
        Ok(true)
    }

    /// Waits for a message within the turn.
    pub(super) fn hear(&mut self, variable: &str) -> Result<(), PlayError> {
        let input = self.inputs.next()?;
        let said = input.and_then(|input| input.last_user_text()).unwrap_or_default();
        self.variables.set(variable, said.trim());
        Ok(())
    }

    /// Asks for consent to a call. Gives what the call returns where there is none.
    pub(super) fn consent(&mut self, call: &str, tool: &str) -> Result<Result<(), String>, PlayError> {
        let question = Interrupt {
            tool_call_id: Some(call.to_owned()),
            message: Some(tool.to_owned()),
            response_schema: Some(Consent::schema(false)),
            ..Interrupt::new(&format!("{call}.consent"), TOOL_CALL)
        };
        let answered = self.put(question.with_metadata("tool", tool.into()))?;
        let consent = answered.map(|answer| answer.as_consent().as_it_is()).unwrap_or_default();
        if consent.approved {
            return Ok(Ok(()));
        }
        Ok(Err(consent.message.map_or_else(|| "denied".to_owned(), |why| format!("denied: {why}"))))
    }

    /// Asks, and sets the question's variable.
    pub(super) fn ask(&mut self, question: &Question) -> Result<(), PlayError> {
        let (id, words) = (self.next_id("question"), self.variables.fill(&question.question));
        let options: Vec<_> = question.options.iter().map(|option| json!({"label": option})).collect();
        let interrupt = Interrupt {
            message: Some(words.clone()),
            response_schema: Some(Choices::schema()),
            ..Interrupt::new(&id, INPUT_REQUIRED)
        };
        let asked = json!([{"question": words, "options": options, "multiSelect": false}]);
        let answer = self.put(interrupt.with_metadata("questions", asked))?;
        let choices = answer.and_then(|answer| answer.as_choices()).unwrap_or_default();
        let chosen = choices.answers.get(&words).cloned().unwrap_or_default();
        self.variables.set(&question.variable, chosen);
        Ok(())
    }

    /// Puts a question, and waits for its answer: the next turn's input.
    fn put(&mut self, question: Interrupt) -> Result<Option<ambient_protocol::Answer>, PlayError> {
        let id = question.id.clone();
        let outcome = RunOutcome::Interrupt { interrupts: vec![question] };
        let (thread, run) = (self.input.thread_id.clone(), self.input.run_id.clone());
        self.emit(&Event::run_finished(&thread, &run, None, outcome, Vec::new()))?;
        let Some(input) = self.inputs.next()? else { return Ok(None) };
        let answer = input.resume.iter().find(|answer| answer.interrupt_id == id).cloned();
        self.input = input;
        Ok(answer)
    }
}
