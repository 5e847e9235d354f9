//! Plays a fixture: steps become events, line by line.

use std::io::{self, BufRead, Write};

use ambient_protocol::events::{EventBody, RunOutcome, TokenUsage};
use ambient_protocol::{Event, RunAgentInput};
use serde_json::Value;

use super::PlayError;
use super::effects::{Holdings, sleep};
use super::fixture::{Finish, Fixture, Step, ToolUse};
use super::people::Inputs;
use super::template::Variables;

/// Words of a text that come in one piece.
const WORDS: usize = 4;

/// One playing of a fixture.
pub(super) struct Player<'a, Input, Output> {
    fixture: &'a Fixture,
    pub(super) input: RunAgentInput,
    pub(super) inputs: Inputs<Input>,
    output: Output,
    pub(super) variables: Variables,
    holdings: Holdings,
    count: u32,
}

impl<'a, Input: BufRead, Output: Write> Player<'a, Input, Output> {
    pub(super) fn new(
        fixture: &'a Fixture,
        input: RunAgentInput,
        inputs: Inputs<Input>,
        output: Output,
    ) -> Self {
        let mut variables = Variables::default();
        variables.set("prompt", input.last_user_text().unwrap_or_default().trim());
        variables.set("thread", &input.thread_id);
        variables.set("run", &input.run_id);
        Self { fixture, input, inputs, output, variables, holdings: Holdings::default(), count: 0 }
    }

    /// Plays from a turn on to the end, and gives the exit code. Turns that are not there are the last one.
    pub(super) fn play_from(mut self, turn: usize) -> Result<u8, PlayError> {
        let steps = &self.fixture.steps;
        let begins =
            steps.iter().enumerate().filter(|(_, step)| **step == Step::Listen).map(|(at, _)| at + 1);
        let start = std::iter::once(0).chain(begins).take(turn + 1).last().unwrap_or_default();
        for step in &steps[start..] {
            match step {
                Step::Listen if !self.listen()? => return Ok(0),
                Step::Exit(code) => return Ok(*code),
                Step::Fail(message) => {
                    let message = self.variables.fill(message);
                    self.emit(&Event::run_error("AgentFailed", &message, vec![]))?;
                    return Ok(1);
                }
                Step::Listen => {}
                step => self.step(step)?,
            }
        }
        Ok(0)
    }

    fn step(&mut self, step: &Step) -> Result<(), PlayError> {
        match step {
            Step::Reasoning(text) => self.reasoning(text),
            Step::Text(text) => self.text(text),
            Step::Tool(tool) => self.tool(tool),
            Step::Event(event) => {
                let line = self.variables.fill_json(event).to_string();
                self.line(&line)
            }
            Step::Effect(effect) => self.holdings.perform(effect, &mut self.variables),
            Step::Junk(text) => self.line(&self.variables.fill(text)),
            Step::Complain(text) => {
                writeln!(io::stderr(), "{}", self.variables.fill(text)).map_err(PlayError::Output)
            }
            Step::Ask(question) => self.ask(question),
            Step::Hear(variable) => self.hear(variable),
            Step::Finish(finish) => self.finish(finish),
            Step::Listen | Step::Fail(_) | Step::Exit(_) => Ok(()),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), PlayError> {
        let (id, text) = (self.next_id("message"), self.variables.fill(text));
        self.emit(&Event::text_start(&id))?;
        for piece in pieces(&text) {
            self.emit(&Event::text_content(&id, piece))?;
        }
        self.emit(&Event::text_end(&id))
    }

    fn reasoning(&mut self, text: &str) -> Result<(), PlayError> {
        let (message_id, text) = (self.next_id("reasoning"), self.variables.fill(text));
        let (id, owner) = (message_id.clone(), None);
        self.emit(
            &EventBody::ReasoningStart { message_id: id.clone(), subagent_run_id: owner.clone() }.into(),
        )?;
        let role = Some("reasoning".to_owned());
        let start = EventBody::ReasoningMessageStart { message_id: id, role, subagent_run_id: owner.clone() };
        self.emit(&start.into())?;
        for piece in pieces(&text) {
            let (message_id, delta) = (message_id.clone(), piece.to_owned());
            let subagent_run_id = owner.clone();
            self.emit(&EventBody::ReasoningMessageContent { message_id, delta, subagent_run_id }.into())?;
        }
        let end =
            EventBody::ReasoningMessageEnd { message_id: message_id.clone(), subagent_run_id: owner.clone() };
        self.emit(&end.into())?;
        self.emit(&EventBody::ReasoningEnd { message_id, subagent_run_id: owner }.into())
    }

    fn tool(&mut self, tool: &ToolUse) -> Result<(), PlayError> {
        let id = self.next_id("call");
        self.emit(&Event::tool_start(&id, &tool.name, None))?;
        let input = self.variables.fill_json(&tool.input).to_string();
        for piece in pieces(&input) {
            self.emit(&Event::tool_args(&id, piece))?;
        }
        self.emit(&Event::tool_end(&id))?;
        if tool.consent
            && let Err(denied) = self.consent(&id, &tool.name)?
        {
            return self.emit(&Event::tool_result(&format!("{id}.result"), &id, &denied));
        }
        for effect in &tool.effects {
            self.holdings.perform(effect, &mut self.variables)?;
        }
        let result = self.variables.fill(&tool.result);
        self.emit(&Event::tool_result(&format!("{id}.result"), &id, &result))
    }

    fn finish(&mut self, finish: &Finish) -> Result<(), PlayError> {
        let usage = TokenUsage {
            model: finish.model.clone(),
            input_tokens: Some(finish.input_tokens),
            output_tokens: Some(finish.output_tokens),
            cached_input_tokens: Some(finish.cached_input_tokens),
            ..TokenUsage::default()
        };
        let result = serde_json::json!({ "summary": self.variables.fill(&finish.summary) });
        let success = RunOutcome::Success { pending_tool_call_ids: vec![] };
        let (thread, run) = (&self.input.thread_id, &self.input.run_id);
        let mut event = Event::run_finished(thread, run, Some(result), success, vec![usage])
            .with_metadata("turns", finish.turns.into());
        if let Some(cost) = finish.cost_usd {
            event = event.with_metadata("costUsd", cost.into());
        }
        if let Some(model) = &finish.model {
            event = event.with_metadata("model", Value::String(model.clone()));
        }
        self.emit(&event)
    }

    /// Ids differ between the attempts of a run, whose events stand in one log.
    pub(super) fn next_id(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{}.{kind}-{}", self.input.run_id, self.count)
    }

    pub(super) fn emit(&mut self, event: &Event) -> Result<(), PlayError> {
        sleep(self.fixture.pace);
        self.line(&event.to_json())
    }

    fn line(&mut self, line: &str) -> Result<(), PlayError> {
        writeln!(self.output, "{line}").and_then(|()| self.output.flush()).map_err(PlayError::Output)
    }
}

/// A text in pieces of some words, spaces kept.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let ends = rest.match_indices(' ').map(|(index, _)| index + 1);
        let end = ends.take(WORDS).nth(WORDS - 1).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_the_text() {
        for text in ["", "one", "one two three four five", "a  b  c  d  e ", "no-spaces-at-all"] {
            assert_eq!(pieces(text).collect::<String>(), text);
            assert!(pieces(text).all(|piece| piece.split(' ').count() <= WORDS + 1));
        }
    }

    #[test]
    fn a_fixture_becomes_a_stream_that_keeps_the_rules() {
        let text = "steps:\n- reasoning: I think about {{prompt}}.\n- text: Hello you there.\n\
                    - tool: {name: Read, input: {a: '{{prompt}}'}, result: ok}\n- finish: {summary: Done, turns: 1}\n";
        let fixture = Fixture::parse(text).unwrap();
        let input = RunAgentInput::prompt("t", "r", "it");
        let mut output = Vec::new();
        let inputs = Inputs::new(io::empty());
        let player = Player::new(&fixture, input.clone(), inputs, &mut output);
        assert_eq!(player.play_from(0).unwrap(), 0);
        let mut verifier = ambient_protocol::Verifier::default();
        verifier.accept(&Event::run_started(input)).unwrap();
        let text = String::from_utf8(output).unwrap();
        text.lines().for_each(|line| verifier.accept(&Event::parse(line).unwrap()).unwrap());
        assert!(
            !verifier.is_active()
                && text.contains("I think about it.")
                && text.contains("\\\"a\\\":\\\"it\\\"")
        );
    }
}
